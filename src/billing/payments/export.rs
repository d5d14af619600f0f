//! `GET /billing/payments.csv`: payments as a table for a spreadsheet.

use axum::extract::State;
use futures::TryStreamExt;
use uuid::Uuid;

use crate::api::answers::payment_method;
use crate::api::spreadsheet::{self, Cell, pages};
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

/// Export payments as CSV.
///
/// The payments of the list as CSV in UTF-8, newest first, with one row of names. Amounts are won,
/// instants are Korean time, `periodEnd` is the day after the last, attempts of a subscription with
/// the same `charge` are for the same money. A text that a spreadsheet would take for a formula, a
/// number or a date begins with `'`.
#[utoipa::path(
    get, path = "/billing/payments.csv", operation_id = "exportPayments", tag = "billing",
    params(
        ("source" = inline(Option<SourceName>), Query, description = "Paid with a registered card \
            (default), in the payment window, or both; or money that nobody asked for"),
        ("late" = Option<bool>, Query, description = "`true`: only orders of the window that were paid \
            after they had expired, failed or been closed"),
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
            description = "`metadata[key]=value` of the subscription, at most 5; one also as `key:value`"),
    ),
    responses(
        (status = 200, description = "All of them; a body cut short is not all", body = String,
            content_type = "text/csv"),
    )
)]
pub async fn payments(State(ctx): State<AppState>, Query(filter): Query<Filter>) -> Answer {
    let first = page(&ctx, &filter, None).await?;
    let all = pages(first, move |last: &Payment| {
        let (ctx, filter, last) = (ctx.clone(), filter.clone(), last.id.0);
        async move { page(&ctx, &filter, Some(last)).await }
    });
    let rows = all.map_ok(|page| page.into_iter().map(cells).collect());
    Ok(spreadsheet::csv("payments.csv", COLUMNS, rows))
}

async fn page(ctx: &Context, filter: &Filter, before: Option<Uuid>) -> sqlx::Result<Vec<Payment>> {
    store::list(&ctx.reading, filter, before, PAGE).await
}

/// The values of [`COLUMNS`].
fn cells(payment: Payment) -> [Cell; 18] {
    [
        Cell::Plain(payment.id.to_string()),
        Cell::Text(payment.told_order_no().to_owned()),
        Cell::Plain(payment_status(&payment).to_owned()),
        Cell::Number(payment.amount.get()),
        Cell::Number(payment.refunded_amount),
        Cell::Number(payment.refundable()),
        Cell::text(payment.customer_id.clone()),
        Cell::plain(payment.billing_key_id),
        Cell::plain(payment.subscription_id),
        payment.period_start.map_or(Cell::Empty, Cell::Date),
        payment.period_end.map_or(Cell::Empty, Cell::Date),
        Cell::Text(payment.product_name.clone()),
        Cell::Text(payment_method(&payment).to_owned()),
        Cell::text(payment.transaction_id),
        Cell::plain(payment.approved_at.map(rfc3339_kst)),
        Cell::text(payment.failure_code),
        Cell::Plain(rfc3339_kst(payment.created_at)),
        payment.charge_no.map_or(Cell::Empty, |number| Cell::Number(number.into())),
    ]
}
