//! `POST /easypay/cancel`: gives back what was paid, or closes what was not.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answers::PaymentBody;
use crate::api::refunds::{RefundBody, refund_refused};
use crate::api::statuses::NotKnown;
use crate::context::{AppState, Context};
use crate::easypay::answers::OrderBody;
use crate::easypay::checkout::{find_order, order_body};
use crate::http::answer::{self, Answer, Success};
use crate::http::description;
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::{Body, Fields, FromFields};
use crate::http::fields::{Reason, TaxFree};
use crate::kiwoom::text::OrderNo;
use crate::layers::idempotency::NewId;
use crate::payments::checkout;
use crate::payments::refund::{self, Request};
use crate::payments::store::{self, Kind, Payment, PaymentRef, Refund, RefundState};
use crate::rules::ids::{PaymentId, RefundId};
use crate::rules::money::Won;
use crate::rules::payment_state::State as OrderState;
use crate::rules::text::Text;

/// Which order to cancel, and how much of it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = OrderCancelRequest)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// One of `orderId` and `transactionId`.
    order_id: Option<OrderNo>,
    #[schema(value_type = Option<description::AnyText>)]
    transaction_id: Option<String>,
    /// Won; left out = all that is left.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9_999_999_999_i64)]
    amount: Option<Won>,
    /// Tax-free part of the amount in won; left out, the taxable part goes back first.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_999_999_999_i64)]
    tax_free_amount: Option<i64>,
    reason: Option<Reason>,
}

impl FromFields for CancelRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        if f.has("orderId") == f.has("transactionId") {
            f.refuse(
                "orderId",
                Text::new(
                    "orderId, transactionId 중 하나만 보내야 합니다.",
                    "Send exactly one of orderId and transactionId.",
                ),
            );
        }
        let amount = f.optional("amount");
        Some(Self {
            order_id: f.optional("orderId"),
            transaction_id: f.optional("transactionId"),
            amount,
            tax_free_amount: TaxFree::of(f, amount),
            reason: f.optional("reason"),
        })
    }
}

impl CancelRequest {
    /// The one that was sent.
    fn order(&self) -> PaymentRef {
        match (&self.order_id, &self.transaction_id) {
            (Some(order_no), _) => PaymentRef::OrderNo(order_no.as_str().to_owned()),
            (None, id) => PaymentRef::Transaction(id.clone().unwrap_or_default()),
        }
    }
}

/// A cancelled order.
#[derive(Serialize, ToSchema)]
pub struct Canceled {
    /// Only while the outcome is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<NotKnown>)]
    status: Option<&'static str>,
    /// `null` when nothing had been paid.
    #[schema(required)]
    refund: Option<RefundBody>,
    payment: PaymentBody,
    order: OrderBody,
}

/// Cancel an order.
///
/// Cancels an order whole or in part. An order that was never paid is closed without calling
/// KiwoomPay; with `amount` or `taxFreeAmount` that is 409, and nothing changes. With the
/// `transactionId` of unexpected money that is given back, and the order stays as it is.
#[utoipa::path(
    post, path = "/easypay/cancel", operation_id = "cancelOrder",
    tag = "easypay", request_body = CancelRequest,
    responses(
        (status = 200, description = "Cancelled", body = Success<Canceled>),
        (status = 202, description = "The gateway's answer was lost: never retry by yourself",
            body = Success<Canceled>),
        (status = 409, description = "`refund_exceeds_balance`, `refund_not_allowed`, \
            `outcome_unknown`", body = ErrorBody),
        (status = 502, description = "`gateway_unavailable` or `merchant_setting`: nothing was cancelled",
            body = ErrorBody),
    )
)]
pub async fn cancel(
    State(ctx): State<AppState>,
    new: NewId,
    Body(request): Body<CancelRequest>,
) -> Answer {
    let order = money(&ctx, &request.order()).await?;
    let id = RefundId(new.id);
    if new.resumed
        && let Some(made) = store::find_refund(&ctx.pool, id).await?
    {
        return refunded(&ctx, made, order).await;
    }
    match order.state {
        // Of what was not paid no part can be given back.
        OrderState::Ready | OrderState::Expired | OrderState::Declined | OrderState::Closed
            if request.amount.is_some() || request.tax_free_amount.is_some() =>
        {
            Err(Code::RefundNotAllowed.into())
        }
        OrderState::Ready | OrderState::Expired | OrderState::Declined => {
            let mut tx = ctx.begin().await?;
            let reason = request.reason.as_ref().map(|reason| reason.0.as_str());
            let closed = checkout::close(&mut tx, order.id, reason, ctx.clock.now()).await?;
            tx.commit().await?;
            // It was paid in this moment: the caller looks again.
            let closed = closed.ok_or(ApiError::from(Code::RefundNotAllowed))?;
            never_paid(&ctx, closed).await
        }
        OrderState::Closed => never_paid(&ctx, order).await,
        OrderState::Approved | OrderState::Mismatch | OrderState::Unknown | OrderState::Sending => {
            let request = Request {
                id,
                payment: PaymentRef::Id(order.id),
                wanted: request.amount.into(),
                tax_free_amount: request.tax_free_amount,
                reason: request.reason.map(|r| r.0),
            };
            let (refund, payment) = refund::refund(&ctx, request).await?;
            // Only a refund of what is unused can be of nothing.
            let refund = refund.ok_or(ApiError::from(Code::RefundExceedsBalance))?;
            refunded(&ctx, refund, payment).await
        }
    }
}

/// The order, or the unexpected money of one when that is the transaction that was named.
async fn money(ctx: &Context, named: &PaymentRef) -> Result<Payment, ApiError> {
    let found = store::find(&ctx.pool, named).await?;
    let Some(money) = found.filter(|money| money.kind == Kind::Unexpected) else {
        return find_order(&ctx.pool, named).await;
    };
    find_order(&ctx.pool, &PaymentRef::Id(of(&money))).await?;
    Ok(money)
}

/// The order that it belongs to: itself, unless it is unexpected money.
fn of(payment: &Payment) -> PaymentId {
    payment.order_id.unwrap_or(payment.id)
}

async fn never_paid(ctx: &Context, order: Payment) -> Answer {
    let shown = order_body(ctx, &PaymentRef::Id(order.id)).await?;
    let payment = PaymentBody::new(ctx, order);
    Ok(answer::ok(Canceled { status: None, refund: None, payment, order: shown }))
}

async fn refunded(ctx: &Context, refund: Refund, payment: Payment) -> Answer {
    let (status, unknown) = match refund.state {
        RefundState::Declined => return Err(refund_refused(ctx, refund)),
        RefundState::Refunded => (StatusCode::OK, None),
        RefundState::Sending | RefundState::Unknown => (StatusCode::ACCEPTED, Some("unknown")),
    };
    // The money has moved: a database that is away now changes nothing about that.
    let (status, order) = match order_body(ctx, &PaymentRef::Id(of(&payment))).await {
        Ok(order) => (status, order),
        Err(error) => {
            tracing::warn!(id = %payment.id, ?error, "cancelled, but the order cannot be read now");
            let known = std::slice::from_ref(&refund);
            (StatusCode::ACCEPTED, OrderBody::new(ctx, payment.clone(), known, vec![]))
        }
    };
    let payment = PaymentBody::new(ctx, payment);
    let refund = Some(RefundBody::from(refund));
    Ok(answer::with_status(status, Canceled { status: unknown, refund, payment, order }))
}
