//! Whether the database itself refuses to charge or to refund too much. The service looks before it
//! writes, but a look can be wrong; what a constraint refuses cannot be written by anybody.

use sqlx::{Connection, PgConnection, PgPool};

/// Writes that have to be refused, made of rows that are there.
const TRIES: &[(&str, &str)] = &[
    (
        "a second attempt of a paid period",
        "insert into payments (id, order_no, kind, state, amount, product_name, initiated_by,
            subscription_id, period_start, period_end, created_at)
         select gen_random_uuid(), 'SECOND', kind, 'sending', amount, product_name, initiated_by,
            subscription_id, period_start, period_end, created_at
         from payments where kind = 'subscription' and state = 'approved' limit 1",
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
    let tried = sqlx::query(sql).execute(&mut *tx).await;
    tx.rollback().await?;
    match tried {
        Ok(done) => Ok(done.rows_affected() > 0),
        Err(error) if error.as_database_error().is_some_and(|e| e.constraint().is_some()) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
