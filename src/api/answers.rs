//! The JSON of payments and refunds.

use axum::http::StatusCode;
use chrono::NaiveDate;
use kiwoom_paid_time::Period;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::errors::merchant_setting;
use crate::api::statuses::{payment_status, refund_status};
use crate::context::Context;
use crate::http::answer::{self, Answer};
use crate::http::error::{ApiError, Code, GatewayAnswer};
use crate::kiwoom::codes;
use crate::payments::store::{Kind, Payment, Refund, RefundState};
use crate::payments::unexpected::Reason;
use crate::rules::payment_state::State;
use crate::rules::text::Text;
use kiwoom_clock::rfc3339_kst;

/// The days from `start` on, up to the day before `end`.
#[derive(Serialize, ToSchema)]
pub struct PeriodBody {
    start: NaiveDate,
    end: NaiveDate,
}

impl From<Period> for PeriodBody {
    fn from(period: Period) -> Self {
        Self { start: period.start, end: period.end }
    }
}

/// A payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentBody {
    id: String,
    order_id: String,
    /// `pending`, `approved`, `declined`, `refused` (KiwoomPay refused the attempt because of the
    /// merchant's set-up), `unknown`, `partially_refunded` or `refunded`.
    status: &'static str,
    amount: i64,
    /// Only when part of the amount is tax-free.
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_free_amount: Option<i64>,
    /// `amount` less what has gone back or is on its way back, and less the credit given for its days.
    refundable_amount: i64,
    /// Only when credit was given for its days that were not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    credited_amount: Option<i64>,
    #[schema(required)]
    customer_id: Option<String>,
    #[schema(required)]
    billing_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<PeriodBody>,
    product_name: String,
    method: String,
    #[schema(required)]
    transaction_id: Option<String>,
    #[schema(required)]
    auth_number: Option<String>,
    #[schema(required)]
    approved_at: Option<String>,
    #[schema(required)]
    receipt_url: Option<String>,
    #[schema(required)]
    failure: Option<FailureBody>,
    created_at: String,
    /// Only of money that KiwoomPay took though it was not asked for so: `already_paid`,
    /// `other_amount`, `order_closed` or `method_not_offered`. It pays nothing, and is given back by
    /// its `transactionId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    unexpected: Option<&'static str>,
    /// `window`, only of an order of the payment window.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
struct FailureBody {
    code: String,
    message: String,
    /// Only of a `refused` one: what has to be mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    setting: Option<String>,
}

impl PaymentBody {
    /// The payment with its receipt link.
    pub fn new(ctx: &Context, payment: Payment) -> Self {
        let method = payment_method(&payment).to_owned();
        let receipt = payment.transaction_id.as_deref();
        Self {
            status: payment_status(&payment),
            refundable_amount: payment.refundable(),
            credited_amount: Some(payment.credited).filter(|won| *won > 0),
            receipt_url: receipt.map(|id| {
                let cpid = ctx.kiwoom.cpid_of(payment.cpid.as_deref());
                ctx.kiwoom.receipt_url(cpid, receipt_method(ctx, &payment), id)
            }),
            period: payment.period().map(PeriodBody::from),
            id: payment.id.to_string(),
            order_id: payment.told_order_no().to_owned(),
            unexpected: payment.unexpected.map(Reason::name),
            source: (payment.kind == Kind::Checkout).then_some("window"),
            amount: payment.amount.get(),
            tax_free_amount: Some(payment.tax_free_amount).filter(|part| *part > 0),
            customer_id: payment.customer_id,
            billing_key: payment.billing_key_id.map(|id| id.to_string()),
            subscription_id: payment.subscription_id.map(|id| id.to_string()),
            product_name: payment.product_name,
            method,
            transaction_id: payment.transaction_id,
            auth_number: payment.auth_number,
            approved_at: payment.approved_at.map(rfc3339_kst),
            failure: payment.failure_code.map(|code| FailureBody {
                code,
                message: payment.failure_message.unwrap_or_default(),
                setting: payment.merchant_setting,
            }),
            created_at: rfc3339_kst(payment.created_at),
        }
    }
}

/// PAYMETHOD; a charge of a registered card is one of a card.
pub fn payment_method(payment: &Payment) -> &str {
    payment.method.as_deref().unwrap_or("CARD")
}

/// What its receipt is of. A card payment of the window is told of as one whatever the contract for
/// cards is, and has the receipt of that contract.
pub fn receipt_method<'a>(ctx: &Context, payment: &'a Payment) -> &'a str {
    match payment_method(payment) {
        "CARD" if payment.billing_key_id.is_none() => ctx.config.kiwoom.card_method.code(),
        other => other,
    }
}

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
    status: &'static str,
    #[schema(required)]
    reason: Option<String>,
    #[schema(required)]
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

/// 200 approved, 402 declined, 502 refused for the merchant's set-up, 202 unknown.
pub fn payment_answer(ctx: &Context, payment: Payment) -> Answer {
    match payment.state {
        State::Declined => {
            let result_code = payment.failure_code.unwrap_or_default();
            let message = payment.failure_message.unwrap_or_default();
            let gateway = GatewayAnswer { result_code, message };
            Err(match payment.merchant_setting {
                Some(setting) => merchant_setting(gateway, &setting),
                None => ApiError::from(Code::PaymentDeclined).with_gateway(gateway),
            })
        }
        State::Approved => Ok(answer::ok(PaymentBody::new(ctx, payment))),
        State::Sending
        | State::Unknown
        | State::Ready
        | State::Expired
        | State::Closed
        | State::Mismatch => {
            Ok(answer::with_status(StatusCode::ACCEPTED, PaymentBody::new(ctx, payment)))
        }
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
