//! SQL of what waits for the merchant's set-up to be mended.

use sqlx::PgPool;

/// Periods that wait because KiwoomPay refused their latest attempt.
#[derive(sqlx::FromRow)]
pub struct Waiting {
    /// What has to be mended.
    pub merchant_setting: String,
    /// RESULTCODE.
    pub failure_code: String,
    /// How many subscriptions wait for it.
    pub subscriptions: i64,
}

/// All of them, by setting and code.
pub async fn waiting(pool: &PgPool) -> sqlx::Result<Vec<Waiting>> {
    let query = sqlx::query_as(
        "select merchant_setting, failure_code, count(*) as subscriptions from payments
         where merchant_setting is not null and state = 'declined'
            and exists (select from subscriptions
                where id = payments.subscription_id and status in ('active', 'past_due'))
            and not exists (select from payments as later
                where later.subscription_id = payments.subscription_id and later.id > payments.id)
         group by 1, 2 order by 1, 2",
    );
    query.fetch_all(pool).await
}
