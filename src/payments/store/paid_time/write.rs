//! Writes a row with its paid time: of the tables only what has changed.

use chrono::{DateTime, Utc};
use kiwoom_paid_time::{Status, Subscription};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::columns::{self, bind, number};
use super::tables::{ChargeRow, SegmentRow};
use super::{Loaded, derived, tables};
use crate::payments::links;
use crate::rules::moments;

/// SQL: charges, of which some may be there. A retry is the same charge.
const CHARGES: &str =
    "insert into subscription_charges (subscription_id, number, first_tried_on, days, amount,
        tax_free_amount, credit, credit_tax_free, carried_in, carried_in_tax_free, carried_out,
        carried_out_tax_free, credited, credited_tax_free, state, counts, is_retry)
     select subscription_id, number, first_tried_on, days, amount, tax_free_amount, credit,
        credit_tax_free, carried_in, carried_in_tax_free, carried_out, carried_out_tax_free, credited,
        credited_tax_free, state, counts, is_retry
     from jsonb_populate_recordset(null::subscription_charges, $1)
     on conflict (subscription_id, number) do update set days = excluded.days,
        amount = excluded.amount, tax_free_amount = excluded.tax_free_amount,
        credit = excluded.credit, credit_tax_free = excluded.credit_tax_free,
        carried_in = excluded.carried_in, carried_in_tax_free = excluded.carried_in_tax_free,
        carried_out = excluded.carried_out, carried_out_tax_free = excluded.carried_out_tax_free,
        credited = excluded.credited, credited_tax_free = excluded.credited_tax_free,
        state = excluded.state, counts = excluded.counts, is_retry = excluded.is_retry";
/// SQL: segments, of which some may be there on the same days.
const SEGMENTS: &str =
    "insert into subscription_segments (subscription_id, number, starts_on, ends_on, follows, kind,
        reason, charge_no, amount, tax_free_amount, rate_amount, rate_tax_free, rate_twelfths, of_days,
        phase, uses_cycle)
     select subscription_id, number, starts_on, ends_on, follows, kind, reason, charge_no, amount,
        tax_free_amount, rate_amount, rate_tax_free, rate_twelfths, of_days, phase, uses_cycle
     from jsonb_populate_recordset(null::subscription_segments, $2)
     on conflict (subscription_id, number) do update set kind = excluded.kind,
        reason = excluded.reason, charge_no = excluded.charge_no, amount = excluded.amount,
        tax_free_amount = excluded.tax_free_amount, rate_amount = excluded.rate_amount,
        rate_tax_free = excluded.rate_tax_free, rate_twelfths = excluded.rate_twelfths,
        of_days = excluded.of_days, phase = excluded.phase, uses_cycle = excluded.uses_cycle";

/// Stores a new subscription with its segments, charges and phases.
pub async fn insert(
    db: &mut PgConnection,
    loaded: &mut Loaded,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let Loaded { row, paid, stored } = loaded;
    row.end_date = paid.end_date;
    derived::derive(row, paid, now);
    let (charges, segments) =
        (tables::charges(row.id.0, &paid.charges), tables::segments(row.id.0, &paid.segments));
    let (columns, values) = columns::all(6);
    let sql = format!(
        "with charges as ({CHARGES}), segments as ({SEGMENTS})
         insert into subscriptions (id, customer_id, created_at, {columns})
         values ($3, $4, $5, {values})"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(Json(charges)).bind(Json(segments));
    let query = query.bind(row.id).bind(&row.customer_id).bind(row.created_at);
    bind(query, row, paid).execute(&mut *db).await?;
    insert_phases(db, row.id.0, paid).await?;
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
    let charges = charges_to_write(db, row.id.0, stored, paid).await?;
    let segments = segments_to_write(db, row.id.0, stored, paid).await?;
    let (columns, values) = columns::all(5);
    let sql = format!(
        "with charges as ({CHARGES}), segments as ({SEGMENTS})
         update subscriptions set ({columns}, leased_until) = ({values}, null)
         where id = $3 and revision = $4"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(Json(charges)).bind(Json(segments));
    let query = query.bind(row.id).bind(before);
    let written = bind(query, row, paid).execute(&mut *db).await?;
    if written.rows_affected() == 0 {
        return Err(sqlx::Error::RowNotFound);
    }
    if stored.terms.phases != paid.terms.phases {
        let query = sqlx::query("delete from subscription_phases where subscription_id = $1");
        query.bind(row.id).execute(&mut *db).await?;
        insert_phases(db, row.id.0, paid).await?;
    }
    let is_over = paid.status == Status::Canceled && stored.status != Status::Canceled;
    if is_over || moments::owed(stored) != moments::owed(paid) {
        links::owed_no_longer(db, row.id, is_over, now).await?;
    }
    (**stored).clone_from(paid);
    Ok(())
}

async fn insert_phases(db: &mut PgConnection, id: Uuid, paid: &Subscription) -> sqlx::Result<()> {
    let query = sqlx::query(
        "insert into subscription_phases (subscription_id, position, cycles, amount, tax_free_amount)
         select subscription_id, position, cycles, amount, tax_free_amount
         from jsonb_populate_recordset(null::subscription_phases, $1)",
    );
    query.bind(Json(tables::phases(id, &paid.terms.phases))).execute(db).await.map(drop)
}

/// The segments that differ. All that goes goes first: no two may begin or end on one day, not even for a
/// moment. What keeps its days stays and is changed.
async fn segments_to_write(
    db: &mut PgConnection,
    id: Uuid,
    stored: &Subscription,
    paid: &Subscription,
) -> sqlx::Result<Vec<SegmentRow>> {
    let old = tables::segments(id, &stored.segments);
    let mut new = tables::segments(id, &paid.segments);
    let goes = |row: &&SegmentRow| !new.iter().any(|new| new.has_days_of(row));
    let gone: Vec<_> = old.iter().filter(goes).map(|row| number(row.number)).collect();
    new.retain(|row| !old.contains(row));
    if !gone.is_empty() {
        let query = sqlx::query(
            "delete from subscription_segments where subscription_id = $1 and number = any($2)",
        );
        query.bind(id).bind(gone).execute(db).await?;
    }
    Ok(new)
}

/// The charges that differ, after those that go.
async fn charges_to_write(
    db: &mut PgConnection,
    id: Uuid,
    stored: &Subscription,
    paid: &Subscription,
) -> sqlx::Result<Vec<ChargeRow>> {
    let old = tables::charges(id, &stored.charges);
    let mut new = tables::charges(id, &paid.charges);
    let goes = |row: &&ChargeRow| !new.iter().any(|new| new.number == row.number);
    let gone: Vec<_> = old.iter().filter(goes).map(|row| number(row.number)).collect();
    new.retain(|row| !old.contains(row));
    if !gone.is_empty() {
        let query = sqlx::query(
            "delete from subscription_charges where subscription_id = $1 and number = any($2)",
        );
        query.bind(id).bind(gone).execute(db).await?;
    }
    Ok(new)
}
