//! The JSON of payments.

use axum::http::StatusCode;
use chrono::NaiveDate;
use kiwoom_paid_time::Period;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::errors::merchant_setting;
use crate::api::statuses::{PaymentStatus, payment_status};
use crate::context::Context;
use crate::http::answer::{self, Answer};
use crate::http::description::words;
use crate::http::error::{ApiError, Code, GatewayAnswer};
use crate::payments::store::{Kind, Payment};
use crate::payments::unexpected::Reason;
use crate::rules::payment_state::State;
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

words!(
    /// Why money that KiwoomPay took pays nothing.
    UnexpectedBecause,
    ["already_paid", "other_amount", "order_closed", "method_not_offered"]
);
words!(
    /// Where a payment was made that is none of a registered card.
    PaidIn,
    ["window"]
);

/// A payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentBody {
    id: String,
    order_id: String,
    /// `pending`, `approved`, `declined`, `refused` (KiwoomPay refused the attempt because of the
    /// merchant's set-up), `unknown`, `partially_refunded` or `refunded`.
    #[schema(value_type = PaymentStatus)]
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
    #[schema(required, format = DateTime)]
    approved_at: Option<String>,
    #[schema(required)]
    receipt_url: Option<String>,
    #[schema(required)]
    failure: Option<FailureBody>,
    #[schema(format = DateTime)]
    created_at: String,
    /// Only of money that KiwoomPay took though it was not asked for so: `already_paid`,
    /// `other_amount`, `order_closed` or `method_not_offered`. It pays nothing, and is given back by
    /// its `transactionId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<UnexpectedBecause>)]
    unexpected: Option<&'static str>,
    /// `window`, only of an order of the payment window.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PaidIn>)]
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
