//! `GET /billing/customer/:customerId` and `GET /customers/:customerId/export`: all that is kept of a
//! customer, for who asks to see it (개인정보 보호법 제35조).

use axum::extract::State;
use axum::http::{HeaderValue, header};
use chrono::{DateTime, Utc};
use kiwoom_clock::rfc3339_kst;
use serde::Serialize;
use sqlx::postgres::PgConnection;
use utoipa::ToSchema;

use crate::api::answers::PaymentBody;
use crate::api::refunds::RefundBody;
use crate::billing::answers::{BillingKeyBody, SubscriptionBody};
use crate::billing::store;
use crate::billing::subscriptions::consents::{self, ConsentBody};
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{ApiError, Code};
use crate::http::extract::PathId;
use crate::payments::store::{payments_of_customer, refunds_of_customer};
use crate::rules::characters::normal_id;

/// All that is kept of a customer, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerBody {
    customer_id: String,
    /// Every name that was given with a card or an order.
    names: Vec<String>,
    emails: Vec<String>,
    /// Deleted ones too.
    cards: Vec<BillingKeyBody>,
    subscriptions: Vec<SubscriptionBody>,
    consents: Vec<ConsentBody>,
    /// Orders of the payment window too.
    payments: Vec<PaymentBody>,
    refunds: Vec<RefundBody>,
    notifications: Vec<ToldBody>,
}

/// What KiwoomPay told of a payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ToldBody {
    order_id: String,
    #[schema(format = DateTime)]
    at: String,
    /// As it came, card numbers masked.
    text: String,
}

/// Get all that is kept of a customer.
///
/// Cards, subscriptions, payments, refunds, consents and notifications in one answer, for a request
/// for access to personal data.
#[utoipa::path(
    get, path = "/billing/customer/{customerId}", operation_id = "getCustomer", tag = "billing",
    params(("customerId" = String, Path)),
    responses(
        (status = 200, description = "All of it", body = Success<CustomerBody>),
    )
)]
pub async fn show(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    Ok(answer::ok(all_of(&ctx, normal_id(&id)).await?))
}

/// Export all that is kept of a customer.
///
/// The same as `GET /billing/customer/{customerId}`, as a file.
#[utoipa::path(
    get, path = "/customers/{customerId}/export", operation_id = "exportCustomer", tag = "billing",
    params(("customerId" = String, Path)),
    responses(
        (status = 200, description = "All of it, as a file", body = Success<CustomerBody>),
    )
)]
pub async fn export(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    let file = HeaderValue::from_static("attachment; filename=\"customer.json\"");
    let mut response = answer::ok(all_of(&ctx, normal_id(&id)).await?);
    response.headers_mut().insert(header::CONTENT_DISPOSITION, file);
    Ok(response)
}

async fn all_of(ctx: &Context, id: String) -> Result<CustomerBody, ApiError> {
    let mut tx = ctx.pool.begin_with("begin isolation level repeatable read, read only").await?;
    let keys = store::keys_of_customer(&mut tx, &id).await?;
    let subscriptions = store::subscriptions_of_customer(&mut tx, &id, ctx.rules()).await?;
    let payments = payments_of_customer(&mut tx, &id).await?;
    if keys.is_empty() && subscriptions.is_empty() && payments.is_empty() {
        return Err(Code::CustomerNotFound.into());
    }
    let [names, emails] = identities(&mut tx, &id).await?;
    let body = CustomerBody {
        names,
        emails,
        consents: consents::of_customer(&mut tx, &id).await?,
        refunds: refunds_of_customer(&mut tx, &id)
            .await?
            .into_iter()
            .map(RefundBody::from)
            .collect(),
        notifications: told(&mut tx, &id).await?,
        cards: keys.into_iter().map(BillingKeyBody::from).collect(),
        subscriptions: subscriptions.iter().map(|s| SubscriptionBody::of(ctx, s)).collect(),
        payments: payments.into_iter().map(|p| PaymentBody::new(ctx, p)).collect(),
        customer_id: id,
    };
    tx.commit().await?;
    Ok(body)
}

/// The names and the addresses that were given.
async fn identities(db: &mut PgConnection, id: &str) -> sqlx::Result<[Vec<String>; 2]> {
    let query = sqlx::query_as(
        "with given as (
            select customer_name as name, customer_email as email from billing_keys
            where customer_id = $1
            union all
            select customer_name, customer_email from payments where customer_id = $1)
         select array(select distinct name from given where name <> '' order by name),
            array(select distinct email from given where email is not null order by email)",
    );
    let (names, emails) = query.bind(id).fetch_one(db).await?;
    Ok([names, emails])
}

async fn told(db: &mut PgConnection, id: &str) -> sqlx::Result<Vec<ToldBody>> {
    let query = sqlx::query_as(
        "select n.order_no, n.first_at, n.raw from notifications n
         where n.order_no in (select order_no from payments where customer_id = $1)
         order by n.id desc",
    );
    let rows: Vec<(String, DateTime<Utc>, String)> = query.bind(id).fetch_all(db).await?;
    let body = |(order_id, at, text)| ToldBody { order_id, at: rfc3339_kst(at), text };
    Ok(rows.into_iter().map(body).collect())
}
