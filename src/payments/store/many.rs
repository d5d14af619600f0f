//! Looks many payments up at once.

use sqlx::PgExecutor;

use crate::payments::store::Payment;
use crate::payments::store::columns::payment_columns;

/// The payments that have one of these transaction ids (DAOUTRX).
pub async fn by_transactions(db: impl PgExecutor<'_>, ids: &[&str]) -> sqlx::Result<Vec<Payment>> {
    let query = sqlx::query_as(concat!(
        "select ",
        payment_columns!(),
        " from payments where transaction_id = any($1)"
    ));
    query.bind(ids).fetch_all(db).await
}

/// The payments that have one of these order numbers.
pub async fn by_order_nos(db: impl PgExecutor<'_>, numbers: &[&str]) -> sqlx::Result<Vec<Payment>> {
    let query = sqlx::query_as(concat!(
        "select ",
        payment_columns!(),
        " from payments where order_no = any($1)"
    ));
    query.bind(numbers).fetch_all(db).await
}
