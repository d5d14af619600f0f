//! The columns of a row that may change, and their values.

use chrono::NaiveDate;
use kiwoom_paid_time::{Start, Subscription};
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::types::Json;

use super::row::Row;
use super::text;

/// The columns that may change, in the order in which [`bind`] binds them.
const COLUMNS: [&str; 59] = [
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
    "consent_from",
    "told",
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

/// Binds the values of [`all`].
pub(super) fn bind<'q>(
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
        .bind(row.consent_from)
        .bind(&row.told)
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

/// A number of the model as it is stored.
pub(super) fn number(count: u32) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}

/// All columns, and `$first` and so on for them.
pub(super) fn all(first: usize) -> (String, String) {
    let columns = [&COLUMNS[..], &MODEL].concat();
    let values: Vec<_> = (first..first + columns.len()).map(|n| format!("${n}")).collect();
    (columns.join(", "), values.join(", "))
}
