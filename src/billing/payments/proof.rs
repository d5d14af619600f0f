//! `GET /billing/payment/:id/proof`: every attempt that was made for the same money, and the rule
//! that let each of them be made and that allows or forbids the next one.

use axum::extract::State;
use chrono::NaiveDate;
use kiwoom_paid_time::{ChargeState, Segment, Status, Subscription};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answers::{PaymentBody, PeriodBody};
use crate::billing::answers::Coverage;
use crate::billing::payments::card_payment;
use crate::billing::store;
use crate::billing::subscriptions::timeline::{SegmentChargeBody, kind_name};
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Success};
use crate::http::description::words;
use crate::http::extract::PathId;
use crate::payments::store::{InitiatedBy, Payment, PaymentRef, attempts_of_charge};
use crate::rules::payment_state::{Obstacle, obstacle};
use kiwoom_clock::rfc3339_kst;

words!(
    /// Who began an attempt.
    Initiator,
    ["scheduler", "merchant", "buyer"]
);
words!(
    /// Why an attempt could be made, or why no other one is.
    AttemptRule,
    [
        "first_attempt",
        "earlier_declined",
        "paid",
        "outcome_unknown",
        "in_progress",
        "order_used",
        "period_over",
        "subscription_canceled",
    ]
);

/// What was done for one order or one charge of a subscription.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProofBody {
    #[schema(required)]
    subscription_id: Option<String>,
    /// The period paid for; `null` for a single charge.
    #[schema(required)]
    period: Option<PeriodBody>,
    /// What was asked for, and the days that it is for; `null` for a single charge.
    #[schema(required)]
    charge: Option<ProofChargeBody>,
    /// Oldest first. Each has an order number of its own and was at most one call that moves money.
    attempts: Vec<AttemptBody>,
    next: NextBody,
}

#[derive(Serialize, ToSchema)]
struct ProofChargeBody {
    #[serde(flatten)]
    charge: SegmentChargeBody,
    /// In order.
    segments: Vec<ChargedDaysBody>,
}

/// Days that a charge is for.
#[derive(Serialize, ToSchema)]
struct ChargedDaysBody {
    start: NaiveDate,
    /// The day after the last one.
    end: NaiveDate,
    /// As in a timeline.
    #[schema(value_type = Coverage)]
    kind: &'static str,
    /// Won.
    amount: i64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AttemptBody {
    /// Why it could be made.
    allowed_by: RuleBody,
    /// `scheduler`, `merchant` or `buyer`.
    #[schema(value_type = Initiator)]
    initiated_by: &'static str,
    /// When its outcome was recorded; `null` while it is under way.
    #[schema(required, format = DateTime)]
    settled_at: Option<String>,
    payment: PaymentBody,
}

/// Whether another attempt can be made for the same money.
#[derive(Serialize, ToSchema)]
struct NextBody {
    allowed: bool,
    rule: RuleBody,
}

#[derive(Serialize, ToSchema)]
struct RuleBody {
    /// `first_attempt`, `earlier_declined`, `paid`, `outcome_unknown`, `in_progress`, `order_used`,
    /// `period_over` or `subscription_canceled`.
    #[schema(value_type = AttemptRule)]
    code: &'static str,
    message: &'static str,
}

const FIRST: RuleBody = rule("first_attempt", "이 주문번호나 회차의 첫 시도입니다.");
const DECLINED: RuleBody =
    rule("earlier_declined", "이전 시도가 모두 키움페이에서 거절되어 결제된 금액이 없습니다.");
const PAID: RuleBody = rule("paid", "이미 결제되었습니다. 다시 청구하지 않습니다.");
const UNKNOWN: RuleBody = rule(
    "outcome_unknown",
    "이전 시도의 결과가 확인되지 않았습니다. 통지나 운영자가 확정할 때까지 다시 청구하지 않습니다.",
);
const UNDER_WAY: RuleBody = rule("in_progress", "이전 시도가 진행 중입니다.");
const CANCELED: RuleBody =
    rule("subscription_canceled", "구독이 취소되어 더 이상 청구하지 않습니다.");
const OVER: RuleBody = rule("period_over", "지난 회차입니다. 새 회차만 청구합니다.");
const USED: RuleBody =
    rule("order_used", "주문번호는 한 번만 사용할 수 있습니다. 다시 시도하지 않습니다.");

const fn rule(code: &'static str, message: &'static str) -> RuleBody {
    RuleBody { code, message }
}

/// Get the proof of a payment.
///
/// The proof that a payment was charged at most once: the attempts for its order or charge, their
/// results, and the rule that allowed or forbids another one. Takes the payment's id or order id.
#[utoipa::path(
    get, path = "/billing/payment/{id}/proof", operation_id = "getPaymentProof",
    tag = "billing", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The proof", body = Success<ProofBody>),
    )
)]
pub async fn show(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    let payment = card_payment(&ctx, &PaymentRef::parse(&id)).await?;
    let (mut made, charged) = match (payment.subscription_id, payment.charge_no) {
        (Some(id), Some(charge_no)) => {
            let mut db = ctx.pool.acquire().await?;
            let subscription = store::find_subscription(&mut db, id, ctx.rules()).await?;
            let made = attempts_of_charge(&mut db, id, charge_no).await?;
            let number = u32::try_from(charge_no).unwrap_or_default();
            (made, subscription.map(|s| (s.paid, number)))
        }
        _ => (vec![payment], None),
    };
    made.reverse();
    let charged = charged.as_ref().map(|(paid, number)| (paid, *number));
    Ok(answer::ok(proof(&ctx, made, charged)))
}

