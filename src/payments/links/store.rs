//! SQL of `payment_links`.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;
use sqlx::{PgExecutor, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{Link, State};
use crate::kiwoom::text::{CustomerId, CustomerName, Email};
use crate::payments::store::columns::link_columns;
use crate::rules::ids::{PaymentLinkId, SubscriptionId};

/// The link.
pub async fn find(db: impl PgExecutor<'_>, id: PaymentLinkId) -> sqlx::Result<Option<Link>> {
    let query =
        sqlx::query_as(concat!("select ", link_columns!(), " from payment_links where id = $1"));
    query.bind(id).fetch_optional(db).await
}

/// The link, locked until the transaction ends. Its subscription and its payment are locked before it.
pub async fn lock(db: &mut PgConnection, id: PaymentLinkId) -> sqlx::Result<Option<Link>> {
    let query = sqlx::query_as(concat!(
        "select ",
        link_columns!(),
        " from payment_links where id = $1 for no key update"
    ));
    query.bind(id).fetch_optional(db).await
}

/// The link of the subscription that has not ended.
pub async fn live(db: &mut PgConnection, id: SubscriptionId) -> sqlx::Result<Option<Link>> {
    let query = sqlx::query_as(concat!(
        "select ",
        link_columns!(),
        " from payment_links where subscription_id = $1 and state in ('open', 'opened')"
    ));
    query.bind(id).fetch_optional(db).await
}

/// Keeps a new one. `false`: its subscription has one already.
pub async fn insert(db: &mut PgConnection, link: &Link) -> sqlx::Result<bool> {
    let query = sqlx::query(
        "insert into payment_links (id, subscription_id, charge_no, payment_id, state, amount,
            tax_free_amount, product_name, methods, automatic, retry_at, expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         on conflict (subscription_id) where state in ('open', 'opened') do nothing",
    );
    let query = query.bind(link.id).bind(link.subscription_id).bind(link.charge_no);
    let query = query.bind(link.payment_id).bind(State::Open).bind(link.amount);
    let query = query.bind(link.tax_free_amount).bind(&link.product_name).bind(&link.methods);
    let query = query.bind(link.automatic).bind(link.retry_at).bind(link.expires_at);
    query.bind(link.created_at).execute(db).await.map(|done| done.rows_affected() > 0)
}

/// Which links to list.
#[derive(Debug, Default)]
pub struct Filter {
    /// The subscription's.
    pub subscription_id: Option<SubscriptionId>,
    /// The customer's: of its subscriptions and its orders.
    pub customer_id: Option<String>,
    /// In this state.
    pub state: Option<State>,
}

/// The newest links, `limit` of them, older than `before`.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Link>> {
    let mut sql = QueryBuilder::<Postgres>::new(concat!(
        "select ",
        link_columns!(),
        " from payment_links where true"
    ));
    if let Some(id) = filter.subscription_id {
        sql.push(" and subscription_id = ").push_bind(id);
    }
    if let Some(customer) = &filter.customer_id {
        sql.push(" and id in (select l.id from payment_links l join subscriptions s");
        sql.push(" on s.id = l.subscription_id where s.customer_id = ").push_bind(customer);
        sql.push(" union all select l.id from payment_links l join payments p");
        sql.push(" on p.id = l.payment_id where p.customer_id = ").push_bind(customer).push(")");
    }
    if let Some(state) = filter.state {
        sql.push(" and state = ").push_bind(state);
    }
    if let Some(before) = before {
        sql.push(" and id < ").push_bind(before);
    }
    sql.push(" order by id desc limit ").push_bind(limit);
    sql.build_query_as().fetch_all(db).await
}

/// Who is to pay, as the payment window is told.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct Buyer {
    pub customer_id: Option<CustomerId>,
    pub customer_name: CustomerName,
    pub customer_email: Option<Email>,
}

/// Who is to pay the link: whose order it is, or whose card the subscription has.
pub async fn buyer(db: impl PgExecutor<'_>, link: &Link) -> sqlx::Result<Option<Buyer>> {
    let query = match (link.subscription_id, link.payment_id) {
        (Some(id), _) => sqlx::query_as(
            "select s.customer_id, k.customer_name, k.customer_email
             from subscriptions s join billing_keys k on k.id = s.billing_key_id where s.id = $1",
        )
        .bind(id.0),
        (None, id) => sqlx::query_as(
            "select customer_id, customer_name, customer_email from payments where id = $1",
        )
        .bind(id.map(|id| id.0)),
    };
    query.fetch_optional(db).await
}

/// A window of the link is shown from `now` on.
pub(super) async fn opened(
    db: &mut PgConnection,
    link: &Link,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update payment_links set state = 'opened', opened_at = coalesce(opened_at, $2),
            payment_id = $3, charge_no = $4, amount = $5, tax_free_amount = $6
         where id = $1",
    );
    let query = query.bind(link.id).bind(now).bind(link.payment_id).bind(link.charge_no);
    query.bind(link.amount).bind(link.tax_free_amount).execute(db).await.map(drop)
}
