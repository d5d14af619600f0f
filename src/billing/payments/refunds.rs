//! `POST /billing/refund`, and the refunds that were made.

use axum::extract::State;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::answers::PaymentBody;
use crate::api::refunds::{RefundAnswer, RefundBody, refund_answer};
use crate::api::statuses::REFUND_STATUSES;
use crate::billing::payments::not_settled;
use crate::context::AppState;
use crate::http::answer::{self, Answer, Cursor, Page, Paging, Success};
use crate::http::description::{self, described};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::{Body, Fields, FromField, FromFields, PathId, Query, one_of};
use crate::http::fields::{Reason, TaxFree};
use crate::kiwoom::text::OrderNo;
use crate::layers::idempotency::NewId;
use crate::payments::refund::{self, RefundOutcome, Wanted};
use crate::payments::store::{self, PaymentRef, RefundState};
use crate::rules::ids::{PaymentId, RefundId};
use crate::rules::money::Won;
use crate::rules::pro_rata::Basis;
use crate::rules::text::Text;

/// Which payment to refund, and how much.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct RefundRequest {
    /// One of `paymentId`, `orderId` and `transactionId`.
    payment_id: Option<PaymentId>,
    order_id: Option<OrderNo>,
    #[schema(value_type = Option<description::AnyText>)]
    transaction_id: Option<String>,
    /// Won; left out = all that is left.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9_999_999_999_i64)]
    amount: Option<Won>,
    /// In place of `amount`, what has not been used, as `GET /billing/refund-quote` tells it:
    /// `true` (by days, today), `{"asOf":"YYYY-MM-DD"}` or `{"used":N,"total":M}`.
    pro_rata: Option<Basis>,
    /// Tax-free part of the amount in won. Left out, with `proRata` both parts go back in proportion,
    /// else the taxable part goes back first.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_999_999_999_i64)]
    tax_free_amount: Option<i64>,
    /// `amount` is taken from the credit that was given for the payment's days and is not used yet.
    #[schema(value_type = Option<bool>)]
    from_credit: bool,
    reason: Option<Reason>,
}

impl FromFields for RefundRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let names = ["paymentId", "orderId", "transactionId"];
        if names.iter().filter(|name| f.has(name)).count() != 1 {
            f.refuse(
                "paymentId",
                Text::new(
                    "paymentId, orderId, transactionId 중 하나만 보내야 합니다.",
                    "Send exactly one of paymentId, orderId and transactionId.",
                ),
            );
        }
        let amount = f.optional::<Won>("amount");
        let pro_rata = f.optional::<Basis>("proRata");
        if f.has("amount") && f.has("proRata") {
            let ko = "amount와 proRata 중 하나만 보낼 수 있습니다.";
            f.refuse("proRata", Text::new(ko, "Send amount or proRata, not both."));
        }
        let from_credit = f.optional("fromCredit").unwrap_or(false);
        if from_credit {
            check_credit(f);
        }
        let tax_free_amount = TaxFree::of(f, amount);
        Some(Self {
            from_credit,
            amount,
            pro_rata,
            tax_free_amount,
            reason: f.optional("reason"),
            payment_id: f.optional("paymentId"),
            order_id: f.optional("orderId"),
            transaction_id: f.optional("transactionId"),
        })
    }
}

/// Credit has a tax-free part of its own, and is asked for by the amount.
fn check_credit(f: &mut Fields) {
    if !f.has("amount") {
        f.refuse("amount", Text::new("필수 값입니다.", "Required."));
    }
    for other in ["proRata", "taxFreeAmount"] {
        if f.has(other) {
            let ko = "fromCredit와 함께 사용할 수 없습니다.";
            f.refuse(other, Text::new(ko, "Not together with fromCredit."));
        }
    }
}

impl RefundRequest {
    /// How much is asked for.
    fn wanted(&self) -> Wanted {
        match (self.pro_rata, self.amount) {
            (Some(basis), _) => Wanted::Unused(basis),
            (None, Some(amount)) if self.from_credit => Wanted::Credit(amount),
            (None, amount) => amount.into(),
        }
    }

    /// The one that was sent.
    fn payment(&self) -> PaymentRef {
        match (&self.order_id, &self.transaction_id) {
            (Some(order_no), _) => PaymentRef::OrderNo(order_no.as_str().to_owned()),
            (_, Some(id)) => PaymentRef::Transaction(id.clone()),
            _ => PaymentRef::Id(self.payment_id.unwrap_or(PaymentId(uuid::Uuid::nil()))),
        }
    }
}