/// Why a declined charge is not tried again. A single order is tried once.
fn closed(charged: Option<(&Subscription, u32)>) -> Option<RuleBody> {
    let Some((paid, number)) = charged else { return Some(USED) };
    let is_over = paid.find_charge(number).is_none_or(|c| c.state == ChargeState::Declined);
    match paid.status {
        Status::Canceled => Some(CANCELED),
        _ if is_over => Some(OVER),
        Status::Active | Status::PastDue | Status::Paused | Status::Unpaid => None,
    }
}

/// The charge and its days.
fn charge((paid, number): (&Subscription, u32)) -> Option<ProofChargeBody> {
    let days = |s: &Segment| ChargedDaysBody {
        start: s.period.start,
        end: s.period.end,
        kind: kind_name(s.kind),
        amount: s.price.won,
    };
    Some(ProofChargeBody {
        charge: paid.find_charge(number)?.into(),
        segments: paid.segments_of(number).map(days).collect(),
    })
}

/// `made` is oldest first; `charged` is the subscription's charge that they are attempts of.
fn proof(ctx: &Context, made: Vec<Payment>, charged: Option<(&Subscription, u32)>) -> ProofBody {
    let last = made.last();
    ProofBody {
        subscription_id: last.and_then(|p| p.subscription_id).map(|id| id.to_string()),
        period: last.and_then(Payment::period).map(PeriodBody::from),
        charge: charged.and_then(charge),
        next: next(last.and_then(|p| obstacle(p.state)), closed(charged)),
        attempts: made.into_iter().enumerate().map(|(n, p)| attempt(ctx, n, p)).collect(),
    }
}

fn attempt(ctx: &Context, earlier: usize, payment: Payment) -> AttemptBody {
    AttemptBody {
        allowed_by: if earlier == 0 { FIRST } else { DECLINED },
        initiated_by: match payment.initiated_by {
            InitiatedBy::Scheduler => "scheduler",
            InitiatedBy::Merchant => "merchant",
            InitiatedBy::Buyer => "buyer",
        },
        settled_at: payment.settled_at.map(rfc3339_kst),
        payment: PaymentBody::new(ctx, payment),
    }
}

/// The rule that holds after the last attempt: the one that charging itself asks.
fn next(obstacle: Option<Obstacle>, closed: Option<RuleBody>) -> NextBody {
    let (allowed, rule) = match (obstacle, closed) {
        (Some(Obstacle::Paid), _) => (false, PAID),
        (Some(Obstacle::Unknown), _) => (false, UNKNOWN),
        (Some(Obstacle::UnderWay), _) => (false, UNDER_WAY),
        (None, Some(rule)) => (false, rule),
        (None, None) => (true, DECLINED),
    };
    NextBody { allowed, rule }
}
