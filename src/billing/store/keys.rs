//! SQL of billing keys.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::postgres::PgConnection;
use sqlx::{PgExecutor, PgPool, Postgres, QueryBuilder};

use crate::billing::store::columns::billing_key_columns;
use crate::http::answer::Paging;
use crate::payments::store::columns::subscription_columns;
use crate::payments::store::paid_time::{self, Loaded};
use crate::rules::ids::BillingKeyId;
use crate::rules::schedule::Rules;
use crate::storage::vault::Sealed;

/// Whether a billing key was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum KeyStatus {
    Active,
    Deleted,
}

/// When and why its card was ended for good, while it is.
#[derive(Clone, Debug, Default, sqlx::FromRow)]
pub struct Ended {
    #[sqlx(rename = "inactive_at")]
    pub since: Option<DateTime<Utc>>,
    /// RESULTCODE of the refusal.
    #[sqlx(rename = "inactive_code")]
    pub code: Option<String>,
    /// ERRORMESSAGE.
    #[sqlx(rename = "inactive_message")]
    pub message: Option<String>,
}

/// A row of `billing_keys`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct BillingKey {
    pub id: BillingKeyId,
    pub customer_id: String,
    pub customer_name: String,
    pub customer_email: Option<String>,
    #[sqlx(flatten)]
    pub sealed: Sealed,
    pub card_company_code: String,
    pub card_number_masked: String,
    pub status: KeyStatus,
    pub created_at: DateTime<Utc>,
    pub card_expires: Option<NaiveDate>,
    pub cpid: Option<String>,
    #[sqlx(flatten)]
    pub ended: Ended,
}

impl BillingKey {
    /// Whether it may be charged.
    pub fn is_active(&self) -> bool {
        self.status_name() == "active"
    }

    /// As it is shown.
    pub fn status_name(&self) -> &'static str {
        match self.status {
            KeyStatus::Deleted => "deleted",
            KeyStatus::Active if self.ended.since.is_some() => "inactive",
            KeyStatus::Active => "active",
        }
    }
}

pub async fn insert_key(db: &mut PgConnection, key: &BillingKey) -> sqlx::Result<()> {
    let query = sqlx::query(
        "insert into billing_keys (id, customer_id, customer_name, customer_email, autokey,
            card_company_code, card_number_masked, status, created_at, card_expires, data_key, cpid)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    );
    query
        .bind(key.id)
        .bind(&key.customer_id)
        .bind(&key.customer_name)
        .bind(&key.customer_email)
        .bind(&key.sealed.autokey)
        .bind(&key.card_company_code)
        .bind(&key.card_number_masked)
        .bind(key.status)
        .bind(key.created_at)
        .bind(key.card_expires)
        .bind(key.sealed.data_key)
        .bind(&key.cpid)
        .execute(db)
        .await
        .map(drop)
}

/// How many active keys were registered under none of `cpids`; `unnamed` is the CPID of rows that name
/// none.
pub async fn count_keys_elsewhere(
    pool: &PgPool,
    cpids: &[String],
    unnamed: &str,
) -> sqlx::Result<i64> {
    let query = sqlx::query_scalar(
        "select count(*) from billing_keys
         where status = 'active' and coalesce(cpid, $2) <> all($1)",
    );
    query.bind(cpids).bind(unnamed).fetch_one(pool).await
}

pub async fn find_key(
    db: impl PgExecutor<'_>,
    id: BillingKeyId,
) -> sqlx::Result<Option<BillingKey>> {
    let query = sqlx::query_as(concat!(
        "select ",
        billing_key_columns!(),
        " from billing_keys where id = $1"
    ));
    query.bind(id).fetch_optional(db).await
}

/// The keys with these ids.
pub async fn find_keys(
    db: &mut PgConnection,
    ids: &[BillingKeyId],
) -> sqlx::Result<Vec<BillingKey>> {
    let query = sqlx::query_as(concat!(
        "select ",
        billing_key_columns!(),
        " from billing_keys where id = any($1)"
    ));
    query.bind(ids.iter().map(|id| id.0).collect::<Vec<_>>()).fetch_all(db).await
}

/// The key, kept from being deleted until the transaction ends.
pub async fn lock_key(db: &mut PgConnection, id: BillingKeyId) -> sqlx::Result<Option<BillingKey>> {
    let query = sqlx::query_as(concat!(
        "select ",
        billing_key_columns!(),
        " from billing_keys where id = $1 for share"
    ));
    query.bind(id).fetch_optional(db).await
}

/// All keys of the customer for cards of this masked number, deleted ones too.
pub async fn find_keys_by_card(
    db: &mut PgConnection,
    customer_id: &str,
    card_number_masked: &str,
) -> sqlx::Result<Vec<BillingKey>> {
    let query = sqlx::query_as(concat!(
        "select ",
        billing_key_columns!(),
        " from billing_keys where customer_id = $1 and card_number_masked = $2"
    ));
    query.bind(customer_id).bind(card_number_masked).fetch_all(db).await
}

