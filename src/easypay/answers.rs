//! The JSON of an order.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answers::{PaymentBody, receipt_method};
use crate::context::Context;
use crate::http::description::words;
use crate::payments::store::{Payment, Refund, RefundState};
use crate::rules::payment_state::State;
use kiwoom_clock::rfc3339_kst;

words!(
    /// The status of an order.
    OrderStatus,
    [
        "ready",
        "paid",
        "partially_canceled",
        "canceled",
        "failed",
        "expired",
        "mismatch",
        "unknown",
    ]
);

/// An order of the hosted window.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderBody {
    order_id: String,
    /// `ready`, `paid`, `partially_canceled`, `canceled`, `failed`, `expired`, `mismatch` or
    /// `unknown` (a cancellation whose answer was lost).
    #[schema(value_type = OrderStatus)]
    status: &'static str,
    amount: i64,
    /// Only when part of the amount is tax-free.
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_free_amount: Option<i64>,
    paid_amount: i64,
    canceled_amount: i64,
    #[schema(required)]
    method: Option<String>,
    #[schema(required)]
    transaction_id: Option<String>,
    #[schema(required)]
    receipt_url: Option<String>,
    /// Where the cash receipt is, when the buyer asked for one. Only in production, and only of a bank
    /// transfer or a deposit.
    #[serde(skip_serializing_if = "Option::is_none")]
    cash_receipt_url: Option<String>,
    #[schema(required, format = DateTime)]
    paid_at: Option<String>,
    #[schema(required, format = DateTime)]
    canceled_at: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// Only when it was paid after it had expired, failed or been closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<bool>,
    /// Only when KiwoomPay took money with this order's number that does not pay it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unexpected_payments: Vec<PaymentBody>,
    /// Only when a try failed, or another amount was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<OrderFailure>,
}

#[derive(Serialize, ToSchema)]
struct OrderFailure {
    code: String,
    message: String,
}

impl OrderBody {
    /// The order with its refunds, newest first, and the money that was taken beside it.
    pub fn new(
        ctx: &Context,
        order: Payment,
        refunds: &[Refund],
        unexpected: Vec<Payment>,
    ) -> Self {
        let unexpected = unexpected.into_iter().map(|money| PaymentBody::new(ctx, money));
        let paid = order.state == State::Approved;
        let canceled = refunds.iter().filter_map(|r| r.refunded_at).max();
        let canceled = canceled.or(order.settled_at.filter(|_| order.state == State::Closed));
        let paid_by = receipt_method(ctx, &order);
        let receipt = order.transaction_id.as_deref();
        Self {
            status: status(&order, refunds),
            amount: order.amount.get(),
            tax_free_amount: Some(order.tax_free_amount).filter(|part| *part > 0),
            paid_amount: if paid { order.amount.get() } else { 0 },
            canceled_amount: order.refunded_amount,
            receipt_url: receipt.map(|id| {
                let cpid = ctx.kiwoom.cpid_of(order.cpid.as_deref());
                ctx.kiwoom.receipt_url(cpid, paid_by, id)
            }),
            cash_receipt_url: receipt
                .filter(|_| ctx.config.is_production())
                .and_then(|id| ctx.kiwoom.cash_receipt_url(paid_by, id)),
            method: order.method.clone(),
            paid_at: order.approved_at.map(rfc3339_kst),
            canceled_at: canceled.map(rfc3339_kst),
            created_at: rfc3339_kst(order.created_at),
            late: order.late.then_some(true),
            unexpected_payments: unexpected.collect(),
            failure: order.failure_code.map(|code| OrderFailure {
                code,
                message: order.failure_message.unwrap_or_default(),
            }),
            order_id: order.order_no,
            transaction_id: order.transaction_id,
        }
    }
}

fn status(order: &Payment, refunds: &[Refund]) -> &'static str {
    match order.state {
        State::Ready | State::Sending => "ready",
        State::Declined => "failed",
        State::Expired => "expired",
        State::Closed => "canceled",
        State::Mismatch => "mismatch",
        State::Unknown => "unknown",
        State::Approved if refunds.iter().any(|r| r.state == RefundState::Unknown) => "unknown",
        State::Approved if order.refunded_amount == 0 => "paid",
        State::Approved if order.refunded_amount < order.amount.get() => "partially_canceled",
        State::Approved => "canceled",
    }
}
