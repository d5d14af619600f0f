//! The customers' consents to price rises and to the first charge after a free time: evidence, never
//! altered.
//!
//! Source: 전자상거래 등에서의 소비자보호에 관한 법률 제13조 제6항, in force since 2025-02-14.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::billing::store::{self, Subscription};
use crate::billing::subscriptions::locked;
use crate::billing::subscriptions::price_rises::awaited;
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Cursor, Page, Paging, Success};
use crate::http::description::{self, described};
use crate::http::error::{ApiError, Code};
use crate::http::extract::{Body, Fields, FromField, FromFields, PathId, Query, text};
use crate::redact::cards::without_card;
use crate::rules::ids::{ConsentId, SubscriptionId};
use crate::rules::money::Won;
use crate::rules::subscription_state::Status;
use crate::rules::text::Text;
use kiwoom_clock::rfc3339_kst;

/// How and when the customer consented.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// How, at most 50 characters: `checkbox`, `phone`.
    method: Method,
    /// What proves it, at most 1000 characters.
    evidence: Option<Evidence>,
    /// Left out: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    consented_at: Option<DateTime<Utc>>,
}

struct Method(String);

described!(Method as "ConsentMethod", description::text(50).examples(["checkbox"]));
described!(Evidence, description::text(1000));

impl FromField for Method {
    fn from_field(value: &Value) -> Result<Self, Text> {
        text(value, 50).and_then(without_card).map(Self)
    }
}

struct Evidence(String);

impl FromField for Evidence {
    fn from_field(value: &Value) -> Result<Self, Text> {
        text(value, 1000).and_then(without_card).map(Self)
    }
}

impl FromFields for Given {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let method = f.required("method");
        let evidence = f.optional("evidence");
        Some(Self { evidence, consented_at: f.optional("consentedAt"), method: method? })
    }
}

/// A consent to the rise, or the first charge after a free time, that is to come.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct ConsentRequest {
    /// `pendingAmount` in won; in a free time `amount`.
    #[schema(value_type = i64, minimum = 1, maximum = 9_999_999_999_i64)]
    amount: Won,
    /// As in `Given`.
    method: Method,
    /// As in `Given`.
    evidence: Option<Evidence>,
    #[schema(value_type = Option<String>, format = DateTime)]
    consented_at: Option<DateTime<Utc>>,
}

impl FromFields for ConsentRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let amount = f.required("amount");
        let Given { method, evidence, consented_at } = Given::from_fields(f)?;
        Some(Self { amount: amount?, method, evidence, consented_at })
    }
}

/// The columns of [`Consent`].
macro_rules! consent_columns {
    () => {
        "id, subscription_id, old_amount, new_amount, effective_date, consented_at, method, evidence, \
         created_at"
    };
}

/// A row of `price_consents`.
#[derive(sqlx::FromRow)]
pub struct Consent {
    id: ConsentId,
    subscription_id: SubscriptionId,
    old_amount: i64,
    new_amount: Won,
    effective_date: NaiveDate,
    consented_at: DateTime<Utc>,
    method: String,
    evidence: Option<String>,
    created_at: DateTime<Utc>,
}

/// The record of a consent to a price rise.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentBody {
    id: String,
    subscription_id: String,
    /// Won; 0 at the end of a free time.
    old_amount: i64,
    /// Won.
    new_amount: i64,
    /// The billing date from which the new amount was to hold, as it stood then.
    effective_date: NaiveDate,
    consented_at: String,
    method: String,
    #[schema(required)]
    evidence: Option<String>,
    created_at: String,
}

impl From<Consent> for ConsentBody {
    fn from(consent: Consent) -> Self {
        Self {
            id: consent.id.to_string(),
            subscription_id: consent.subscription_id.to_string(),
            old_amount: consent.old_amount,
            new_amount: consent.new_amount.get(),
            effective_date: consent.effective_date,
            consented_at: rfc3339_kst(consent.consented_at),
            method: consent.method,
            evidence: consent.evidence,
            created_at: rfc3339_kst(consent.created_at),
        }
    }
}

