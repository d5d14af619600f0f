//! `GET /billing/refund-quote`: what a refund of the unused part would give back.

use axum::extract::State;
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::errors::no_period;
use crate::context::AppState;
use crate::http::answer::{self, Answer, Success};
use crate::http::description::words;
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::{Fields, FromFields, InQuery, Query};
use crate::payments::refund::{self, check_mixed, check_state};
use crate::payments::store::{self, Payment, PaymentRef, paid_time};
use crate::rules::ids::PaymentId;
use crate::rules::money::Won;
use crate::rules::pro_rata::{Basis, Count, Quote, Unused, Uses};
use crate::rules::text::Text;

/// Which payment, and how its use is measured.
pub struct QuoteRequest {
    payment_id: PaymentId,
    basis: Basis,
}

impl FromFields for QuoteRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let payment_id = f.required("paymentId");
        let as_of = f.optional("asOf");
        let basis = if f.has("used") || f.has("total") {
            if f.has("asOf") {
                let ko = "asOf 또는 used와 total 중 한 가지만 보낼 수 있습니다.";
                f.refuse("asOf", Text::new(ko, "Send asOf, or used and total, not both."));
            }
            uses(f).map(Basis::Uses)
        } else {
            Some(Basis::Days(as_of))
        };
        Some(Self { payment_id: payment_id?, basis: basis? })
    }
}

fn uses(f: &mut Fields) -> Option<Uses> {
    let used = f.required::<InQuery<Count>>("used");
    let total = f.required::<InQuery<Count>>("total");
    let read = Uses::new(used?.0, total?.0);
    if read.is_none() {
        let ko = "1 이상이고 used 이상이어야 합니다.";
        f.refuse("total", Text::new(ko, "Has to be at least 1 and at least used."));
    }
    read
}

words!(
    /// What a quote is measured by.
    QuoteBasis,
    ["days", "uses"]
);

/// What would be given back.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuoteBody {
    payment_id: String,
    /// Won, as are the next two and `quote`.
    amount: i64,
    refunded_amount: i64,
    /// `amount` less what has gone back or is on its way back, and less `creditedAmount`.
    refundable_amount: i64,
    /// Only when credit was given for its days that were not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    credited_amount: Option<i64>,
    /// `days` or `uses`.
    #[schema(value_type = QuoteBasis)]
    basis: &'static str,
    total: i64,
    used: i64,
    unused: i64,
    /// What `POST /billing/refund` would give back with the same `proRata`.
    quote: i64,
    /// The taxable part of `quote`. This and the next only when part of the payment is tax-free.
    #[serde(skip_serializing_if = "Option::is_none")]
    quote_taxable_amount: Option<i64>,
    /// The tax-free part of `quote`.
    #[serde(skip_serializing_if = "Option::is_none")]
    quote_tax_free_amount: Option<i64>,
    /// The last day that counts as used; `null` for uses.
    #[schema(required)]
    as_of: Option<NaiveDate>,
}

impl QuoteBody {
    fn new(payment: &Payment, quote: Quote) -> Self {
        let of_both = |part: i64| (payment.tax_free_amount > 0).then_some(part);
        let Unused { total, unused, as_of } = quote.measured;
        Self {
            payment_id: payment.id.to_string(),
            amount: payment.amount.get(),
            refunded_amount: payment.refunded_amount,
            refundable_amount: payment.refundable(),
            credited_amount: Some(payment.credited).filter(|won| *won > 0),
            basis: if as_of.is_some() { "days" } else { "uses" },
            total,
            used: total - unused,
            unused,
            quote: quote.won,
            quote_taxable_amount: of_both(quote.won - quote.tax_free),
            quote_tax_free_amount: of_both(quote.tax_free),
            as_of,
        }
    }
}

/// Quote a refund of what is unused.
///
/// The price × unused ÷ total, rounded down, less what has gone back or is on its way back, and in
/// proportion of its tax-free part. Measured by the days that were paid for, of which `asOf` is the
/// last one used, or by `used` of `total` uses. 0 when all is used.
#[utoipa::path(
    get, path = "/billing/refund-quote", operation_id = "quoteRefund", tag = "billing",
    params(
        ("paymentId" = inline(PaymentId), Query),
        ("asOf" = Option<NaiveDate>, Query, description = "YYYY-MM-DD; left out = today in Korea"),
        ("used" = Option<i64>, Query, minimum = 0, maximum = 1_000_000),
        ("total" = Option<i64>, Query, minimum = 1, maximum = 1_000_000),
    ),
    responses(
        (status = 200, description = "The quote", body = Success<QuoteBody>),
        (status = 409, description = "`refund_not_allowed`, `outcome_unknown`", body = ErrorBody),
    )
)]
pub async fn show(State(ctx): State<AppState>, Query(request): Query<QuoteRequest>) -> Answer {
    let found = store::find(&ctx.pool, &PaymentRef::Id(request.payment_id)).await?;
    let payment = found.ok_or(ApiError::from(Code::PaymentNotFound))?;
    check_state(&payment)?;
    let mut db = ctx.pool.acquire().await?;
    let gone = store::refunded_tax_free(&mut *db, payment.id).await?;
    let paid_time = match payment.subscription_id {
        Some(id) => paid_time::find(&mut db, id, ctx.rules()).await?,
        None => None,
    };
    drop(db);
    let paid = paid_time.as_ref().map(|s| &s.paid);
    let quote = refund::quote(&payment, gone, paid, request.basis, ctx.clock.today());
    let quote = quote.ok_or_else(|| ApiError::invalid_field("paymentId", no_period()))?;
    if let Some(amount) = Won::new(quote.won) {
        check_mixed(&payment, amount)?;
    }
    Ok(answer::ok(QuoteBody::new(&payment, quote)))
}
