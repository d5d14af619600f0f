//! SQL of what waits for the merchant's set-up to be mended.

use sqlx::PgPool;

/// Health is asked for often: of the subscriptions that are due first, no more are looked at.
const LOOKED_AT: i64 = 1000;

/// Subscriptions that wait because KiwoomPay refused their latest attempt.
#[derive(sqlx::FromRow)]
pub struct Waiting {
    /// What has to be mended.
    pub merchant_setting: String,
    /// RESULTCODE.
    pub failure_code: String,
    /// How many subscriptions wait for it, of those looked at.
    pub subscriptions: i64,
}

/// All of them, by setting and code.
pub async fn waiting(pool: &PgPool) -> sqlx::Result<Vec<Waiting>> {
    let query = sqlx::query_as(
        "select merchant_setting, failure_code, count(*) as subscriptions
         from (select id from subscriptions
                where next_attempt_at is not null and status in ('active', 'past_due')
                order by next_attempt_at limit $1) as due
            cross join lateral (select merchant_setting, failure_code from payments
                where subscription_id = due.id order by id desc limit 1) as latest
         where merchant_setting is not null group by 1, 2 order by 1, 2",
    );
    query.bind(LOOKED_AT).fetch_all(pool).await
}
