//! `GET /billing/payments.csv`: payments as a table for a spreadsheet.

use std::io;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use chrono::NaiveDate;
use csv::{IntoInnerError, Terminator, WriterBuilder};
use futures::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;

use crate::api::answers::payment_method;
use crate::api::statuses::payment_status;
use crate::billing::payments::TransactionId;
use crate::billing::payments::list::{MaskedCard, Moment, SourceName, StatusFilter};
use crate::context::{AppState, Context};
use crate::http::answer::Answer;
use crate::http::extract::Query;
use crate::kiwoom::text::{CustomerId, OrderNo};
use crate::payments::store::terms::Terms;
use crate::payments::store::{self, Filter, Payment};
use crate::rules::ids::SubscriptionId;
use kiwoom_clock::rfc3339_kst;

/// Rows read from the database at once.
const PAGE: i64 = 100;
/// Tells Excel that the text is UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";
const COLUMNS: [&str; 18] = [
    "id",
    "orderId",
    "status",
    "amount",
    "refundedAmount",
    "refundableAmount",
    "customerId",
    "billingKey",
    "subscriptionId",
    "periodStart",
    "periodEnd",
    "productName",
    "method",
    "transactionId",
    "approvedAt",
    "failureCode",
    "createdAt",
    "charge",
];

/// The payments of the list as CSV in UTF-8, newest first, with one row of names. Amounts are won,
/// instants are Korean time, `periodEnd` is the day after the last, attempts of a subscription with the
/// same `charge` are for the same money. A text that a spreadsheet would
/// take for a formula begins with `'`.
#[utoipa::path(
    get, path = "/billing/payments.csv", operation_id = "exportPayments", tag = "billing",
    params(
        ("source" = inline(Option<SourceName>), Query, description = "Paid with a registered card \
            (default), in the payment window, or both"),
        ("orderId" = inline(Option<OrderNo>), Query),
        ("transactionId" = inline(Option<TransactionId>), Query),
        ("card" = inline(Option<MaskedCard>), Query,
            description = "As it is shown, `411111******1111`, or its last four digits"),
        ("customerId" = inline(Option<CustomerId>), Query),
        ("subscriptionId" = inline(Option<SubscriptionId>), Query),
        ("status" = inline(Option<StatusFilter>), Query),
        ("from" = inline(Option<Moment>), Query),
        ("to" = inline(Option<Moment>), Query),
        ("minAmount" = Option<i64>, Query, minimum = 1, maximum = 9_999_999_999_i64,
            description = "Won, included"),
        ("maxAmount" = Option<i64>, Query, minimum = 1, maximum = 9_999_999_999_i64,
            description = "Won, included"),
        ("metadata" = inline(Option<Terms>), Query, style = DeepObject, explode,
            description = "`metadata[key]=value` of the subscription, at most 5"),
    ),
    responses(
        (status = 200, description = "All of them; a body cut short is not all", body = String,
            content_type = "text/csv"),
    )
)]
pub async fn payments(State(ctx): State<AppState>, Query(filter): Query<Filter>) -> Answer {
    let first = page(&ctx, &filter, None).await?;
    let names = table([COLUMNS.map(str::to_owned)]).map_err(sqlx::Error::from)?;
    let begin = stream::iter([Ok(BYTE_ORDER_MARK.into()), Ok(names)]);
    let rows = stream::try_unfold(first, move |rows| step(ctx.clone(), filter.clone(), rows));
    let body = begin.chain(rows);
    let body = body.inspect_err(|error| tracing::error!(%error, "an export was cut short"));
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"payments.csv\""),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// The text of `rows`, and the rows after them. No connection is held while the caller reads.
async fn step(
    ctx: AppState,
    filter: Filter,
    rows: Vec<Payment>,
) -> sqlx::Result<Option<(Vec<u8>, Vec<Payment>)>> {
    let Some(last) = rows.last() else { return Ok(None) };
    let next = page(&ctx, &filter, Some(last.id.0)).await?;
    Ok(Some((table(rows.into_iter().map(cells))?, next)))
}

async fn page(ctx: &Context, filter: &Filter, before: Option<Uuid>) -> sqlx::Result<Vec<Payment>> {
    store::list(&ctx.pool, filter, before, PAGE).await
}

fn table(rows: impl IntoIterator<Item = [String; 18]>) -> io::Result<Vec<u8>> {
    let mut csv = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        csv.write_record(&row)?;
    }
    csv.into_inner().map_err(IntoInnerError::into_error)
}

/// The values of [`COLUMNS`].
fn cells(payment: Payment) -> [String; 18] {
    let date = |date: Option<NaiveDate>| date.map_or_else(String::new, |d| d.to_string());
    let optional = |value: Option<String>| text(value.unwrap_or_default());
    [
        payment.id.to_string(),
        text(payment.told_order_no().to_owned()),
        payment_status(&payment).to_owned(),
        payment.amount.to_string(),
        payment.refunded_amount.to_string(),
        payment.refundable().to_string(),
        optional(payment.customer_id.clone()),
        payment.billing_key_id.map_or_else(String::new, |id| id.to_string()),
        payment.subscription_id.map_or_else(String::new, |id| id.to_string()),
        date(payment.period_start),
        date(payment.period_end),
        text(payment.product_name.clone()),
        payment_method(&payment).to_owned(),
        optional(payment.transaction_id),
        payment.approved_at.map_or_else(String::new, rfc3339_kst),
        optional(payment.failure_code),
        rfc3339_kst(payment.created_at),
        payment.charge_no.map_or_else(String::new, |number| number.to_string()),
    ]
}

/// The text, kept from being read as a formula.
fn text(value: String) -> String {
    if value.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{value}") } else { value }
}
