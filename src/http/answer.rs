//! The success envelope and lists.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::description::{self, described};
use crate::http::error::ApiError;
use crate::http::extract::{Fields, FromField, FromFields};
use crate::rules::text::Text;

/// `{"success":true,"data":…}`.
#[derive(Serialize, ToSchema)]
pub struct Success<T> {
    /// Always `true`.
    success: bool,
    /// The answer.
    data: T,
}

/// 200 with data.
pub fn ok<T: Serialize>(data: T) -> Response {
    with_status(StatusCode::OK, data)
}

/// The body of [`ok`]'s answer.
pub fn body<T: Serialize>(data: T) -> Vec<u8> {
    serde_json::to_vec(&Success { success: true, data }).unwrap_or_default()
}

/// Any status with data: 201 for what was created, 202 for an unknown outcome.
pub fn with_status<T: Serialize>(status: StatusCode, data: T) -> Response {
    (status, Json(Success { success: true, data })).into_response()
}

/// One page of a list, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// At most `limit` of them.
    items: Vec<T>,
    /// Hand it back as `cursor` for the next page; `null` on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// `limit` (1 to 100, default 20) and `cursor` of a list.
#[derive(Clone, Copy, Debug)]
pub struct Paging {
    limit: Limit,
    /// Only what is older than this.
    pub before: Option<Uuid>,
}

impl Paging {
    /// One more than the page holds, to see whether there is a next one.
    pub fn fetch(self) -> i64 {
        self.limit.fetch()
    }

    /// The page of `rows`, which were fetched with [`Self::fetch`].
    pub fn page<R, T>(
        self,
        rows: Vec<R>,
        id: impl Fn(&R) -> Uuid,
        view: impl Fn(R) -> T,
    ) -> Page<T> {
        self.limit.page(rows, |row| id(row).simple().to_string(), view)
    }
}

impl FromFields for Paging {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let limit = f.optional("limit").unwrap_or_default();
        Some(Self { limit, before: f.optional::<Cursor>("cursor").map(|cursor| cursor.0) })
    }
}

/// How many rows a page holds: 1 to 100, default 20.
#[derive(Clone, Copy, Debug)]
pub struct Limit(usize);

impl Limit {
    /// For SQL.
    pub fn rows(self) -> i64 {
        i64::try_from(self.0).unwrap_or(20)
    }

    /// One more than the page holds, to see whether there is a next one.
    pub fn fetch(self) -> i64 {
        self.rows() + 1
    }

    /// The page of `rows`, which were fetched with [`Self::fetch`].
    pub fn page<R, T>(
        self,
        mut rows: Vec<R>,
        cursor: impl Fn(&R) -> String,
        view: impl Fn(R) -> T,
    ) -> Page<T> {
        let more = rows.len() > self.0;
        rows.truncate(self.0);
        let next_cursor = rows.last().filter(|_| more).map(cursor);
        Page { items: rows.into_iter().map(view).collect(), next_cursor }
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

impl FromField for Limit {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let number = value.as_str().and_then(|t| t.parse().ok());
        let wrong = || {
            Text::new(
                "1 이상 100 이하의 정수여야 합니다.",
                "Has to be a whole number from 1 to 100.",
            )
        };
        number.filter(|n| (1..=100).contains(n)).map(Self).ok_or_else(wrong)
    }
}

/// Where a page ended.
pub struct Cursor(Uuid);

described!(Cursor, description::matching("^[0-9a-f]{32}$"));

impl FromField for Cursor {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let uuid = value.as_str().and_then(|t| Uuid::try_parse(t).ok());
        uuid.map(Self).ok_or_else(wrong_cursor)
    }
}

/// Why a cursor that is not ours is refused.
pub fn wrong_cursor() -> Text {
    Text::new("nextCursor로 받은 값이어야 합니다.", "Has to be a nextCursor of an earlier page.")
}

/// What handlers return.
pub type Answer = Result<Response, ApiError>;
