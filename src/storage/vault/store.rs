//! SQL of data keys, and of what `keys rotate` does with billing keys.

use sqlx::PgExecutor;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::storage::vault::Sealed;
use crate::storage::vault::key::KeyId;

/// Key of the advisory lock under which a process starts ("datakeys"): what one makes or encrypts
/// again, the next one finds done.
const START_LOCK: i64 = 0x6461_7461_6b65_7973;
/// Key of the advisory lock that `keys rotate` holds ("rotate").
const ROTATE_LOCK: i64 = 0x726f_7461_7465;

/// Looks for the current data key, should it change each time.
const LOOKS: usize = 5;

/// Of the data keys that encrypt `billing_keys.autokey`.
pub(super) const BILLING_KEYS: &str = "billing_keys";
/// Of the data key that makes `idempotency_keys.body_mac`.
pub(super) const REQUEST_BODIES: &str = "request_bodies";
/// Of the data key that encrypts `webhook_endpoints.secret`.
pub(super) const WEBHOOK_SECRETS: &str = "webhook_secrets";

/// A row of `data_keys`, encrypted as it is kept.
#[derive(sqlx::FromRow)]
pub(super) struct DataKey {
    pub id: i32,
    pub purpose: String,
    pub wrapped: Vec<u8>,
}

impl DataKey {
    /// Its associated data: what it is, what for, and the row.
    pub fn place(&self) -> Vec<u8> {
        let what = [&b"data_keys.wrapped."[..], self.purpose.as_bytes()].concat();
        [&what[..], &self.id.to_be_bytes()].concat()
    }
}

pub(super) async fn lock_start(db: &mut PgConnection) -> sqlx::Result<()> {
    let query = sqlx::query("select pg_advisory_xact_lock($1)").bind(START_LOCK);
    query.execute(db).await.map(drop)
}

/// Whether this connection may rotate, until it is closed.
pub(super) async fn lock_rotate(db: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(ROTATE_LOCK).fetch_one(db).await
}

pub(super) async fn unlock_rotate(db: &mut PgConnection) -> sqlx::Result<()> {
    let query = sqlx::query("select pg_advisory_unlock($1)").bind(ROTATE_LOCK);
    query.execute(db).await.map(drop)
}

/// How many billing keys of the earlier version begin with none of these ids, and how many there
/// are in all.
pub(super) async fn earlier(db: &mut PgConnection, ids: &[KeyId]) -> sqlx::Result<(i64, i64)> {
    let query = sqlx::query_as(
        "select count(*) filter (where substring(autokey for 4) <> all($1)), count(*)
         from billing_keys where data_key is null",
    );
    query.bind(ids.iter().map(|id| id.to_vec()).collect::<Vec<_>>()).fetch_one(db).await
}

pub(super) async fn all(db: &mut PgConnection) -> sqlx::Result<Vec<DataKey>> {
    sqlx::query_as("select id, purpose, wrapped from data_keys order by id").fetch_all(db).await
}

pub(super) async fn find(db: impl PgExecutor<'_>, id: i32) -> sqlx::Result<Option<DataKey>> {
    let query = sqlx::query_as("select id, purpose, wrapped from data_keys where id = $1");
    query.bind(id).fetch_optional(db).await
}

/// The data key that encrypts now, kept from being retired until the transaction ends.
pub(super) async fn hold_current(db: &mut PgConnection) -> sqlx::Result<i32> {
    // Who waits while another one takes its place sees the one retired, and the other only when it
    // looks again.
    for _ in 0..LOOKS {
        let query = sqlx::query_scalar(
            "select id from data_keys where purpose = $1 and retired_at is null for share",
        );
        if let Some(id) = query.bind(BILLING_KEYS).fetch_optional(&mut *db).await? {
            return Ok(id);
        }
    }
    Err(sqlx::Error::RowNotFound)
}

pub(super) async fn next_id(db: &mut PgConnection) -> sqlx::Result<i32> {
    let query = "select nextval(pg_get_serial_sequence('data_keys', 'id'))::integer";
    sqlx::query_scalar(query).fetch_one(db).await
}

