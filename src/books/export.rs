//! `GET /billing/movements.csv` and `.xlsx`: movements as a table for a spreadsheet.

use axum::extract::State;
use futures::{Stream, TryStreamExt};

use crate::api::spreadsheet::{self, Cell, File, pages};
use crate::books::movements::Kind;
use crate::books::store::{self, By, Filter, Movement};
use crate::books::workbook;
use crate::context::AppState;
use crate::http::answer::Answer;
use crate::http::description::AnyText;
use crate::http::extract::Query;
use crate::kiwoom::codes;
use crate::kiwoom::text::CustomerId;
use kiwoom_clock::rfc3339_kst;

/// Rows read from the database at once.
const PAGE: i64 = 1000;
pub(super) const COLUMNS: [&str; 19] = [
    "id",
    "bookedOn",
    "movedOn",
    "kind",
    "amount",
    "taxFreeAmount",
    "taxableAmount",
    "vat",
    "method",
    "cardCompanyCode",
    "cardCompany",
    "orderId",
    "transactionId",
    "paymentId",
    "refundId",
    "subscriptionId",
    "customerId",
    "movedAt",
    "bookedAt",
];

/// Export movements as CSV.
///
/// The movements of the list as CSV in UTF-8, newest first, with one row of names. Amounts are won.
/// A text that a spreadsheet would take for a formula, a number or a date begins with `'`.
#[utoipa::path(
    get, path = "/billing/movements.csv", operation_id = "exportMovements", tag = "books",
    params(
        ("from" = Option<NaiveDate>, Query, description = "YYYY-MM-DD, included"),
        ("to" = Option<NaiveDate>, Query, description = "YYYY-MM-DD, not included"),
        ("date" = inline(Option<By>), Query, description = "Default: `booked`"),
        ("kind" = inline(Option<Kind>), Query),
        ("method" = inline(Option<AnyText>), Query, description = "PAYMETHOD"),
        ("customerId" = inline(Option<CustomerId>), Query),
    ),
    responses(
        (status = 200, description = "All of them; a body cut short is not all", body = String,
            content_type = "text/csv"),
    )
)]
pub async fn csv(State(ctx): State<AppState>, Query(filter): Query<Filter>) -> Answer {
    let rows = rows(ctx, filter).await?;
    Ok(spreadsheet::csv("movements.csv", COLUMNS, rows))
}

/// Export movements as XLSX.
///
/// The movements of the list as XLSX, newest first, with one row of names. Ids are texts as they
/// are, amounts numbers in won, days dates.
#[utoipa::path(
    get, path = "/billing/movements.xlsx", operation_id = "exportMovementsAsXlsx", tag = "books",
    params(
        ("from" = Option<NaiveDate>, Query, description = "YYYY-MM-DD, included"),
        ("to" = Option<NaiveDate>, Query, description = "YYYY-MM-DD, not included"),
        ("date" = inline(Option<By>), Query, description = "Default: `booked`"),
        ("kind" = inline(Option<Kind>), Query),
        ("method" = inline(Option<AnyText>), Query, description = "PAYMETHOD"),
        ("customerId" = inline(Option<CustomerId>), Query),
    ),
    responses(
        (status = 200, description = "All of them", body = inline(File),
            content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    )
)]
pub async fn xlsx(State(ctx): State<AppState>, Query(filter): Query<Filter>) -> Answer {
    let rows = rows(ctx.clone(), filter).await?;
    let file = workbook::write(&ctx, rows).await?;
    Ok(spreadsheet::attached("movements.xlsx", workbook::CONTENT_TYPE, file))
}

async fn rows(
    ctx: AppState,
    filter: Filter,
) -> sqlx::Result<impl Stream<Item = sqlx::Result<Vec<[Cell; 19]>>> + Send + 'static> {
    let first = store::list(&ctx.reading, &filter, None, PAGE).await?;
    let all = pages(first, move |last: &Movement| {
        let (ctx, filter, last) = (ctx.clone(), filter.clone(), last.id.0);
        async move { store::list(&ctx.reading, &filter, Some(last), PAGE).await }
    });
    Ok(all.map_ok(|page| page.into_iter().map(cells).collect()))
}

/// The values of [`COLUMNS`].
fn cells(movement: Movement) -> [Cell; 19] {
    let company = movement.card_company_code.as_deref().map(codes::company);
    [
        Cell::Plain(movement.id.to_string()),
        Cell::Date(movement.booked_on),
        Cell::Date(movement.moved_on),
        Cell::Plain(movement.kind.name().to_owned()),
        Cell::Number(movement.amount),
        Cell::Number(movement.tax_free_amount),
        Cell::Number(movement.amount - movement.tax_free_amount),
        Cell::Number(movement.vat),
        Cell::Text(movement.method),
        Cell::text(movement.card_company_code.clone()),
        Cell::text(company.map(str::to_owned)),
        Cell::Text(movement.order_no),
        Cell::text(movement.transaction_id),
        Cell::Plain(movement.payment_id.to_string()),
        Cell::plain(movement.refund_id),
        Cell::plain(movement.subscription_id),
        Cell::text(movement.customer_id),
        Cell::Plain(rfc3339_kst(movement.moved_at)),
        Cell::Plain(rfc3339_kst(movement.booked_at)),
    ]
}
