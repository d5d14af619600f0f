//! The customers' consents to price rises and to the first charge after a free time: evidence, never
//! altered. Which rise waits for one, and from which day it can be given, the paid time says
//! (`kiwoom_paid_time::Subscription::rise`).
//!
//! Source: 전자상거래 등에서의 소비자보호에 관한 법률 제13조 제6항, in force since 2025-02-14.

mod given;

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, Utc};
use kiwoom_paid_time::Status;
use serde::Serialize;
use sqlx::postgres::PgConnection;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::billing::store;
use crate::billing::subscriptions::{locked, save};
use crate::context::AppState;
use crate::http::answer::{self, Answer, Cursor, Page, Paging, Success};
use crate::http::error::{ApiError, Code};
use crate::http::extract::{Body, Fields, FromFields, PathId, Query};
use crate::http::fields::schedule::IntervalName;
use crate::rules::ids::{ConsentId, SubscriptionId};
use crate::rules::money::Won;
use crate::rules::text::Text;
use kiwoom_clock::rfc3339_kst;

use given::{Evidence, Method};
pub use given::{Given, NewConsent, give, give_now, not_awaited};

/// A consent to the rise, or the first charge after a free time, that is to come.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct ConsentRequest {
    /// The amount to come, in won: `pendingAmount`; in a free time `amount`.
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
        "id, subscription_id, old_amount, new_amount, billing_interval, interval_count, \
         effective_date, consented_at, method, evidence, created_at"
    };
}
use consent_columns;

/// A row of `price_consents`.
#[derive(sqlx::FromRow)]
pub struct Consent {
    id: ConsentId,
    subscription_id: SubscriptionId,
    old_amount: i64,
    new_amount: Won,
    billing_interval: Option<String>,
    interval_count: Option<i16>,
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
    /// How often `newAmount` was agreed to; with `intervalCount` only when it is not once a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IntervalName>)]
    interval: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_count: Option<i16>,
    /// The billing date from which the new amount was to hold, as it stood then.
    effective_date: NaiveDate,
    #[schema(format = DateTime)]
    consented_at: String,
    method: String,
    #[schema(required)]
    evidence: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Consent> for ConsentBody {
    fn from(consent: Consent) -> Self {
        let every = consent.billing_interval.zip(consent.interval_count);
        let (interval, interval_count) =
            every.filter(|every| *every != ("month".to_owned(), 1)).unzip();
        Self {
            interval,
            interval_count,
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

/// Record a consent to a higher price.
///
/// The customer's consent to the price rise that comes next, or to the first charge after a free
/// time, with what proves it. It has to be given within the 30 days before that day (Act on the
/// Consumer Protection in Electronic Commerce, article 13 (6)): an earlier one is refused with the
/// first day on which it can be given.
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
    let (mut tx, mut s) = locked(&ctx, SubscriptionId::parse(&id)).await?;
    let rise = s.paid.rise().filter(|_| s.paid.status != Status::Canceled);
    let Some((_, rate)) = rise else {
        let ko = "예정된 가격 인상이나 유료 전환이 없습니다.";
        let reason = Text::new(ko, "No price rise and no first charge is to come.");
        return Err(ApiError::from(Code::SubscriptionNotActive).with_detail("amount", reason));
    };
    if rate.price.won != request.amount.get() {
        let ko = format!("청구될 금액 {}원과 같아야 합니다.", rate.price.won);
        let en = format!("Has to equal the amount to come, {}.", rate.price.won);
        return Err(ApiError::invalid_field("amount", Text::new(ko, en)));
    }
    let ConsentRequest { method, evidence, consented_at, .. } = request;
    let given = Given { method, evidence, consented_at };
    let consent = give(&ctx, &mut s, given, "consentedAt")?;
    save(&ctx, &mut tx, &mut s).await?;
    let consent = consent.insert(&mut tx).await?;
    tx.commit().await?;
    Ok(answer::with_status(StatusCode::CREATED, ConsentBody::from(consent)))
}

/// List the consents of a subscription.
///
/// The consents to price rises and to a first charge, newest first.
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
    let id = SubscriptionId::parse(&id);
    if !store::exists(&ctx.pool, id).await? {
        return Err(Code::SubscriptionNotFound.into());
    }
    let rows = consents_of(&ctx.reading, id, paging).await?;
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

/// All consents of a customer, newest first.
pub async fn of_customer(db: &mut PgConnection, customer: &str) -> sqlx::Result<Vec<ConsentBody>> {
    let query = sqlx::query_as(concat!(
        "select ",
        consent_columns!(),
        " from price_consents where subscription_id in
            (select id from subscriptions where customer_id = $1) order by id desc"
    ));
    let rows: Vec<Consent> = query.bind(customer).fetch_all(db).await?;
    Ok(rows.into_iter().map(ConsentBody::from).collect())
}