/// Each status that keys are listed by, as a condition on their columns.
pub const KEY_STATUSES: &[(&str, &str)] = &[
    ("active", "status = 'active' and inactive_at is null"),
    ("inactive", "status = 'active' and inactive_at is not null"),
];

pub async fn list_keys(
    pool: &PgPool,
    (customer_id, condition, expires_before): (Option<&str>, &'static str, Option<NaiveDate>),
    paging: Paging,
) -> sqlx::Result<Vec<BillingKey>> {
    let mut sql: QueryBuilder<Postgres> =
        QueryBuilder::new(concat!("select ", billing_key_columns!(), " from billing_keys where "));
    sql.push(condition);
    if let Some(customer) = customer_id {
        sql.push(" and customer_id = ").push_bind(customer);
    }
    if let Some(day) = expires_before {
        sql.push(" and card_expires < ").push_bind(day);
        sql.push(
            " and exists (select from subscriptions s where s.billing_key_id = billing_keys.id",
        );
        sql.push(" and s.status in ('active', 'past_due', 'paused', 'unpaid'))");
    }
    if let Some(before) = paging.before {
        sql.push(" and id < ").push_bind(before);
    }
    sql.push(" order by id desc limit ").push_bind(paging.fetch());
    sql.build_query_as().fetch_all(pool).await
}

/// All keys of the customer, deleted ones too, newest first.
pub async fn keys_of_customer(
    db: &mut PgConnection,
    customer_id: &str,
) -> sqlx::Result<Vec<BillingKey>> {
    let query = sqlx::query_as(concat!(
        "select ",
        billing_key_columns!(),
        " from billing_keys where customer_id = $1 order by id desc"
    ));
    query.bind(customer_id).fetch_all(db).await
}

/// Takes back that the key's card was ended. `None` when there is no such key.
pub async fn activate_key(
    db: &mut PgConnection,
    id: BillingKeyId,
) -> sqlx::Result<Option<BillingKey>> {
    let query = sqlx::query_as(concat!(
        "update billing_keys set inactive_at = null, inactive_code = null, inactive_message = null
         where id = $1 returning ",
        billing_key_columns!()
    ));
    query.bind(id).fetch_optional(db).await
}

/// What became of the wish to delete a key.
pub enum Deleted {
    Done(BillingKey),
    /// This subscription may still be charged to it.
    InUse(Box<Loaded>),
    NotFound,
}

/// Deletes the key unless a charge of a subscription can still come to it. Deleting twice is the same.
pub async fn delete_key(
    db: &mut PgConnection,
    id: BillingKeyId,
    (rules, now): (&Rules, DateTime<Utc>),
) -> sqlx::Result<Deleted> {
    let query = sqlx::query_as(concat!(
        "select ",
        billing_key_columns!(),
        " from billing_keys where id = $1 for update"
    ))
    .bind(id);
    let Some(key): Option<BillingKey> = query.fetch_optional(&mut *db).await? else {
        return Ok(Deleted::NotFound);
    };
    let rows = sqlx::query_as(concat!(
        "select ",
        subscription_columns!(),
        " from subscriptions where status <> 'canceled' and (billing_key_id = $1
            -- It comes back when a change at once is declined.
            or customer_id = $2 and undo_labels is not null
                and (undo_labels->>'billing_key_id')::uuid = $1)
         order by id"
    ));
    let rows = rows.bind(id).bind(&key.customer_id).fetch_all(&mut *db).await?;
    let mut charged = paid_time::load_all(db, rows, rules).await?.into_iter();
    if let Some(s) = charged.find(|s| s.paid.can_be_charged()) {
        return Ok(Deleted::InUse(Box::new(s)));
    }
    if key.status == KeyStatus::Deleted {
        return Ok(Deleted::Done(key));
    }
    let query = sqlx::query_as(concat!(
        "update billing_keys set status = 'deleted', deleted_at = $2 where id = $1 returning ",
        billing_key_columns!()
    ));
    let key = query.bind(id).bind(now).fetch_one(&mut *db).await?;
    Ok(Deleted::Done(key))
}

/// Forgets the AUTOKEY of a deleted key; `mac` knows it again.
pub async fn forget_autokey(
    db: &mut PgConnection,
    id: BillingKeyId,
    mac: Option<Vec<u8>>,
) -> sqlx::Result<()> {
    let query = sqlx::query("select forget_autokey($1, $2)").bind(id).bind(mac);
    query.execute(db).await.map(drop)
}

/// Deleted keys whose AUTOKEY is still there.
pub async fn deleted_with_autokey(
    db: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<Vec<BillingKey>> {
    let query = sqlx::query_as(concat!(
        "select ",
        billing_key_columns!(),
        " from billing_keys where status = 'deleted' and octet_length(autokey) > 4
          order by id limit $1 for update skip locked"
    ));
    query.bind(limit).fetch_all(db).await
}

/// The deleted key whose AUTOKEY `mac` is of.
pub async fn find_forgotten(
    db: &mut PgConnection,
    mac: &[u8],
) -> sqlx::Result<Option<BillingKeyId>> {
    let query = sqlx::query_scalar("select billing_key_id from forgotten_autokeys where mac = $1");
    query.bind(mac).fetch_optional(db).await
}
