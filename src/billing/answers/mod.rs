//! The JSON of billing keys and subscriptions.

mod billing_key;
mod paid_time;

use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use kiwoom_paid_time::{Cadence, Interval, Period};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answers::PeriodBody;
use crate::context::Context;
use crate::http::answer;
use crate::http::description::words;
use crate::http::fields::schedule::{IntervalName, interval_name};
use crate::payments::store::paid_time::{Loaded, Row};
use crate::rules::metadata::Metadata;
use crate::rules::money::Won;
use crate::rules::schedule::{Rules, due_at};
use crate::rules::subscription_state::Status;
use kiwoom_clock::rfc3339_kst;

pub use billing_key::BillingKeyBody;
use paid_time::RestBody;
pub use paid_time::{NextChargeBody, Shown};

words!(
    /// The status of a subscription.
    SubscriptionStatus,
    ["incomplete", "active", "past_due", "paused", "unpaid", "canceled"]
);
words!(
    /// What covers days: a payment, a promise, a charge that is under way, unknown or still to be made,
    /// or nothing.
    Coverage,
    ["paid", "free", "open", "none"]
);

/// A subscription.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionBody {
    id: String,
    /// `incomplete` (its first charge is under way, or has no known outcome), `active`, `past_due`,
    /// `paused`, `unpaid` or `canceled`.
    #[schema(value_type = SubscriptionStatus)]
    status: &'static str,
    billing_key: String,
    customer_id: String,
    plan_id: String,
    amount: i64,
    product_name: String,
    cycle_day: u32,
    /// `week`, `month` or `year`; with `intervalCount` only when it is not once a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IntervalName>)]
    interval: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_count: Option<u32>,
    /// `null` while nothing is going to be billed: paused, unpaid, canceled.
    #[schema(required)]
    next_billing_date: Option<NaiveDate>,
    current_period: PeriodBody,
    /// End (exclusive) of the time that is paid, or free as promised; `null` before the first charge.
    #[schema(required)]
    paid_through: Option<NaiveDate>,
    /// What covers today: `paid`, `free`, `open` (its charge is under way, unknown or to be made or
    /// tried again) or `none`.
    #[schema(value_type = Coverage)]
    coverage: &'static str,
    /// What is charged next, when nothing is changed; `null` when nothing is.
    #[schema(required)]
    next_charge: Option<NextChargeBody>,
    /// Won that changes at once have left over: the next charges use them.
    credit_balance: i64,
    /// Won that were too little to be charged, and are asked for with the next charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    carried_amount: Option<i64>,
    cancel_at_period_end: bool,
    /// Only while it is to pause when what is paid is used up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_at_period_end: Option<bool>,
    #[schema(required)]
    retry: Option<RetryBody>,
    /// Days after the first declined attempt of a period on which it is tried again.
    retry_days: Vec<i16>,
    /// While it is past due: until when the customer should keep access.
    #[schema(required, format = DateTime)]
    access_until: Option<String>,
    /// Only while it is paused until a date.
    #[serde(skip_serializing_if = "Option::is_none")]
    resumes_on: Option<NaiveDate>,
    /// The end (exclusive) of the trial, while it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_end: Option<NaiveDate>,
    /// No day from this one on is charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<NaiveDate>,
    /// With `totalCycles`: how many periods are still to be charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    cycles_left: Option<i16>,
    /// Only when part of the amount is tax-free.
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_free_amount: Option<i64>,
    /// Only while a price rise is pending: the higher amount, which waits for its day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_amount: Option<i64>,
    /// Only while a price rise is pending and something is going to be billed: `nextBillingDate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_from: Option<NaiveDate>,
    /// Only when part of the pending amount is tax-free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_tax_free_amount: Option<i64>,
    /// Only while a rise or another interval waits for the next period: all that holds then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<PendingBody>,
    #[serde(flatten)]
    rest: RestBody,
    #[schema(value_type = Object)]
    metadata: Metadata,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(required, format = DateTime)]
    canceled_at: Option<String>,
    #[schema(required)]
    cancel_reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RetryBody {
    /// Which retry comes next, 1 for the first.
    attempt: i16,
    #[schema(format = DateTime)]
    next_at: String,
}

/// What waits for the next period.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PendingBody {
    amount: i64,
    /// Only when part of the amount is tax-free.
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_free_amount: Option<i64>,
    #[schema(value_type = IntervalName)]
    interval: &'static str,
    interval_count: u32,
    cycle_day: u32,
    from: NaiveDate,
}

/// What holds now and what waits: a change that is no rise shows at once, a rise on its day.
struct Agreed {
    amount: i64,
    tax_free: i64,
    cadence: Cadence,
    rise: Option<i64>,
    pending: Option<PendingBody>,
}