/// Stores a new data key, which takes the place of the current one, if there is one. One statement:
/// the next to encrypt waits for no more than that.
pub(super) async fn insert(db: &mut PgConnection, key: &DataKey) -> sqlx::Result<()> {
    let query = sqlx::query(
        "with retired as (
            update data_keys set retired_at = now() where purpose = $2 and retired_at is null
            returning id)
         insert into data_keys (id, purpose, wrapped, rotated_at)
         select $1, $2, $3, case count(*) when 0 then now() end from retired",
    );
    query.bind(key.id).bind(&key.purpose).bind(&key.wrapped).execute(db).await.map(drop)
}

pub(super) async fn rewrap(db: &mut PgConnection, key: &DataKey) -> sqlx::Result<()> {
    let query = sqlx::query("update data_keys set wrapped = $2 where id = $1");
    query.bind(key.id).bind(&key.wrapped).execute(db).await.map(drop)
}

/// The data key of a rotation that did not come to its end.
pub(super) async fn unfinished(db: &mut PgConnection) -> sqlx::Result<Option<i32>> {
    let query = sqlx::query_scalar(
        "select id from data_keys
         where purpose = $1 and retired_at is null and rotated_at is null",
    );
    query.bind(BILLING_KEYS).fetch_optional(db).await
}

pub(super) async fn finish(db: &mut PgConnection, data_key: i32) -> sqlx::Result<()> {
    let query = sqlx::query("update data_keys set rotated_at = now() where id = $1");
    query.bind(data_key).execute(db).await.map(drop)
}

/// Forgets data keys that nothing needs: unused, and retired for longer than any transaction that
/// may still use them.
pub(super) async fn forget(db: &mut PgConnection) -> sqlx::Result<u64> {
    let query = sqlx::query(
        "delete from data_keys
         where purpose = $1 and retired_at < now() - interval '1 day'
           and not exists (select from billing_keys where data_key = data_keys.id)",
    );
    query.bind(BILLING_KEYS).execute(db).await.map(|done| done.rows_affected())
}

/// A billing key's id and its AUTOKEY.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub id: Uuid,
    #[sqlx(flatten)]
    pub sealed: Sealed,
}

/// How many billing keys another data key has encrypted.
pub(super) async fn left(db: &mut PgConnection, data_key: i32) -> sqlx::Result<i64> {
    let query = "select count(*) from billing_keys where data_key is distinct from $1";
    sqlx::query_scalar(query).bind(data_key).fetch_one(db).await
}

/// The next billing keys after `after` that another data key has encrypted, locked. Those that
/// somebody works on are left to the next pass.
pub(super) async fn take_batch(
    db: &mut PgConnection,
    data_key: i32,
    after: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<Row>> {
    let query = sqlx::query_as(
        "select id, autokey, data_key from billing_keys
         where id > $2 and data_key is distinct from $1
         order by id limit $3 for no key update skip locked",
    );
    query.bind(data_key).bind(after).bind(limit).fetch_all(db).await
}

/// Stores the values that `data_key` has encrypted; the rows as they are then.
pub(super) async fn rewrite(
    db: &mut PgConnection,
    data_key: i32,
    ids: &[Uuid],
    autokeys: &[Vec<u8>],
) -> sqlx::Result<Vec<Row>> {
    let query = sqlx::query_as(
        "update billing_keys set autokey = new.autokey, data_key = $1
         from unnest($2::uuid[], $3::bytea[]) as new (id, autokey)
         where billing_keys.id = new.id
         returning billing_keys.id, billing_keys.autokey, billing_keys.data_key",
    );
    query.bind(data_key).bind(ids).bind(autokeys).fetch_all(db).await
}

/// Has the rows `ids`, of which the AUTOKEY is forgotten, name `data_key`.
pub(super) async fn move_forgotten(
    db: &mut PgConnection,
    data_key: i32,
    ids: &[Uuid],
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update billing_keys set autokey = int4send($1), data_key = $1 where id = any($2)",
    );
    query.bind(data_key).bind(ids).execute(db).await.map(drop)
}