/// Records the customer's consent to the pending price rise, or to the first charge after a free
/// time, with what proves it. It holds when it was given within the 30 days before that day
/// (전자상거래법 제13조 제6항).
#[utoipa::path(
    post, path = "/billing/subscription/{id}/consent", operation_id = "recordPriceConsent",
    tag = "billing",
    request_body = ConsentRequest, params(("id" = String, Path)),
    responses(
        (status = 201, description = "Recorded", body = Success<ConsentBody>),
    )
)]
pub async fn record(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    Body(request): Body<ConsentRequest>,
) -> Answer {
    let (mut tx, s) = locked(&ctx, SubscriptionId::parse(&id)).await?;
    let rise = awaited(&s).filter(|_| s.state.status != Status::Canceled);
    let Some(rise) = rise else {
        let ko = "예정된 가격 인상이나 유료 전환이 없습니다.";
        let reason = Text::new(ko, "No price rise and no first charge is to come.");
        return Err(ApiError::from(Code::SubscriptionNotActive).with_detail("amount", reason));
    };
    if rise.new_amount != request.amount {
        let ko = format!("청구될 금액 {}원과 같아야 합니다.", rise.new_amount);
        let en = format!("Has to equal the amount to come, {}.", rise.new_amount);
        return Err(ApiError::invalid_field("amount", Text::new(ko, en)));
    }
    let ConsentRequest { method, evidence, consented_at, .. } = request;
    let given = Given { method, evidence, consented_at };
    let consent = write(&ctx, &mut tx, &s, (given, "consentedAt")).await?;
    tx.commit().await?;
    Ok(answer::with_status(StatusCode::CREATED, ConsentBody::from(consent)))
}

/// Writes a consent that came with the change itself.
pub async fn write_given(
    ctx: &Context,
    db: &mut PgConnection,
    s: &Subscription,
    given: Given,
) -> Result<(), ApiError> {
    write(ctx, db, s, (given, "consent.consentedAt")).await.map(drop)
}

async fn write(
    ctx: &Context,
    db: &mut PgConnection,
    s: &Subscription,
    (given, field): (Given, &str),
) -> Result<Consent, ApiError> {
    let now = ctx.clock.now();
    let consented_at = given.consented_at.unwrap_or(now);
    if consented_at > now {
        let reason = Text::new("미래일 수 없습니다.", "May not be in the future.");
        return Err(ApiError::invalid_field(field, reason));
    }
    let rise = awaited(s).ok_or_else(not_awaited)?;
    let query = sqlx::query_as(concat!(
        "insert into price_consents (id, subscription_id, rise, old_amount, new_amount,
                effective_date, consented_at, method, evidence, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning ",
        consent_columns!()
    ));
    let query = query.bind(ConsentId::new()).bind(s.id).bind(rise.id);
    let query = query.bind(rise.old_amount).bind(rise.new_amount);
    let query = query.bind(s.state.next_billing_date).bind(consented_at);
    let query = query.bind(given.method.0).bind(given.evidence.map(|e| e.0)).bind(now);
    Ok(query.fetch_one(db).await?)
}

/// A consent came with a request after which nothing waits for one.
pub fn not_awaited() -> ApiError {
    let ko = "예정된 가격 인상이나 유료 전환이 있을 때만 사용할 수 있습니다.";
    let reason = Text::new(ko, "Only while a price rise or a first charge is to come.");
    ApiError::invalid_field("consent", reason)
}

/// The consents to price rises and to a first charge of a subscription, newest first.
#[utoipa::path(
    get, path = "/billing/subscription/{id}/consents", operation_id = "listPriceConsents",
    tag = "billing",
    params(
        ("id" = String, Path),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100),
        ("cursor" = inline(Option<Cursor>), Query),
    ),
    responses(
        (status = 200, description = "A page", body = Success<Page<ConsentBody>>),
    )
)]
pub async fn list(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    Query(paging): Query<Paging>,
) -> Answer {
    let found = store::find_subscription(&ctx.pool, SubscriptionId::parse(&id)).await?;
    let found = found.ok_or(ApiError::from(Code::SubscriptionNotFound))?;
    let rows = consents_of(&ctx.pool, found.id, paging).await?;
    Ok(answer::ok(paging.page(rows, |c| c.id.0, ConsentBody::from)))
}

async fn consents_of(
    pool: &PgPool,
    id: SubscriptionId,
    paging: Paging,
) -> sqlx::Result<Vec<Consent>> {
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(concat!(
        "select ",
        consent_columns!(),
        " from price_consents where subscription_id = "
    ));
    sql.push_bind(id);
    if let Some(before) = paging.before {
        sql.push(" and id < ").push_bind(before);
    }
    sql.push(" order by id desc limit ").push_bind(paging.fetch());
    sql.build_query_as().fetch_all(pool).await
}