impl Agreed {
    fn of(row: &Row) -> Self {
        let present = row.cadence();
        let coming = row.pending_cadence().unwrap_or(present);
        let price = row.pending_amount.map(Won::get).zip(row.pending_tax_free_amount);
        let (amount, tax_free) = price.unwrap_or((row.amount.get(), row.tax_free_amount));
        // In a trial any price holds at once: what waits for its day is the first charge.
        let rise = row.rise_amount.filter(|_| trial_end(row).is_none());
        let moves = (present.interval, present.count) != (coming.interval, coming.count);
        let pending = (rise.is_some() && price.is_some() || moves).then(|| PendingBody {
            amount,
            tax_free_amount: Some(tax_free).filter(|part| *part > 0),
            interval: interval_name(coming.interval),
            interval_count: coming.count,
            cycle_day: coming.anchor,
            from: row.next_billing_date,
        });
        let over = row.status == Status::Canceled && amount > row.amount.get();
        if rise.is_none() && !over {
            return Self { amount, tax_free, cadence: coming, rise, pending };
        }
        // The day may move though the price waits.
        let cadence = if moves { present } else { coming };
        let (amount, tax_free) = (row.amount.get(), row.tax_free_amount);
        Self { amount, tax_free, cadence, rise, pending }
    }
}

impl SubscriptionBody {
    /// The subscription under the service's rules.
    pub fn new(rules: &Rules, row: Row, shown: Shown) -> Self {
        let billed = is_billed(&row);
        let Agreed { amount, tax_free, cadence, rise, pending } = Agreed::of(&row);
        let rise = rise.filter(|_| row.status != Status::Canceled);
        let retry_days = row.retries.days(row.cadence(), rules).all().to_vec();
        let monthly = cadence.interval == Interval::Month && cadence.count == 1;
        let retry_at = row.retries.retry_at.filter(|_| row.status == Status::PastDue);
        let pending_part = row.pending_tax_free_amount.filter(|part| *part > 0);
        Self {
            access_until: access_until(&row, rules).map(rfc3339_kst),
            trial_end: trial_end(&row),
            id: row.id.to_string(),
            status: status_name(row.status),
            billing_key: row.billing_key_id.to_string(),
            customer_id: row.customer_id,
            plan_id: row.plan_id,
            amount,
            product_name: row.product_name,
            cycle_day: cadence.anchor,
            interval: (!monthly).then(|| interval_name(cadence.interval)),
            interval_count: (!monthly).then_some(cadence.count),
            next_billing_date: billed.then_some(row.next_billing_date),
            current_period: Period { start: row.period_start, end: row.next_billing_date }.into(),
            paid_through: row.paid_through,
            coverage: shown.coverage,
            next_charge: shown.next_charge,
            credit_balance: row.credit,
            carried_amount: Some(row.carried).filter(|won| *won > 0),
            cancel_at_period_end: row.cancel_at_period_end,
            pause_at_period_end: row.pause_at_period_end.then_some(true),
            retry: retry_at.map(|at| RetryBody {
                attempt: row.retries.retry_attempt,
                next_at: rfc3339_kst(at),
            }),
            retry_days,
            resumes_on: row.resume_on.filter(|_| row.status == Status::Paused),
            end_date: row.end_date,
            cycles_left: row.cycles_left,
            tax_free_amount: Some(tax_free).filter(|part| *part > 0),
            pending_amount: rise,
            pending_from: rise.and(row.rise_on).filter(|_| billed),
            pending_tax_free_amount: rise.and(pending_part),
            pending: pending.filter(|_| row.status != Status::Canceled),
            rest: shown.rest,
            metadata: row.metadata.0,
            created_at: rfc3339_kst(row.created_at),
            canceled_at: row.canceled_at.map(rfc3339_kst),
            cancel_reason: row.cancel_reason,
        }
    }

    /// The subscription as it stands now.
    pub fn of(ctx: &Context, s: &Loaded) -> Self {
        Self::new(ctx.rules(), s.row.clone(), Shown::of(s, ctx.clock.today()))
    }
}

/// 200 with the subscription.
pub fn subscription_answer(ctx: &Context, s: &Loaded) -> Response {
    answer::ok(SubscriptionBody::of(ctx, s))
}

/// Whether it goes on when its present days are used up.
fn is_billed(row: &Row) -> bool {
    matches!(row.status, Status::Active | Status::PastDue) && !ends(row) && !row.pause_at_period_end
}

fn ends(row: &Row) -> bool {
    row.cancel_at_period_end
        || row.cycles_left == Some(0)
        || row.end_date.is_some_and(|end| row.next_billing_date >= end)
}

/// The end of the trial, while it lasts.
fn trial_end(row: &Row) -> Option<NaiveDate> {
    row.trial_end.filter(|end| row.period_start < *end && row.status != Status::Canceled)
}

/// While it is past due: the last retry, or the end of the days that it is for.
fn access_until(row: &Row, rules: &Rules) -> Option<DateTime<Utc>> {
    let base = row.retries.retry_base.filter(|_| row.status == Status::PastDue)?;
    let last = row.retries.days(row.cadence(), rules).last(base);
    // The retry that is planned is made, whatever became of the days since.
    let last = last.map(|day| due_at(day, rules.charge_hour)).max(row.retries.retry_at)?;
    let hour = if is_billed(row) { rules.charge_hour } else { 0 };
    Some(last.min(due_at(row.next_billing_date, hour)))
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::Incomplete => "incomplete",
        Status::Active => "active",
        Status::PastDue => "past_due",
        Status::Paused => "paused",
        Status::Unpaid => "unpaid",
        Status::Canceled => "canceled",
    }
}
