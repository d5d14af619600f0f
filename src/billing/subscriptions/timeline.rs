//! `GET /billing/subscription/:id/timeline`: what each day is, what paid for it, and by which rule.

use axum::extract::State;
use chrono::{Months, NaiveDate};
use kiwoom_paid_time::{Charge, Kind, Reason, Segment, Status, Subscription};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::statuses::{PaymentStatus, payment_status};
use crate::billing::answers::Coverage;
use crate::billing::store;
use crate::context::AppState;
use crate::http::answer::{self, Answer, Success};
use crate::http::description::words;
use crate::http::error::{ApiError, Code};
use crate::http::extract::{Fields, FromFields, PathId, Query};
use crate::payments::store::{Payment, payments_of};
use crate::rules::ids::SubscriptionId;
use crate::rules::text::Text;
use kiwoom_clock::kst;

const MAX_YEARS: u32 = 5;

/// Which days to show.
pub struct TimelineRequest {
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
}

impl FromFields for TimelineRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        Some(Self { from: f.optional("from"), to: f.optional("to") })
    }
}

words!(
    /// Why days are what they are.
    SegmentReason,
    [
        "whole",
        "stub",
        "changed",
        "trial",
        "free_phase",
        "before_anchor",
        "extension",
        "no_consent",
        "missed",
        "declined",
        "paused",
        "unpaid",
        "outside",
    ]
);

/// The days of a subscription.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineBody {
    subscription_id: String,
    from: NaiveDate,
    /// The day after the last one.
    to: NaiveDate,
    /// In order; each day is in one of them.
    segments: Vec<SegmentBody>,
}

/// The days from `start` on, up to the day before `end`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SegmentBody {
    start: NaiveDate,
    end: NaiveDate,
    days: i64,
    /// `paid`, `free`, `open` (its charge is under way, unknown or being retried) or `none`.
    #[schema(value_type = Coverage)]
    kind: &'static str,
    /// `whole`, `stub`, `changed`, `trial`, `free_phase`, `before_anchor`, `extension`, `no_consent`,
    /// `missed`, `declined`, `paused`, `unpaid` or `outside`.
    #[schema(value_type = SegmentReason)]
    reason: &'static str,
    /// Price of these days in won, before credit and what is carried.
    amount: i64,
    /// Only when part of the amount is tax-free.
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_free_amount: Option<i64>,
    rule: SegmentRuleBody,
    /// What was asked of the card for these days, and others.
    #[serde(skip_serializing_if = "Option::is_none")]
    charge: Option<SegmentChargeBody>,
    /// The attempts of that charge, oldest first.
    payments: Vec<SegmentPaymentBody>,
    /// Still to come: as it is when each charge is approved and nothing is changed.
    planned: bool,
}

/// Why these days are what they are.
#[derive(Serialize, ToSchema)]
struct SegmentRuleBody {
    /// As `reason`.
    #[schema(value_type = SegmentReason)]
    code: &'static str,
    message: &'static str,
}

/// A charge of a subscription: `amount` = the prices of its days − `credit` + `carried`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SegmentChargeBody {
    number: u32,
    /// What the card pays, in won; 0 when nothing was asked of it.
    amount: i64,
    /// Paid from the credit balance, in won.
    credit: i64,
    /// Won carried over from earlier charges; negative: too little to be charged, left to the next.
    carried: i64,
    /// Won given to the credit balance for its days that were not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    credited: Option<i64>,
}

