//! `POST /customers/:customerId/merge`: one person had two accounts.

use axum::extract::State;
use serde::Serialize;
use sqlx::postgres::PgConnection;
use utoipa::ToSchema;

use crate::billing::subscriptions::successors::exists as exists_already;
use crate::context::AppState;
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{ApiError, Code};
use crate::http::extract::{Body, Fields, FromFields, PathId};
use crate::http::fields::Reason;
use crate::kiwoom::text::CustomerId;
use crate::payments::store::say;
use crate::rules::characters::normal_id;
use crate::rules::ids::SubscriptionId;
use crate::rules::text::Text;

/// Into which customer, and why.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeRequest {
    into: CustomerId,
    /// Told by the events.
    reason: Reason,
}

impl FromFields for MergeRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let (into, reason) = (f.required("into"), f.required("reason"));
        Some(Self { into: into?, reason: reason? })
    }
}

/// What has moved.
#[derive(Serialize, ToSchema, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
struct MergedCustomerBody {
    /// Whose it is now.
    #[sqlx(skip)]
    customer_id: String,
    billing_keys: i64,
    subscriptions: i64,
}

/// Merge two accounts of one person.
///
/// The billing keys and subscriptions of one customer become another's. Payments keep the id that they
/// were made under.
#[utoipa::path(
    post, path = "/customers/{customerId}/merge", operation_id = "mergeCustomers", tag = "billing",
    request_body = MergeRequest, params(("customerId" = String, Path)),
    responses(
        (status = 200, description = "Merged; nothing is left of the first one, or was not there \
            before", body = Success<MergedCustomerBody>),
    )
)]
pub async fn merge(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    Body(request): Body<MergeRequest>,
) -> Answer {
    let (one, other) = (normal_id(&id), request.into.as_str());
    if one == other {
        let text = Text::new("같은 고객입니다.", "Is the same customer.");
        return Err(ApiError::from(Code::InvalidRequest).with_detail("into", text));
    }
    let mut tx = ctx.begin().await?;
    if !exists(&mut tx, &one, other).await? {
        return Err(Code::CustomerNotFound.into());
    }
    if let Some(pair) = same_plan(&mut tx, &one, other).await? {
        return Err(both_live(pair));
    }
    say(&mut tx, &request.reason.0).await?;
    let query = sqlx::query_as(
        "select (moved->>'billing_keys')::bigint as billing_keys,
            (moved->>'subscriptions')::bigint as subscriptions
         from merge_customers($1, $2) moved",
    );
    let moved = query.bind(&one).bind(other).fetch_one(&mut *tx).await;
    let moved: MergedCustomerBody = match moved {
        Ok(moved) => moved,
        // Begun since the look.
        Err(error) => {
            tx.rollback().await?;
            let mut db = ctx.pool.acquire().await?;
            let pair = same_plan(&mut db, &one, other).await?;
            return Err(pair.map_or_else(|| exists_already(error), both_live));
        }
    };
    tx.commit().await?;
    Ok(answer::ok(MergedCustomerBody { customer_id: other.to_owned(), ..moved }))
}

/// Whether both are known: the first may have been merged before.
async fn exists(db: &mut PgConnection, one: &str, other: &str) -> sqlx::Result<bool> {
    let query = sqlx::query_scalar(
        "select bool_and(exists (select from billing_keys where customer_id = c)
            or exists (select from subscriptions where customer_id = c)
            or exists (select from payments where customer_id = c))
         from unnest($1::text[]) c",
    );
    query.bind([one, other]).fetch_one(db).await
}

/// A live subscription of each to one plan.
async fn same_plan(
    db: &mut PgConnection,
    one: &str,
    other: &str,
) -> sqlx::Result<Option<[SubscriptionId; 2]>> {
    let query = sqlx::query_as(
        "select a.id, b.id from subscriptions a join subscriptions b using (plan_id)
         where a.customer_id = $1 and b.customer_id = $2
            and a.status <> 'canceled' and b.status <> 'canceled' limit 1",
    );
    let pair: Option<(SubscriptionId, SubscriptionId)> =
        query.bind(one).bind(other).fetch_optional(db).await?;
    Ok(pair.map(|(a, b)| [a, b]))
}

fn both_live([one, other]: [SubscriptionId; 2]) -> ApiError {
    ApiError::from(Code::SubscriptionExists).with_detail(
        "into",
        Text::new(
            format!("구독 {one}과(와) {other}이(가) 같은 플랜입니다. 하나를 먼저 해지해 주세요."),
            format!(
                "Subscriptions {one} and {other} are to the same plan: cancel one of them first."
            ),
        ),
    )
}
