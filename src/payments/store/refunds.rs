//! SQL of refunds.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgExecutor, PgPool};

use crate::payments::store::columns::refund_columns;
use crate::rules::ids::{PaymentId, RefundId};
use crate::rules::money::Won;

/// Where a refund stands, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum RefundState {
    /// The intent is committed; the call is or may be under way.
    Sending,
    /// Money went back.
    Refunded,
    /// The gateway said no.
    Declined,
    /// The answer was lost.
    Unknown,
}

/// A row of `refunds`.
#[derive(Clone, Debug, Deserialize, Serialize, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct Refund {
    pub id: RefundId,
    pub payment_id: PaymentId,
    pub amount: Won,
    pub tax_free_amount: i64,
    #[serde(default)]
    pub from_credit: bool,
    pub state: RefundState,
    pub reason: Option<String>,
    pub transaction_id: Option<String>,
    pub failure_code: Option<String>,
    pub failure_message: Option<String>,
    pub created_at: DateTime<Utc>,
    pub refunded_at: Option<DateTime<Utc>>,
    /// As in [`super::Payment`].
    #[serde(default)]
    pub overdue: bool,
}

/// How much of a payment's tax-free part has gone back, may have, or is about to, in won.
pub async fn refunded_tax_free(db: impl PgExecutor<'_>, id: PaymentId) -> sqlx::Result<i64> {
    let query = sqlx::query_scalar(
        "select coalesce(sum(tax_free_amount), 0)::bigint from refunds
         where payment_id = $1 and state <> 'declined'",
    );
    query.bind(id).fetch_one(db).await
}

/// The refund.
pub async fn find_refund(pool: &PgPool, id: RefundId) -> sqlx::Result<Option<Refund>> {
    sqlx::query_as(concat!("select ", refund_columns!(), " from refunds where id = $1"))
        .bind(id)
        .fetch_optional(pool)
        .await
}