/// Refund a payment.
///
/// Refunds a payment whole or in part. Refunds of one payment can never add up to more than it. No
/// refund changes which days are paid, nor the next charge.
#[utoipa::path(
    post, path = "/billing/refund", operation_id = "refundPayment",
    tag = "billing", request_body = RefundRequest,
    responses(
        (status = 200, description = "Refunded; with `proRata` when all is used, nothing was",
            body = Success<RefundAnswer>),
        (status = 202, description = "The gateway's answer was lost: never retry by yourself",
            body = Success<RefundAnswer>),
        (status = 409, description = "`refund_exceeds_balance`, `refund_not_allowed`, \
            `outcome_unknown`", body = ErrorBody),
        (status = 502, description = "`gateway_unavailable` or `merchant_setting`: nothing was refunded",
            body = ErrorBody),
    )
)]
pub async fn refund(
    State(ctx): State<AppState>,
    new: NewId,
    Body(request): Body<RefundRequest>,
) -> Answer {
    let id = RefundId(new.id);
    if new.resumed
        && let Some(made) = store::find_refund(&ctx.pool, id).await?
        && let Some(payment) = store::find(&ctx.pool, &PaymentRef::Id(made.payment_id)).await?
    {
        return refund_answer(&ctx, made, payment);
    }
    let request = refund::Request {
        id,
        payment: request.payment(),
        wanted: request.wanted(),
        tax_free_amount: request.tax_free_amount,
        reason: request.reason.map(|r| r.0),
    };
    match refund::refund(&ctx, request).await? {
        (Some(refund), payment) => refund_answer(&ctx, refund, payment),
        (None, payment) => Ok(answer::ok(RefundAnswer::nothing(PaymentBody::new(&ctx, payment)))),
    }
}

/// Which refunds to list.
pub struct ListRequest {
    payment_id: Option<PaymentId>,
    status: Option<StatusFilter>,
    paging: Paging,
}

/// A status of refunds, as a condition on their columns.
pub struct StatusFilter(&'static str);

described!(
    StatusFilter as "RefundState",
    description::one_of(REFUND_STATUSES.iter().map(|row| row.0))
);

impl FromField for StatusFilter {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, REFUND_STATUSES).map(Self)
    }
}

impl FromFields for ListRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let payment_id = f.optional("paymentId");
        let status = f.optional("status");
        Some(Self { payment_id, status, paging: Paging::from_fields(f)? })
    }
}

/// List refunds.
///
/// Newest first.
#[utoipa::path(
    get, path = "/billing/refunds", operation_id = "listRefunds", tag = "billing",
    params(
        ("paymentId" = inline(Option<PaymentId>), Query),
        ("status" = inline(Option<StatusFilter>), Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100),
        ("cursor" = inline(Option<Cursor>), Query),
    ),
    responses(
        (status = 200, description = "A page", body = Success<Page<RefundBody>>),
    )
)]
pub async fn list(State(ctx): State<AppState>, Query(request): Query<ListRequest>) -> Answer {
    let ListRequest { payment_id, status, paging } = request;
    let condition = status.map(|status| status.0);
    let rows =
        store::list_refunds(&ctx.reading, payment_id, condition, paging.before, paging.fetch());
    let rows = rows.await?;
    Ok(answer::ok(paging.page(rows, |r| r.id.0, RefundBody::from)))
}

/// What a person found out about an unknown refund.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = RefundResolveRequest)]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    /// `refunded` or `declined`.
    outcome: Found,
    /// How it was found out.
    reason: Reason,
}

#[derive(Clone, Copy)]
enum Found {
    Refunded,
    Declined,
}

described!(Found as "RefundFound", description::one_of(["refunded", "declined"]));

impl FromField for Found {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &[("refunded", Self::Refunded), ("declined", Self::Declined)])
    }
}

impl FromFields for ResolveRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let outcome = f.required("outcome");
        let reason = f.required("reason");
        Some(Self { outcome: outcome?, reason: reason? })
    }
}

/// Settle an unknown refund by hand.
///
/// After looking it up in KiwoomPay's merchant pages.
#[utoipa::path(
    post, path = "/billing/refund/{id}/resolve", operation_id = "resolveRefund",
    tag = "billing", request_body = ResolveRequest,
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "Settled", body = Success<RefundAnswer>),
        (status = 409, description = "`not_unknown`", body = ErrorBody),
    )
)]
pub async fn resolve(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    Body(request): Body<ResolveRequest>,
) -> Answer {
    let found = store::find_refund(&ctx.pool, RefundId::parse(&id)).await?;
    let found = found.ok_or(ApiError::from(Code::RefundNotFound))?;
    // Its process may still record what it knows.
    if found.overdue {
        return Err(Code::ChargeInProgress.into());
    }
    if found.state != RefundState::Unknown {
        return Err(Code::NotUnknown.into());
    }
    if store::may_be_sent_yet(&ctx.pool, found.id.0, ctx.config.kiwoom.timeout).await? {
        return Err(Code::ChargeInProgress.into());
    }
    let outcome = match request.outcome {
        Found::Refunded => {
            RefundOutcome::Refunded { transaction_id: None, refunded_at: found.created_at }
        }
        Found::Declined => {
            let message = request.reason.0.clone();
            RefundOutcome::Declined { code: "RESOLVED".to_owned(), message }
        }
    };
    tracing::warn!(id = %found.id, "unknown refund settled by hand");
    let settled = refund::settle(&ctx, found.id, &outcome, Some(&request.reason.0)).await;
    let settled = settled.map_err(not_settled)?;
    let (refund, payment) = settled.ok_or(ApiError::from(Code::RefundNotFound))?;
    let payment = PaymentBody::new(&ctx, payment);
    Ok(answer::ok(RefundAnswer::settled(refund, payment)))
}
