//! The JSON of billing keys and subscriptions.

use axum::response::Response;
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answers::PeriodBody;
use crate::billing::store::{BillingKey, Subscription};
use crate::context::Context;
use crate::http::answer;
use crate::kiwoom::codes;
use crate::rules::metadata::Metadata;
use crate::rules::money::Won;
use crate::rules::schedule::Rules;
use crate::rules::subscription_state::Status;
use kiwoom_clock::rfc3339_kst;

/// A registered card.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BillingKeyBody {
    billing_key: String,
    customer_id: String,
    customer_name: String,
    card: CardBody,
    /// `active`, `inactive` (its card was ended for good) or `deleted`.
    status: &'static str,
    /// Only of an `inactive` one: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    inactive: Option<InactiveBody>,
    created_at: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CardBody {
    company: String,
    company_code: String,
    /// First six and last four digits.
    number: String,
}

/// The refusal that ended a card.
#[derive(Serialize, ToSchema)]
struct InactiveBody {
    /// RESULTCODE.
    code: String,
    message: String,
    since: String,
}

impl From<BillingKey> for BillingKeyBody {
    fn from(key: BillingKey) -> Self {
        Self {
            status: key.status_name(),
            inactive: key.ended.since.map(|at| InactiveBody {
                code: key.ended.code.unwrap_or_default(),
                message: key.ended.message.unwrap_or_default(),
                since: rfc3339_kst(at),
            }),
            billing_key: key.id.to_string(),
            customer_id: key.customer_id,
            customer_name: key.customer_name,
            card: CardBody {
                company: codes::company(&key.card_company_code).to_owned(),
                company_code: key.card_company_code,
                number: key.card_number_masked,
            },
            created_at: rfc3339_kst(key.created_at),
        }
    }
}

/// A subscription.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionBody {
    id: String,
    /// `active`, `past_due`, `paused`, `unpaid` or `canceled`.
    status: &'static str,
    billing_key: String,
    customer_id: String,
    plan_id: String,
    amount: i64,
    product_name: String,
    cycle_day: i16,
    /// `week`, `month` or `year`; with `intervalCount` only when it is not once a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_count: Option<i16>,
    /// `null` while nothing is going to be billed: paused, unpaid, canceled.
    #[schema(required)]
    next_billing_date: Option<NaiveDate>,
    current_period: PeriodBody,
    cancel_at_period_end: bool,
    #[schema(required)]
    retry: Option<RetryBody>,
    /// Days after the first declined attempt of a period on which it is tried again.
    retry_days: Vec<i16>,
    /// While it is past due: until when the customer should keep access.
    #[schema(required)]
    access_until: Option<String>,
    /// Only while it is paused until a date.
    #[serde(skip_serializing_if = "Option::is_none")]
    resumes_on: Option<NaiveDate>,
    /// The first billing date, while the trial lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_end: Option<NaiveDate>,
    /// No period that would begin on this day or later is charged.
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
    #[schema(value_type = Object)]
    metadata: Metadata,
    created_at: String,
    #[schema(required)]
    canceled_at: Option<String>,
    #[schema(required)]
    cancel_reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RetryBody {
    /// Which retry comes next, 1 for the first.
    attempt: i16,
    next_at: String,
}

impl SubscriptionBody {
    /// The subscription under the service's rules.
    pub fn new(rules: &Rules, s: Subscription) -> Self {
        let billed =
            matches!(s.state.status, Status::Active | Status::PastDue) && !s.state.is_last_period();
        let cadence = s.state.cadence;
        let retry_at = s.state.retry_at.filter(|_| s.state.status == Status::PastDue);
        let pending = s.pending_amount.filter(|_| s.state.status != Status::Canceled);
        let pending_tax_free = s.pending_tax_free_amount.filter(|part| *part > 0);
        Self {
            id: s.id.to_string(),
            status: status_name(s.state.status),
            billing_key: s.billing_key_id.to_string(),
            customer_id: s.customer_id,
            plan_id: s.plan_id,
            amount: s.amount.get(),
            product_name: s.product_name,
            cycle_day: cadence.anchor.get(),
            interval: (!cadence.is_monthly()).then(|| cadence.interval.name()),
            interval_count: (!cadence.is_monthly()).then_some(cadence.count),
            next_billing_date: billed.then_some(s.state.next_billing_date),
            current_period: s.state.period().into(),
            cancel_at_period_end: s.state.cancel_at_period_end,
            retry: retry_at
                .map(|at| RetryBody { attempt: s.state.retry_attempt, next_at: rfc3339_kst(at) }),
            retry_days: s.state.retry_days(rules).all().to_vec(),
            access_until: s.state.access_until(rules).map(rfc3339_kst),
            resumes_on: s.state.resume_on.filter(|_| s.state.status == Status::Paused),
            trial_end: s.state.trial_end(),
            end_date: s.state.end_date,
            cycles_left: s.state.cycles_left,
            tax_free_amount: Some(s.tax_free_amount).filter(|part| *part > 0),
            pending_amount: pending.map(Won::get),
            pending_from: pending.filter(|_| billed).map(|_| s.state.next_billing_date),
            pending_tax_free_amount: pending.and(pending_tax_free),
            metadata: s.metadata.0,
            created_at: rfc3339_kst(s.created_at),
            canceled_at: s.canceled_at.map(rfc3339_kst),
            cancel_reason: s.cancel_reason,
        }
    }
}

/// 200 with the subscription.
pub fn subscription_answer(ctx: &Context, s: Subscription) -> Response {
    answer::ok(SubscriptionBody::new(ctx.rules(), s))
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::Incomplete | Status::Active => "active",
        Status::PastDue => "past_due",
        Status::Paused => "paused",
        Status::Unpaid => "unpaid",
        Status::Canceled => "canceled",
    }
}
