//! `POST /easypay/order/:orderId/resolve`: an order whose notification never came, or told something
//! else, is settled by hand.

use axum::extract::State;
use serde_json::Value;
use utoipa::ToSchema;

use crate::context::{AppState, Context};
use crate::easypay::answers::OrderBody;
use crate::easypay::checkout::{find_order, order_body};
use crate::http::answer::{self, Answer, Success};
use crate::http::description::{self, described};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::{Body, Fields, FromField, FromFields, PathId};
use crate::http::fields::Reason;
use crate::kiwoom::notification::kinds;
use crate::payments::settle::{self, SettleError};
use crate::payments::store::{Payment, PaymentRef, find};
use crate::payments::unexpected;
use crate::rules::payment_state::{Outcome, State as OrderState};
use crate::rules::text::Text;

/// What a person found in KiwoomPay's merchant pages: this transaction paid the order.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = OrderResolveRequest)]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    /// KiwoomPay's transaction id: at most 20 letters and digits.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9]{1,20}$")]
    transaction_id: TransactionId,
    /// PAYMETHOD, when the buyer chose it in the window: without it nothing could be given back.
    method: Option<PaidBy>,
    /// How it was found out.
    reason: Reason,
}

struct TransactionId(String);

impl FromField for TransactionId {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = String::from_field(value)?;
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric());
        if (1..=20).contains(&text.len()) && plain {
            return Ok(Self(text));
        }
        let ko = "영문과 숫자 20자 이하여야 합니다.";
        Err(Text::new(ko, "Has to be at most 20 letters and digits."))
    }
}

/// The method that was paid with.
struct PaidBy(String);

described!(PaidBy, description::text(20));

impl FromField for PaidBy {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = String::from_field(value)?;
        if kinds::is_money(&text) {
            return Ok(Self(text));
        }
        let ko = "키움페이의 결제수단 코드(PAYMETHOD)여야 합니다.";
        Err(Text::new(ko, "Has to be a PAYMETHOD of KiwoomPay."))
    }
}

impl FromFields for ResolveRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let transaction_id = f.required("transactionId");
        let reason = f.required("reason");
        let method = f.optional("method");
        Some(Self { transaction_id: transaction_id?, method, reason: reason? })
    }
}

/// Settle an order by hand.
///
/// An order that waits, failed, expired, was cancelled unpaid or is in dispute is paid, as
/// KiwoomPay's merchant pages show; one that is paid and whose method is not known gets it. Money
/// that was told of for the order under this transaction id becomes its payment.
#[utoipa::path(
    post, path = "/easypay/order/{orderId}/resolve", operation_id = "resolveOrder", tag = "easypay",
    request_body = ResolveRequest, params(("orderId" = String, Path)),
    responses(
        (status = 200, description = "Paid", body = Success<OrderBody>),
        (status = 409, description = "`not_unknown`: it is paid", body = ErrorBody),
    )
)]
pub async fn resolve(
    State(ctx): State<AppState>,
    PathId(order_id): PathId,
    Body(request): Body<ResolveRequest>,
) -> Answer {
    let order = find_order(&ctx.pool, &PaymentRef::parse(&order_id)).await?;
    let TransactionId(transaction_id) = request.transaction_id;
    // A list of KiwoomPay's need not say which method was chosen.
    let lacks_method =
        order.method.is_none() && order.transaction_id.as_deref() == Some(&transaction_id);
    if order.state == OrderState::Approved && !lacks_method {
        return Err(Code::NotUnknown.into());
    }
    let told = find(&ctx.pool, &PaymentRef::Transaction(transaction_id.clone())).await?;
    let told = match told.filter(|_| !lacks_method) {
        Some(money) if money.order_id != Some(order.id) => return Err(taken()),
        Some(money) if money.left() < money.amount.get() => return Err(given_back()),
        told => told,
    };
    let method = request.method.map(|method| method.0);
    let method = match method.or_else(|| told.as_ref()?.method.clone()) {
        Some(method) => method,
        None => only_method(&ctx, &order).await?,
    };
    let outcome = Outcome::Approved {
        transaction_id,
        auth_number: told.as_ref().and_then(|money| money.auth_number.clone()),
        cpid: told.as_ref().and_then(|money| money.cpid.clone()),
        approved_at: told.and_then(|money| money.approved_at).unwrap_or(order.created_at),
        method: Some(method),
    };
    tracing::warn!(order_no = order.order_no, "order settled by hand");
    match settle::settle(&ctx, order.id, &outcome, Some(&request.reason.0)).await {
        Ok(_) => Ok(answer::ok(order_body(&ctx, &PaymentRef::Id(order.id)).await?)),
        Err(SettleError::NotFound) => Err(Code::OrderNotFound.into()),
        Err(SettleError::Contradiction) => Err(Code::NotUnknown.into()),
        Err(SettleError::Database(error)) => {
            let constraint = error.as_database_error().and_then(|e| e.constraint());
            Err(if constraint == Some("payments_transaction") { taken() } else { error.into() })
        }
    }
}

/// What the order offered, when that was one method.
async fn only_method(ctx: &Context, order: &Payment) -> Result<String, ApiError> {
    let offered = unexpected::methods(&ctx.pool, order.id).await?.unwrap_or_default();
    if let [only] = offered.as_slice() {
        return Ok(only.clone());
    }
    let ko = "결제창에서 선택한 결제수단을 보내 주세요(예: KAKAOPAY).";
    let en = "Send the method that was chosen in the window, such as KAKAOPAY.";
    Err(ApiError::invalid_field("method", Text::new(ko, en)))
}

fn taken() -> ApiError {
    let reason = Text::new("다른 결제의 거래번호입니다.", "Belongs to another payment.");
    ApiError::invalid_field("transactionId", reason)
}

fn given_back() -> ApiError {
    let ko = "이미 환불되었거나 환불 중인 거래입니다.";
    let reason = Text::new(ko, "Some of it has been given back, or is about to be.");
    ApiError::invalid_field("transactionId", reason)
}
