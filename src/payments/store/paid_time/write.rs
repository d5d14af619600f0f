//! Writes a row with its paid time: of the tables only what has changed.

use chrono::{DateTime, NaiveDate, Utc};
use kiwoom_paid_time::{Start, Subscription};
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Postgres};
use uuid::Uuid;

use super::row::Row;
use super::{Loaded, derived, tables, text};

/// The columns that may change, in the order in which [`bind`] binds them.
const COLUMNS: [&str; 57] = [
    "plan_id",
    "billing_key_id",
    "product_name",
    "metadata",
    "retry_attempt",
    "retry_base",
    "retry_at",
    "retry_days",
    "next_attempt_at",
    "cancel_reason",
    "undo_labels",
    "consent_id",
    "legacy_end",
    "legacy_pause",
    "revision",
    "amount",
    "tax_free_amount",
    "status",
    "billing_interval",
    "interval_count",
    "cycle_day",
    "period_start",
    "next_billing_date",
    "cancel_at_period_end",
    "resume_on",
    "trial_end",
    "end_date",
    "cycles_left",
    "canceled_at",
    "canceled_on",
    "pending_amount",
    "pending_tax_free_amount",
    "pending_interval",
    "pending_interval_count",
    "pending_cycle_day",
    "pause_at_period_end",
    "credit",
    "carried",
    "period_kind",
    "period_reason",
    "paid_through",
    "next_charge_date",
    "next_charge_start",
    "next_charge_end",
    "next_charge_amount",
    "next_charge_reason",
    "rise_on",
    "rise_amount",
    "credit_tax_free",
    "carried_tax_free",
    "begins",
    "starts_on",
    "first_period",
    "trial_days",
    "proration",
    "total_cycles",
    "next_segment",
];
/// As [`COLUMNS`], after them.
const MODEL: [&str; 3] = ["next_charge", "kept", "undo"];

fn bind<'q>(
    query: Query<'q, Postgres, PgArguments>,
    row: &'q Row,
    paid: &'q Subscription,
) -> Query<'q, Postgres, PgArguments> {
    let (begins, starts_on, first_period, trial_days) = start(paid.start);
    let total: Option<i16> = paid.total_cycles.map(|n| n.try_into().unwrap_or(i16::MAX));
    query
        .bind(&row.plan_id)
        .bind(row.billing_key_id)
        .bind(&row.product_name)
        .bind(&row.metadata)
        .bind(row.retries.retry_attempt)
        .bind(row.retries.retry_base)
        .bind(row.retries.retry_at)
        .bind(&row.retries.retry_days)
        .bind(row.next_attempt_at)
        .bind(&row.cancel_reason)
        .bind(&row.undo_labels)
        .bind(row.consent_id)
        .bind(row.legacy_end)
        .bind(row.legacy_pause)
        .bind(row.revision)
        .bind(row.amount)
        .bind(row.tax_free_amount)
        .bind(row.status)
        .bind(&row.billing_interval)
        .bind(row.interval_count)
        .bind(row.cycle_day)
        .bind(row.period_start)
        .bind(row.next_billing_date)
        .bind(row.cancel_at_period_end)
        .bind(row.resume_on)
        .bind(row.trial_end)
        .bind(row.end_date)
        .bind(row.cycles_left)
        .bind(row.canceled_at)
        .bind(row.canceled_on)
        .bind(row.pending_amount)
        .bind(row.pending_tax_free_amount)
        .bind(&row.pending_interval)
        .bind(row.pending_interval_count)
        .bind(row.pending_cycle_day)
        .bind(row.pause_at_period_end)
        .bind(row.credit)
        .bind(row.carried)
        .bind(&row.period_kind)
        .bind(&row.period_reason)
        .bind(row.paid_through)
        .bind(row.next_charge_date)
        .bind(row.next_charge_start)
        .bind(row.next_charge_end)
        .bind(row.next_charge_amount)
        .bind(&row.next_charge_reason)
        .bind(row.rise_on)
        .bind(row.rise_amount)
        .bind(paid.credit.tax_free)
        .bind(paid.carried.tax_free)
        .bind(begins)
        .bind(starts_on)
        .bind(first_period)
        .bind(trial_days)
        .bind(text::of(paid.proration))
        .bind(total)
        .bind(number(paid.next_segment))
        .bind(number(paid.next_charge))
        .bind(Json(&paid.kept))
        .bind(paid.undo.as_ref().map(Json))
}

fn start(start: Start) -> (&'static str, NaiveDate, Option<String>, Option<i16>) {
    match start {
        Start::OnAnchor(day) => ("anchor", day, None, None),
        Start::Now(day, first) => ("now", day, Some(text::of(first)), None),
        Start::Trial(day, days) => ("trial", day, None, Some(days.try_into().unwrap_or(i16::MAX))),
    }
}

fn number(count: u32) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}

/// All columns, and `$first` and so on for them.
fn columns(first: usize) -> (String, String) {
    let columns = [&COLUMNS[..], &MODEL].concat();
    let values: Vec<_> = (first..first + columns.len()).map(|n| format!("${n}")).collect();
    (columns.join(", "), values.join(", "))
}

