//! `DELETE /customers/:customerId`: a customer is forgotten (개인정보 보호법 제36조), and the money stays in
//! the books (전자상거래법 제6조).

use axum::extract::State;
use serde::Serialize;
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::billing::forgotten::forget;
use crate::billing::store::{self, Deleted};
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::PathId;
use crate::rules::characters::normal_id;
use crate::rules::ids::{RefundId, SubscriptionId};
use crate::rules::text::Text;
use crate::storage::database::errors::has_code;

/// Rows of idempotency keys that are looked through at once.
const PAGE: i64 = 5_000;

/// What was kept of the customer, and stays without a name.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ErasedCustomerBody {
    /// Stands in the place of the customer's id from now on.
    customer_id: String,
    billing_keys: i64,
    subscriptions: i64,
    payments: i64,
}

/// Erase a customer.
///
/// Takes names, e-mail addresses, metadata, masked card numbers and the id itself out of the books, the
/// trail, what KiwoomPay told and what was answered. Amounts, days and transaction ids stay, under a
/// pseudonym that is always the same. Billing keys are deleted.
#[utoipa::path(
    delete, path = "/customers/{customerId}", operation_id = "eraseCustomer", tag = "billing",
    params(("customerId" = String, Path)),
    responses(
        (status = 200, description = "Erased, or was already", body = Success<ErasedCustomerBody>),
        (status = 409, description = "Something is open: a subscription that has not ended, an order \
            that can still be paid, a payment or a refund under way or unknown", body = ErrorBody),
    )
)]
pub async fn erase(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    let id = normal_id(&id);
    let pseudonym = ctx.vault.pseudonym(&id);
    let mut db = ctx.pool.acquire().await?;
    if let Some(open) = open(&mut db, &id).await? {
        return Err(open.into());
    }
    drop(db);
    forget_answers(&ctx.pool, &id).await?;
    erase_all(&ctx, &id, &pseudonym).await?;
    let body = left(&ctx.pool, pseudonym).await?;
    if body.billing_keys + body.subscriptions + body.payments == 0 {
        return Err(Code::CustomerNotFound.into());
    }
    Ok(answer::ok(body))
}

/// What keeps a customer from being forgotten.
#[derive(sqlx::FromRow)]
struct Open {
    what: String,
    id: Uuid,
    order_no: String,
}

impl From<Open> for ApiError {
    fn from(Open { what, id, order_no }: Open) -> Self {
        let (code, korean, english) = match &*what {
            "subscription" => {
                let id = SubscriptionId(id);
                let korean = format!("구독 {id}을(를) 먼저 해지해 주세요.");
                (Code::SubscriptionExists, korean, format!("Cancel subscription {id} first."))
            }
            "order" => (
                Code::ChargeInProgress,
                format!(
                    "주문 {order_no}이(가) 아직 결제될 수 있습니다. 만료된 뒤에 다시 요청해 주세요."
                ),
                format!("Order {order_no} can still be paid. Ask again when it has expired."),
            ),
            "refund" => {
                let id = RefundId(id);
                let korean = format!("환불 {id}의 결과가 확정되지 않았습니다.");
                (Code::OutcomeUnknown, korean, format!("The outcome of refund {id} is not known."))
            }
            _ => (
                Code::OutcomeUnknown,
                format!("결제 {order_no}의 결과가 확정되지 않았습니다."),
                format!("The outcome of payment {order_no} is not known."),
            ),
        };
        let open = Text::new(korean, english);
        Self::from(code).with_text(open.clone()).with_detail("customerId", open)
    }
}

impl Open {
    fn subscription(SubscriptionId(id): SubscriptionId) -> Self {
        Self { what: "subscription".to_owned(), id, order_no: String::new() }
    }
}

async fn open(db: &mut PgConnection, id: &str) -> sqlx::Result<Option<Open>> {
    let query = sqlx::query_as(
        "select 'subscription' as what, id, '' as order_no from subscriptions
         where customer_id = $1 and status <> 'canceled'
         union all
         select case state when 'ready' then 'order' else 'payment' end, id, order_no from payments
         where customer_id = $1 and state in ('ready', 'sending', 'unknown')
         union all
         select 'refund', r.id, '' from refunds r join payments p on p.id = r.payment_id
         where p.customer_id = $1 and r.state in ('sending', 'unknown')
         limit 1",
    );
    query.bind(id).fetch_optional(db).await
}

async fn erase_all(ctx: &Context, id: &str, pseudonym: &str) -> Result<(), ApiError> {
    let mut tx = ctx.begin().await?;
    for key in store::keys_of_customer(&mut tx, id).await? {
        let rules = (ctx.rules(), ctx.clock.now());
        match store::delete_key(&mut tx, key.id, rules).await? {
            Deleted::Done(key) => forget(ctx, &mut tx, &key).await?,
            Deleted::NotFound => {}
            Deleted::InUse(s) => return Err(Open::subscription(s.row.id).into()),
        }
    }
    let query = sqlx::query("select erase_customer($1, $2)").bind(id).bind(pseudonym);
    query.execute(&mut *tx).await.map_err(|error| {
        // Begun since it was looked for.
        if has_code(&error, &["55006"]) {
            Code::ChargeInProgress.into()
        } else {
            ApiError::from(error)
        }
    })?;
    Ok(tx.commit().await?)
}

/// Empties the answers to Idempotency-Keys that tell of the customer: those of what is the customer's, and
/// those that name the customer. The keys stay used.
async fn forget_answers(pool: &PgPool, id: &str) -> sqlx::Result<()> {
    let named = serde_json::Value::from(id).to_string();
    let mut last = Uuid::nil();
    loop {
        let query = sqlx::query_scalar(
            "with page as (
                select id from idempotency_keys where id > $1 order by id limit $2),
             emptied as (
                update idempotency_keys k set body = null from page
                where k.id = page.id and (position(convert_to($3, 'UTF8') in k.body) > 0
                    or exists (select from payments where payments.id = k.id and customer_id = $4)
                    or exists (select from refunds r join payments p on p.id = r.payment_id
                        where r.id = k.id and p.customer_id = $4)))
             select id from page order by id desc limit 1",
        );
        let query = query.bind(last).bind(PAGE).bind(&named).bind(id);
        let Some(next) = query.fetch_optional(pool).await? else { return Ok(()) };
        last = next;
    }
}

async fn left(pool: &PgPool, pseudonym: String) -> sqlx::Result<ErasedCustomerBody> {
    let query = sqlx::query_as(
        "select (select count(*) from billing_keys where customer_id = $1),
            (select count(*) from subscriptions where customer_id = $1),
            (select count(*) from payments where customer_id = $1)",
    );
    let (billing_keys, subscriptions, payments) = query.bind(&pseudonym).fetch_one(pool).await?;
    Ok(ErasedCustomerBody { customer_id: pseudonym, billing_keys, subscriptions, payments })
}
