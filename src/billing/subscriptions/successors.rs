//! One live subscription for each customer and plan; one that only runs to its end may have a
//! successor that begins then.

use chrono::NaiveDate;
use sqlx::PgPool;
use sqlx::postgres::PgConnection;

use crate::billing::store;
use crate::http::error::{ApiError, Code};
use crate::payments::store::paid_time::{Loaded, Row};
use crate::rules::ids::SubscriptionId;
use crate::rules::text::Text;

const ONE_LIVE: &str = "subscriptions_one_live";

/// An error when `new` begins before the customer's subscription to the same plan ends.
pub async fn succeeds(db: &mut PgConnection, new: &Loaded) -> Result<(), ApiError> {
    let first = new.paid.segments.first().map(|s| s.period.start);
    let first = first.unwrap_or_else(|| new.paid.covered_to());
    let query = sqlx::query_as(
        "select id, next_billing_date from subscriptions
         where customer_id = $1 and plan_id = $2 and id <> $3 and status <> 'canceled'
            and cancel_at_period_end and next_billing_date > $4
         order by next_billing_date desc limit 1 for update",
    );
    let query = query.bind(&new.row.customer_id).bind(&new.row.plan_id).bind(new.row.id);
    let ending: Option<(SubscriptionId, NaiveDate)> = query.bind(first).fetch_optional(db).await?;
    let Some((id, end)) = ending else { return Ok(()) };
    let reason = Text::new(
        format!("{id} 구독이 {end}에 끝납니다. {end}부터 시작할 수 있습니다."),
        format!("{id} ends on {end}: another one may begin then."),
    );
    Err(ApiError::from(Code::SubscriptionExists).with_detail("planId", reason))
}

/// What the database refused: that the customer has the plan already names the subscription in the
/// way.
pub async fn taken(pool: &PgPool, row: &Row, error: sqlx::Error) -> ApiError {
    if !is_taken(&error) {
        return error.into();
    }
    let found = store::find_live(pool, &row.customer_id, &row.plan_id, row.id).await;
    match found {
        Ok(Some(id)) => ApiError::from(Code::SubscriptionExists).with_detail(
            "planId",
            Text::new(format!("{id} 구독이 있습니다."), format!("There is {id}.")),
        ),
        Ok(None) => Code::SubscriptionExists.into(),
        Err(error) => error.into(),
    }
}

/// As [`taken`], where nobody can look any more.
pub fn exists(error: sqlx::Error) -> ApiError {
    if is_taken(&error) { Code::SubscriptionExists.into() } else { error.into() }
}

fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|e| e.constraint()) == Some(ONE_LIVE)
}