/// Stores a new subscription with its segments, charges and phases.
pub async fn insert(
    db: &mut PgConnection,
    loaded: &mut Loaded,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let Loaded { row, paid, stored } = loaded;
    row.end_date = paid.end_date;
    derived::derive(row, paid, now);
    let (columns, values) = columns(4);
    let sql = format!(
        "insert into subscriptions (id, customer_id, created_at, {columns})
         values ($1, $2, $3, {values})"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(row.id).bind(&row.customer_id);
    bind(query.bind(row.created_at), row, paid).execute(&mut *db).await?;
    let mut nothing = paid.clone();
    nothing.segments.clear();
    nothing.charges.clear();
    nothing.terms.phases.clear();
    write_tables(db, row.id.0, &nothing, paid).await?;
    (**stored).clone_from(paid);
    Ok(())
}

/// Stores what has changed since `loaded` was loaded, which has to have been under a lock; the row in
/// one statement, so that it is one event. Ends the lease on it. What follows from the paid time is
/// written into `loaded.row` as well. An error when somebody else has written the row since.
pub async fn save(
    db: &mut PgConnection,
    loaded: &mut Loaded,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let Loaded { row, paid, stored } = loaded;
    row.legacy_end &= paid.end_date == stored.end_date;
    if !row.legacy_end {
        row.end_date = paid.end_date;
    }
    derived::derive(row, paid, now);
    let before = row.revision;
    row.revision += 1;
    write_tables(db, row.id.0, stored, paid).await?;
    let (columns, values) = columns(3);
    let sql = format!(
        "update subscriptions set ({columns}, leased_until) = ({values}, null)
         where id = $1 and revision = $2"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(row.id).bind(before);
    let written = bind(query, row, paid).execute(db).await?;
    if written.rows_affected() == 0 {
        return Err(sqlx::Error::RowNotFound);
    }
    (**stored).clone_from(paid);
    Ok(())
}

async fn write_tables(
    db: &mut PgConnection,
    id: Uuid,
    stored: &Subscription,
    paid: &Subscription,
) -> sqlx::Result<()> {
    write_charges(db, id, stored, paid).await?;
    write_segments(db, id, stored, paid).await?;
    if stored.terms.phases != paid.terms.phases {
        let query = sqlx::query("delete from subscription_phases where subscription_id = $1");
        query.bind(id).execute(&mut *db).await?;
        let query = sqlx::query(
            "insert into subscription_phases (subscription_id, position, cycles, amount,
                tax_free_amount)
             select subscription_id, position, cycles, amount, tax_free_amount
             from jsonb_populate_recordset(null::subscription_phases, $1)",
        );
        let phases = tables::phases(id, &paid.terms.phases);
        query.bind(Json(phases)).execute(db).await?;
    }
    Ok(())
}

/// A segment that differs is written anew. All that goes goes first: no two may begin or end on one
/// day, not even for a moment.
async fn write_segments(
    db: &mut PgConnection,
    id: Uuid,
    stored: &Subscription,
    paid: &Subscription,
) -> sqlx::Result<()> {
    let mut gone = tables::segments(id, &stored.segments);
    let mut new = tables::segments(id, &paid.segments);
    let kept = gone.iter().zip(&new).take_while(|(old, new)| old == new).count();
    gone.drain(..kept);
    new.drain(..kept);
    if !gone.is_empty() {
        let numbers: Vec<_> = gone.iter().map(|row| number(row.number)).collect();
        let query = sqlx::query(
            "delete from subscription_segments where subscription_id = $1 and number = any($2)",
        );
        query.bind(id).bind(numbers).execute(&mut *db).await?;
    }
    if !new.is_empty() {
        let query = sqlx::query(
            "insert into subscription_segments (subscription_id, number, starts_on, ends_on, follows,
                kind, reason, charge_no, amount, tax_free_amount, rate_amount, rate_tax_free,
                rate_twelfths, of_days, phase, uses_cycle)
             select subscription_id, number, starts_on, ends_on, follows, kind, reason, charge_no,
                amount, tax_free_amount, rate_amount, rate_tax_free, rate_twelfths, of_days, phase,
                uses_cycle
             from jsonb_populate_recordset(null::subscription_segments, $1)",
        );
        query.bind(Json(new)).execute(db).await?;
    }
    Ok(())
}

async fn write_charges(
    db: &mut PgConnection,
    id: Uuid,
    stored: &Subscription,
    paid: &Subscription,
) -> sqlx::Result<()> {
    let old = tables::charges(id, &stored.charges);
    let mut new = tables::charges(id, &paid.charges);
    let stays = |row: &tables::ChargeRow| new.iter().any(|new| new.number == row.number);
    let gone = old.iter().filter(|row| !stays(row));
    let gone: Vec<_> = gone.map(|row| number(row.number)).collect();
    new.retain(|row| !old.contains(row));
    if !gone.is_empty() {
        let query = sqlx::query(
            "delete from subscription_charges where subscription_id = $1 and number = any($2)",
        );
        query.bind(id).bind(gone).execute(&mut *db).await?;
    }
    if !new.is_empty() {
        let query = sqlx::query(
            "insert into subscription_charges (subscription_id, number, first_tried_on, days, amount,
                tax_free_amount, credit, credit_tax_free, carried_in, carried_in_tax_free,
                carried_out, carried_out_tax_free, credited, credited_tax_free, state, counts,
                is_retry)
             select subscription_id, number, first_tried_on, days, amount, tax_free_amount, credit,
                credit_tax_free, carried_in, carried_in_tax_free, carried_out, carried_out_tax_free,
                credited, credited_tax_free, state, counts, is_retry
             from jsonb_populate_recordset(null::subscription_charges, $1)
             on conflict (subscription_id, number) do update set days = excluded.days,
                amount = excluded.amount, tax_free_amount = excluded.tax_free_amount,
                credit = excluded.credit, credit_tax_free = excluded.credit_tax_free,
                carried_in = excluded.carried_in, carried_in_tax_free = excluded.carried_in_tax_free,
                carried_out = excluded.carried_out,
                carried_out_tax_free = excluded.carried_out_tax_free,
                credited = excluded.credited, credited_tax_free = excluded.credited_tax_free,
                state = excluded.state, counts = excluded.counts, is_retry = excluded.is_retry",
        );
        query.bind(Json(new)).execute(db).await?;
    }
    Ok(())
}