impl From<&Charge> for SegmentChargeBody {
    fn from(charge: &Charge) -> Self {
        Self {
            number: charge.id,
            amount: charge.amount.won,
            credit: charge.credit.won,
            carried: charge.carried_in.won - charge.carried_out.won,
            credited: Some(charge.credited.won).filter(|won| *won > 0),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SegmentPaymentBody {
    payment_id: String,
    order_id: String,
    #[schema(value_type = PaymentStatus)]
    status: &'static str,
    /// Won.
    amount: i64,
    /// The day in Korea on which it was made.
    date: NaiveDate,
}

impl From<&Payment> for SegmentPaymentBody {
    fn from(payment: &Payment) -> Self {
        Self {
            payment_id: payment.id.to_string(),
            order_id: payment.told_order_no().to_owned(),
            status: payment_status(payment),
            amount: payment.amount.get(),
            date: kst(payment.created_at).date_naive(),
        }
    }
}

/// Get the timeline of a subscription.
///
/// Every day from `from` to `to` (exclusive, at most five years), by segment: what paid for it, and
/// by which rule. Left out, from its first day to a year from today. What is to come takes each
/// charge to be approved and nothing to be changed.
#[utoipa::path(
    get, path = "/billing/subscription/{id}/timeline", operation_id = "getSubscriptionTimeline",
    tag = "billing",
    params(
        ("id" = String, Path),
        ("from" = Option<NaiveDate>, Query, description = "YYYY-MM-DD"),
        ("to" = Option<NaiveDate>, Query, description = "YYYY-MM-DD, not included"),
    ),
    responses(
        (status = 200, description = "The days", body = Success<TimelineBody>),
    )
)]
pub async fn show(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    Query(request): Query<TimelineRequest>,
) -> Answer {
    let mut tx = ctx.begin().await?;
    let found = store::find_subscription(&mut tx, SubscriptionId::parse(&id), ctx.rules()).await?;
    let found = found.ok_or(ApiError::from(Code::SubscriptionNotFound))?;
    let payments = payments_of(&mut tx, found.row.id).await?;
    tx.rollback().await?;
    let today = ctx.clock.today();
    let made_on = kst(found.row.created_at).date_naive();
    let first = found.paid.segments.first().map_or(made_on, |s| s.period.start.min(made_on));
    let (from, to) = (request.from.unwrap_or(first), request.to.unwrap_or(today + Months::new(12)));
    check(from, to)?;
    let days = found.paid.timeline(today, from, to);
    let body = |segment| segment_body(&found.paid, segment, &payments, today);
    Ok(answer::ok(TimelineBody {
        subscription_id: found.row.id.to_string(),
        from,
        to,
        segments: days.iter().map(body).collect(),
    }))
}

fn check(from: NaiveDate, to: NaiveDate) -> Result<(), ApiError> {
    if to > from
        && from.checked_add_months(Months::new(12 * MAX_YEARS)).is_some_and(|max| to <= max)
    {
        return Ok(());
    }
    let ko = "from보다 뒤이고 from부터 5년 안의 날짜여야 합니다.";
    let reason = Text::new(ko, "Has to be after from, and within five years of it.");
    Err(ApiError::invalid_field("to", reason))
}

/// `segment` of the timeline of `paid`, as it is seen on `today`.
fn segment_body(
    paid: &Subscription,
    segment: &Segment,
    payments: &[Payment],
    today: NaiveDate,
) -> SegmentBody {
    // The timeline takes charges to be approved: those that are open stand as they are.
    let recorded = paid.segments.iter().find(|known| known.id == segment.id);
    let kind = recorded.map_or(segment.kind, |known| known.kind);
    let (code, message) = rule(reason(paid, segment));
    let charge = paid.charges.iter().find(|charge| Some(charge.id) == segment.charge);
    let is_its = |p: &&Payment| charge.is_some_and(|c| p.charge_no == i32::try_from(c.id).ok());
    SegmentBody {
        start: segment.period.start,
        end: segment.period.end,
        days: segment.period.days(),
        kind: kind_name(kind),
        reason: code,
        amount: segment.price.won,
        tax_free_amount: Some(segment.price.tax_free).filter(|part| *part > 0),
        rule: SegmentRuleBody { code, message },
        charge: charge.map(SegmentChargeBody::from),
        payments: payments.iter().filter(is_its).map(SegmentPaymentBody::from).collect(),
        planned: recorded.is_none() && segment.period.start >= today,
    }
}

/// The days after the last segment of one that is paused or unpaid are so.
fn reason(paid: &Subscription, segment: &Segment) -> Reason {
    let is_after = segment.period.start >= paid.covered_to();
    match paid.status {
        _ if segment.reason != Reason::Outside || !is_after => segment.reason,
        Status::Paused => Reason::Paused,
        Status::Unpaid => Reason::Unpaid,
        Status::Active | Status::PastDue | Status::Canceled => segment.reason,
    }
}

/// A kind as it is written in answers.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Paid => "paid",
        Kind::Free => "free",
        Kind::Open => "open",
        Kind::None => "none",
    }
}

/// The code of a reason, and the rule in words.
fn rule(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::Whole => ("whole", "결제일에 시작하는 회차 전체입니다."),
        Reason::Stub => ("stub", "결제일이나 종료일까지의 일부 회차이며 일수에 비례해 청구합니다."),
        Reason::Changed => ("changed", "즉시 변경한 조건이 적용되는 남은 기간입니다."),
        Reason::Trial => ("trial", "약속한 무료 체험 기간입니다."),
        Reason::FreePhase => ("free_phase", "0원으로 약속한 회차입니다."),
        Reason::BeforeAnchor => ("before_anchor", "첫 결제일 전까지 무료로 제공하는 기간입니다."),
        Reason::Extension => ("extension", "가맹점이 무료로 연장한 기간입니다."),
        Reason::NoConsent => {
            ("no_consent", "유료 전환에 대한 동의가 없어 다음 결제일까지 무료입니다.")
        }
        Reason::Missed => ("missed", "기간이 끝나기 전에 청구하지 못해 제공하지 않은 기간입니다."),
        Reason::Declined => ("declined", "결제가 최종 거절된 기간입니다."),
        Reason::Paused => ("paused", "일시정지된 기간입니다."),
        Reason::Unpaid => ("unpaid", "미납으로 서비스가 중단된 기간입니다."),
        Reason::Outside => ("outside", "서비스 시작 전이거나 종료 후입니다."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_is_of_one_day_to_five_years() {
        let date = |text: &str| -> NaiveDate { text.parse().unwrap() };
        for (from, to, allowed) in [
            ("2027-03-10", "2027-03-11", true),
            ("2027-03-10", "2032-03-10", true),
            ("2027-03-10", "2032-03-11", false),
            ("2027-03-10", "2027-03-10", false),
            ("2027-03-10", "2027-03-09", false),
            ("+262142-12-31", "2027-03-10", false),
        ] {
            assert_eq!(check(date(from), date(to)).is_ok(), allowed, "{from} {to}");
        }
    }
}
