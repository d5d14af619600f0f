//! Payments: reading them, and settling an unknown one by hand.

pub(crate) mod export;
pub(crate) mod list;
pub(crate) mod pay;
pub(crate) mod proof;
pub(crate) mod quote;
pub(crate) mod refunds;

use axum::extract::State;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::answers::PaymentBody;
use crate::context::AppState;
use crate::http::answer::{self, Answer, Success};
use crate::http::description::{self, described};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::{Body, Fields, FromField, FromFields, PathId, one_of};
use crate::http::fields::Reason;
use crate::payments::settle::{self, SettleError};
use crate::payments::store::{self, Kind, Payment, PaymentRef};
use crate::rules::payment_state::Verdict;
use crate::rules::payment_state::{Outcome, State as PaymentState};
use crate::rules::text::Text;

/// Get a payment.
///
/// By its id or its order id.
#[utoipa::path(
    get, path = "/billing/payment/{id}", operation_id = "getPayment",
    tag = "billing", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The payment", body = Success<PaymentBody>),
    )
)]
pub async fn show(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    let payment = card_payment(&ctx, &PaymentRef::parse(&id)).await?;
    Ok(answer::ok(PaymentBody::new(&ctx, payment)))
}

/// The payment, unless it is an order of the hosted window.
pub async fn card_payment(ctx: &AppState, reference: &PaymentRef) -> Result<Payment, ApiError> {
    let found = store::find(&ctx.pool, reference).await?;
    let found = found.filter(|p| p.kind != Kind::Checkout);
    found.ok_or(Code::PaymentNotFound.into())
}

/// What a person found out about an unknown payment.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    /// `approved` or `declined`.
    outcome: Found,
    /// KiwoomPay's transaction id; required when it was approved.
    transaction_id: Option<TransactionId>,
    /// How it was found out.
    reason: Reason,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Approved,
    Declined,
}

described!(Found as "PaymentFound", description::one_of(["approved", "declined"]));

impl FromField for Found {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &[("approved", Self::Approved), ("declined", Self::Declined)])
    }
}

/// At most 20 letters and digits (protocol section 1).
pub struct TransactionId(pub(crate) String);

described!(TransactionId, description::matching("^[A-Za-z0-9]{1,20}$"));

impl FromField for TransactionId {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = String::from_field(value)?;
        if text.len() <= 20 && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Ok(Self(text));
        }
        let ko = "영문과 숫자 20자 이하여야 합니다.";
        Err(Text::new(ko, "Has to be at most 20 letters and digits."))
    }
}

impl FromFields for ResolveRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let outcome = f.required("outcome");
        let reason = f.required("reason");
        let transaction_id = if outcome == Some(Found::Approved) {
            Some(f.required("transactionId")?)
        } else {
            f.optional("transactionId")
        };
        Some(Self { outcome: outcome?, transaction_id, reason: reason? })
    }
}

/// Settle an unknown payment by hand.
///
/// After looking it up in KiwoomPay's merchant pages.
#[utoipa::path(
    post, path = "/billing/payment/{id}/resolve", operation_id = "resolvePayment",
    tag = "billing", request_body = ResolveRequest,
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "Settled", body = Success<PaymentBody>),
        (status = 409, description = "`not_unknown`; `charge_in_progress`: cut short a moment ago, it \
            may be sent yet", body = ErrorBody),
    )
)]
pub async fn resolve(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    Body(request): Body<ResolveRequest>,
) -> Answer {
    let payment = card_payment(&ctx, &PaymentRef::parse(&id)).await?;
    // Its process may still record what it knows.
    if payment.overdue {
        return Err(Code::ChargeInProgress.into());
    }
    if payment.state != PaymentState::Unknown {
        return Err(Code::NotUnknown.into());
    }
    if store::may_be_sent_yet(&ctx.pool, payment.id.0, ctx.config.kiwoom.timeout).await? {
        return Err(Code::ChargeInProgress.into());
    }
    let outcome = match (request.outcome, request.transaction_id) {
        (Found::Approved, Some(id)) => Outcome::Approved {
            transaction_id: id.0,
            auth_number: None,
            approved_at: payment.created_at,
            method: None,
            cpid: None,
        },
        (Found::Approved | Found::Declined, _) => Outcome::Declined {
            code: "RESOLVED".to_owned(),
            message: request.reason.0.clone(),
            verdict: Verdict::RetryLater,
        },
    };
    tracing::warn!(id = %payment.id, order_no = payment.order_no, "unknown payment settled by hand");
    let settled = settle::settle(&ctx, payment.id, &outcome, Some(&request.reason.0)).await;
    let settled = settled.map_err(not_settled)?.ok_or(ApiError::from(Code::PaymentNotFound))?;
    Ok(answer::ok(PaymentBody::new(&ctx, settled)))
}

/// The transaction id may belong to another payment already.
pub fn not_settled(error: SettleError) -> ApiError {
    match error {
        SettleError::NotFound => Code::PaymentNotFound.into(),
        SettleError::Contradiction => Code::NotUnknown.into(),
        SettleError::Database(error) => {
            let constraint = error.as_database_error().and_then(|e| e.constraint());
            if constraint != Some("payments_transaction") {
                return error.into();
            }
            let ko = "다른 결제의 거래번호입니다.";
            let reason = Text::new(ko, "Belongs to another payment.");
            ApiError::invalid_field("transactionId", reason)
        }
    }
}
