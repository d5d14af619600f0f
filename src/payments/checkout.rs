//! Orders of the hosted window before they are paid: opened, reopened, closed, expired. Only a
//! notification makes them paid (`settle.rs`).

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;

use crate::payments::store::columns::payment_columns;
use crate::payments::store::{InitiatedBy, Kind, Payment};
use crate::rules::ids::PaymentId;
use crate::rules::money::Won;
use crate::rules::payment_state::State;

/// An order to be opened.
pub struct Draft<'a> {
    /// Id of the payment it becomes.
    pub id: PaymentId,
    /// Its number.
    pub order_no: &'a str,
    /// Won.
    pub amount: Won,
    /// Its tax-free part in won.
    pub tax_free_amount: i64,
    /// What the buyer sees.
    pub product_name: &'a str,
    /// The buyer.
    pub customer_id: Option<&'a str>,
    /// The buyer's name.
    pub customer_name: &'a str,
    /// The buyer's address.
    pub customer_email: Option<&'a str>,
    /// The one method, when one was chosen.
    pub method: Option<&'a str>,
    /// The CPID that the window is opened with.
    pub cpid: &'a str,
    /// The CPID of an order whose row names none.
    pub unnamed_cpid: &'a str,
    /// PAYMETHOD of each method that the window shows.
    pub methods: &'a [&'static str],
    /// Now.
    pub now: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

impl Payment {
    /// Whether the customer paid it, or may, in the payment window: an order, or what a subscription owes at
    /// a payment page link.
    pub fn is_of_window(&self) -> bool {
        self.kind == Kind::Checkout
            || self.kind == Kind::Subscription && self.initiated_by == InitiatedBy::Buyer
    }
}

/// Whether an order with this number can be prepared (again) for this amount.
pub fn may_open(found: Option<&Payment>, amount: Won) -> bool {
    found.is_none_or(|order| {
        order.kind == Kind::Checkout
            && order.amount == amount
            && matches!(order.state, State::Ready | State::Expired | State::Declined)
    })
}

/// Opens the order, or opens it again: one that waits, has expired or failed, with the same amount.
/// What it offered before it offers still, and under the CPID it was offered under: an earlier window
/// may be open.
/// `None` when the number is taken otherwise.
pub async fn open(db: &mut PgConnection, draft: &Draft<'_>) -> sqlx::Result<Option<Payment>> {
    let query = sqlx::query_as(concat!(
        "insert into payments (id, order_no, kind, state, amount, tax_free_amount, product_name,
            customer_id, customer_name, customer_email, initiated_by, method, created_at,
            expires_at, methods, cpid)
         values ($1, $2, 'checkout', 'ready', $3, $4, $5, $6, $7, $8, 'buyer', $9, $10, $11, $12, $13)
         on conflict on constraint payments_order_no_key do update
         set state = 'ready', tax_free_amount = excluded.tax_free_amount,
            product_name = excluded.product_name, customer_id = excluded.customer_id,
            customer_name = excluded.customer_name, customer_email = excluded.customer_email,
            method = excluded.method, expires_at = excluded.expires_at,
            methods = (select array_agg(distinct code order by code)
                from unnest(payments.methods || excluded.methods) code
                where payments.methods is not null),
            cpid = excluded.cpid, earlier_cpids = case
                when coalesce(payments.cpid, $14) = excluded.cpid then payments.earlier_cpids
                else array_append(payments.earlier_cpids, coalesce(payments.cpid, $14)) end,
            failure_code = null, failure_message = null, settled_at = null
         where payments.kind = 'checkout' and payments.amount = excluded.amount
            and payments.state in ('ready', 'expired', 'declined')
         returning ",
        payment_columns!()
    ));
    query
        .bind(draft.id)
        .bind(draft.order_no)
        .bind(draft.amount)
        .bind(draft.tax_free_amount)
        .bind(draft.product_name)
        .bind(draft.customer_id)
        .bind(draft.customer_name)
        .bind(draft.customer_email)
        .bind(draft.method)
        .bind(draft.now)
        .bind(draft.expires_at)
        .bind(draft.methods)
        .bind(draft.cpid)
        .bind(draft.unnamed_cpid)
        .fetch_optional(db)
        .await
}

/// Closes an order that was never paid; `reason` is the merchant's. `None` when it is past that.
pub async fn close(
    db: &mut PgConnection,
    id: PaymentId,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Payment>> {
    let query = sqlx::query_as(concat!(
        "update payments set state = 'closed', settled_at = $2, resolve_reason = $3
         where id = $1 and kind = 'checkout' and state in ('ready', 'expired', 'declined')
         returning ",
        payment_columns!()
    ));
    query.bind(id).bind(now).bind(reason).fetch_optional(db).await
}

/// Expires what was not paid in time. A late payment still counts.
pub async fn expire(db: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<u64> {
    let query = sqlx::query(
        "update payments set state = 'expired', settled_at = $1
         where id in (select id from payments where state = 'ready' and expires_at <= $1
            for update skip locked)",
    );
    Ok(query.bind(now).execute(db).await?.rows_affected())
}

/// The next moment at which an order expires.
pub async fn next_expiry(pool: &PgPool) -> sqlx::Result<Option<DateTime<Utc>>> {
    let query = sqlx::query_scalar("select min(expires_at) from payments where state = 'ready'");
    query.fetch_one(pool).await
}
