//! Whether the database itself refuses to charge or to refund too much. The service looks before it
//! writes, but a look can be wrong; what a constraint refuses cannot be written by anybody.

use sqlx::error::DatabaseError;
use sqlx::{Connection, PgConnection, PgPool};

/// Writes that have to be refused, made of rows that are there.
const TRIES: &[(&str, &str)] = &[
    (
        "a second attempt of a charge that was approved",
        "insert into payments (id, order_no, kind, state, amount, product_name, initiated_by,
            subscription_id, charge_no, period_start, period_end, created_at)
         select gen_random_uuid(), 'SECOND', kind, 'sending', amount, product_name, initiated_by,
            subscription_id, charge_no, period_start, period_end, created_at
         from payments where kind = 'subscription' and state = 'approved' limit 1",
    ),
    (
        "a charge for days without a number",
        "insert into payments (id, order_no, kind, state, amount, product_name, initiated_by,
            subscription_id, period_start, period_end, created_at)
         select gen_random_uuid(), 'SECOND', kind, 'sending', amount, product_name, initiated_by,
            subscription_id, period_start + 1, period_end + 1, created_at
         from payments where kind = 'subscription' and state = 'approved' limit 1",
    ),
    (
        "a segment within paid days",
        "insert into subscription_segments
         select (jsonb_populate_record(s, jsonb_build_object('number', 999999, 'starts_on',
            starts_on + 1, 'ends_on', ends_on - 1, 'follows', starts_on + 1))).*
         from subscription_segments s where kind = 'paid' and ends_on - starts_on > 2 limit 1",
    ),
    (
        "a segment from within paid days to their end",
        "insert into subscription_segments
         select (jsonb_populate_record(s, jsonb_build_object('number', 999999, 'starts_on',
            starts_on + 1, 'follows', starts_on + 1))).*
         from subscription_segments s where kind = 'paid' and ends_on - starts_on > 1 limit 1",
    ),
    (
        "two segments that follow nothing",
        "insert into subscription_segments
         select (jsonb_populate_record(s, jsonb_build_object('number', 999999, 'starts_on',
            starts_on - 40, 'ends_on', starts_on - 20, 'follows', null))).*
         from subscription_segments s where follows is null limit 1",
    ),
    (
        "days left out",
        "update subscription_segments set ends_on = ends_on - 1
         where (subscription_id, number) = (select subscription_id, number
            from subscription_segments s where kind = 'paid' and ends_on - starts_on > 2 and exists (
                select from subscription_segments where subscription_id = s.subscription_id
                    and follows = s.ends_on) limit 1)",
    ),
    (
        "an approved charge that goes",
        "delete from subscription_charges where (subscription_id, number) = (
            select subscription_id, number from subscription_charges
            where state = 'approved' limit 1)",
    ),
    (
        "an order number used again",
        "insert into payments (id, order_no, kind, state, amount, product_name, initiated_by,
            created_at)
         select gen_random_uuid(), order_no, 'one_off', 'sending', amount, product_name,
            initiated_by, created_at
         from payments limit 1",
    ),
    (
        "a transaction of two payments",
        "insert into payments (id, order_no, kind, state, amount, product_name, initiated_by,
            transaction_id, created_at)
         select gen_random_uuid(), 'SECOND', 'one_off', state, amount, product_name,
            initiated_by, transaction_id, created_at
         from payments where state = 'approved' limit 1",
    ),
    (
        "a refund of more than was paid",
        "update payments set refunding_amount = amount - refunded_amount + 1
         where id = (select id from payments where state = 'approved' limit 1)",
    ),
];

/// Those that the database takes. Nothing of it stays.
pub async fn open(pool: &PgPool) -> sqlx::Result<Vec<&'static str>> {
    let mut connection = pool.acquire().await?;
    let mut open = Vec::new();
    for (name, sql) in TRIES {
        if is_taken(&mut connection, sql).await? {
            open.push(*name);
        }
    }
    Ok(open)
}

async fn is_taken(connection: &mut PgConnection, sql: &'static str) -> sqlx::Result<bool> {
    let mut tx = connection.begin().await?;
    let tried = write(&mut tx, sql).await;
    tx.rollback().await?;
    match tried {
        Ok(rows) => Ok(rows > 0),
        Err(error) if error.as_database_error().is_some_and(is_refusal) => Ok(false),
        Err(error) => Err(error),
    }
}

/// With what is only looked at when a transaction ends.
async fn write(db: &mut PgConnection, sql: &'static str) -> sqlx::Result<u64> {
    let rows = sqlx::query(sql).execute(&mut *db).await?.rows_affected();
    sqlx::query("set constraints all immediate").execute(db).await?;
    Ok(rows)
}

/// By a constraint, or by a trigger of the books.
fn is_refusal(error: &dyn DatabaseError) -> bool {
    error.constraint().is_some() || error.code().as_deref() == Some("P0001")
}
