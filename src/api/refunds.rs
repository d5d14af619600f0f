//! The JSON of refunds.

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answers::PaymentBody;
use crate::api::errors::merchant_setting;
use crate::api::statuses::{NotKnown, RefundStatus, refund_status};
use crate::context::Context;
use crate::http::answer::{self, Answer};
use crate::http::error::{ApiError, Code, GatewayAnswer};
use crate::kiwoom::codes;
use crate::payments::store::{Payment, Refund, RefundState};
use crate::rules::text::Text;
use kiwoom_clock::rfc3339_kst;

/// A refund.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundBody {
    id: String,
    payment_id: String,
    amount: i64,
    /// Only when part of the amount is tax-free.
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_free_amount: Option<i64>,
    /// `pending`, `refunded`, `declined` or `unknown`.
    #[schema(value_type = RefundStatus)]
    status: &'static str,
    #[schema(required)]
    reason: Option<String>,
    #[schema(required, format = DateTime)]
    refunded_at: Option<String>,
    #[schema(required)]
    transaction_id: Option<String>,
    /// Only of one that was taken from the credit balance.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_credit: Option<bool>,
}

impl From<Refund> for RefundBody {
    fn from(refund: Refund) -> Self {
        Self {
            from_credit: refund.from_credit.then_some(true),
            id: refund.id.to_string(),
            payment_id: refund.payment_id.to_string(),
            amount: refund.amount.get(),
            tax_free_amount: Some(refund.tax_free_amount).filter(|part| *part > 0),
            status: refund_status(&refund),
            reason: refund.reason,
            refunded_at: refund.refunded_at.map(rfc3339_kst),
            transaction_id: refund.transaction_id,
        }
    }
}

/// A refund with its payment.
#[derive(Serialize, ToSchema)]
pub struct RefundAnswer {
    /// Only while the outcome is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<NotKnown>)]
    status: Option<&'static str>,
    /// `null` when all was used: nothing was refunded.
    #[schema(required)]
    refund: Option<RefundBody>,
    /// 0, only when nothing was refunded.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
    payment: PaymentBody,
}

impl RefundAnswer {
    /// A refund whose outcome is known.
    pub fn settled(refund: Refund, payment: PaymentBody) -> Self {
        Self { status: None, refund: Some(refund.into()), amount: None, payment }
    }

    /// All was used: there is no refund.
    pub fn nothing(payment: PaymentBody) -> Self {
        Self { status: None, refund: None, amount: Some(0), payment }
    }
}

/// 409 for a refund that the gateway refused, with its words, and with what is to be done where that is
/// known; 502 when that was for the merchant's set-up.
pub fn refund_refused(ctx: &Context, refund: Refund) -> ApiError {
    let result_code = refund.failure_code.unwrap_or_default();
    let message = refund.failure_message.unwrap_or_default();
    let setting = ctx.kiwoom.codes().setting(&result_code);
    let needs_a_deposit = result_code == codes::NEEDS_DEPOSIT;
    let gateway = GatewayAnswer { result_code, message };
    if let Some(setting) = setting {
        return merchant_setting(gateway, setting);
    }
    let refused = ApiError::from(Code::RefundNotAllowed).with_gateway(gateway);
    if needs_a_deposit { refused.with_text(needs_deposit()) } else { refused }
}

fn needs_deposit() -> Text {
    Text::new(
        "키움페이 정산 잔액이 부족하여 환불되지 않았습니다. 키움페이가 안내하는 입금후취소 계좌에 오늘 23:59:59까지 \
         입금하면 취소가 확정되고, 통지가 오면 환불로 기록합니다. 입금했다면 다시 환불을 요청하지 말아 주세요.",
        "The settlement balance at KiwoomPay is too low: nothing was refunded. Pay the amount into the \
         account that KiwoomPay gives for it (deposit then cancel, 입금후취소) by 23:59:59 today in \
         Korea. The cancellation is final with the deposit, and booked when its notice comes. Once \
         deposited, do not ask for the refund again.",
    )
}

/// 200 refunded, 409 refused, 202 unknown.
pub fn refund_answer(ctx: &Context, refund: Refund, payment: Payment) -> Answer {
    let (status, unknown) = match refund.state {
        RefundState::Declined => return Err(refund_refused(ctx, refund)),
        RefundState::Refunded => (StatusCode::OK, None),
        RefundState::Sending | RefundState::Unknown => (StatusCode::ACCEPTED, Some("unknown")),
    };
    let payment = PaymentBody::new(ctx, payment);
    let body = RefundAnswer { status: unknown, ..RefundAnswer::settled(refund, payment) };
    Ok(answer::with_status(status, body))
}
