//! `GET /notifications`: what KiwoomPay told, and what became of it.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::statuses::LEFT_TO_A_PERSON;
use crate::context::AppState;
use crate::http::answer::{self, Answer, Cursor, Page, Paging, Success};
use crate::http::description::{self, described, words};
use crate::http::extract::{Fields, FromField, FromFields, Query, one_of, text};
use crate::rules::text::Text;
use kiwoom_clock::rfc3339_kst;

/// Which notifications to list.
pub struct ListRequest {
    filter: Filter,
    paging: Paging,
}

#[derive(Default)]
struct Filter {
    order_no: Option<String>,
    transaction_id: Option<String>,
    condition: Option<&'static str>,
}

/// What became of notifications, as conditions on their verdict.
const STATES: [(&str, &str); 4] = [
    ("applied", "verdict = 'applied'"),
    ("waiting", "verdict = 'waiting'"),
    ("review", LEFT_TO_A_PERSON),
    ("refused", "verdict in ('source', 'unreadable', 'merchant')"),
];

struct StateName(&'static str);

described!(StateName as "NotificationState", description::one_of(STATES.map(|(word, _)| word)));

impl FromField for StateName {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &STATES).map(Self)
    }
}

/// As KiwoomPay wrote it.
struct Told(String);

described!(Told, description::text(50));

impl FromField for Told {
    fn from_field(value: &Value) -> Result<Self, Text> {
        text(value, 50).map(Self)
    }
}

impl FromFields for ListRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let filter = Filter {
            order_no: f.optional::<Told>("orderId").map(|told| told.0),
            transaction_id: f.optional::<Told>("transactionId").map(|told| told.0),
            condition: f.optional::<StateName>("state").map(|state| state.0),
        };
        Some(Self { filter, paging: Paging::from_fields(f)? })
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    kind: String,
    verdict: String,
    order_no: Option<String>,
    transaction_id: Option<String>,
    amount: Option<i64>,
    occurred_at: Option<DateTime<Utc>>,
    copies: i32,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
}

words!(
    /// What a notification tells of.
    NotificationKind,
    ["payment", "failure", "cancellation", "other", "unreadable", "source"]
);
words!(
    /// What became of a notification.
    NotificationVerdict,
    [
        "applied",
        "waiting",
        "unexpected",
        "review",
        "source",
        "unreadable",
        "merchant",
        "unknown_kind",
        "unknown_order",
        "amount",
        "contradiction",
    ]
);

/// A notification, all copies of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationBody {
    id: String,
    /// `payment`, `failure`, `cancellation`, `other`, `unreadable` or `source`.
    #[schema(value_type = NotificationKind)]
    kind: String,
    /// `applied`, `waiting`, `unexpected`, `review`, `source`, `unreadable`, `merchant`, `unknown_kind`,
    /// `unknown_order`, `amount` or `contradiction`.
    #[schema(value_type = NotificationVerdict)]
    verdict: String,
    #[schema(required)]
    order_id: Option<String>,
    #[schema(required)]
    transaction_id: Option<String>,
    /// Won.
    #[schema(required)]
    amount: Option<i64>,
    /// When the money moved, as it says.
    #[schema(required, format = DateTime)]
    occurred_at: Option<String>,
    /// How often it came.
    copies: i32,
    #[schema(format = DateTime)]
    first_at: String,
    #[schema(format = DateTime)]
    last_at: String,
}

impl From<Row> for NotificationBody {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.simple().to_string(),
            kind: row.kind,
            verdict: row.verdict,
            order_id: row.order_no,
            transaction_id: row.transaction_id,
            amount: row.amount,
            occurred_at: row.occurred_at.map(rfc3339_kst),
            copies: row.copies,
            first_at: rfc3339_kst(row.first_at),
            last_at: rfc3339_kst(row.last_at),
        }
    }
}

/// List notifications of KiwoomPay.
///
/// What KiwoomPay told, newest first, without what it says of the buyer. `state=review`: kept, and
/// left to a person.
#[utoipa::path(
    get, path = "/notifications", operation_id = "listNotifications", tag = "webhook",
    params(
        ("orderId" = inline(Option<Told>), Query),
        ("transactionId" = inline(Option<Told>), Query),
        ("state" = inline(Option<StateName>), Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100),
        ("cursor" = inline(Option<Cursor>), Query),
    ),
    responses(
        (status = 200, description = "A page", body = Success<Page<NotificationBody>>),
    )
)]
pub async fn list(State(ctx): State<AppState>, Query(request): Query<ListRequest>) -> Answer {
    let rows = rows(&ctx.reading, &request.filter, request.paging).await?;
    Ok(answer::ok(request.paging.page(rows, |row| row.id, NotificationBody::from)))
}

async fn rows(pool: &PgPool, filter: &Filter, paging: Paging) -> sqlx::Result<Vec<Row>> {
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(
        "select id, kind, verdict, order_no, transaction_id, amount, occurred_at, copies, first_at,
            last_at
         from notifications where true",
    );
    if let Some(order_no) = &filter.order_no {
        sql.push(" and order_no = ").push_bind(order_no);
    }
    if let Some(transaction) = &filter.transaction_id {
        sql.push(" and transaction_id = ").push_bind(transaction);
    }
    if let Some(condition) = filter.condition {
        sql.push(" and ").push(condition);
    }
    if let Some(before) = paging.before {
        sql.push(" and id < ").push_bind(before);
    }
    sql.push(" order by id desc limit ").push_bind(paging.fetch());
    sql.build_query_as().fetch_all(pool).await
}
