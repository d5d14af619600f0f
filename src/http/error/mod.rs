//! Every error that a caller can meet: one table gives its status, its code and its text.
//!
//! A handler returns an [`ApiError`]; the layer [`render`] turns it into the agreed envelope in
//! the caller's language, with the request's id.

mod code;

use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

pub use code::Code;

use crate::access::request_id::RequestId;

/// A text in the API's two languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Korean, the default.
    pub ko: String,
    /// English, with `Accept-Language: en`.
    pub en: String,
}

impl Text {
    /// Both languages at once.
    pub fn new(ko: impl Into<String>, en: impl Into<String>) -> Self {
        Self { ko: ko.into(), en: en.into() }
    }

    fn pick(self, english: bool) -> String {
        if english { self.en } else { self.ko }
    }
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// The field's name, as the caller wrote it.
    pub field: String,
    /// Why it was refused.
    pub reason: Text,
}

/// What KiwoomPay said, as it said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayAnswer {
    /// RESULTCODE.
    pub result_code: String,
    /// ERRORMESSAGE.
    pub message: String,
}

/// An error on its way to the caller.
#[derive(Clone, Debug)]
pub struct ApiError {
    code: Code,
    details: Vec<Detail>,
    gateway: Option<GatewayAnswer>,
    retry_after_secs: Option<u64>,
    text: Option<Box<Text>>,
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        let retry_after_secs = match code {
            Code::RequestInProgress | Code::RateLimited => Some(1),
            Code::DatabaseUnavailable | Code::ShuttingDown => Some(5),
            _ => None,
        };
        Self { code, details: Vec::new(), gateway: None, retry_after_secs, text: None }
    }
}

impl ApiError {
    /// 400 `invalid_request` naming the fields.
    pub fn invalid(details: Vec<Detail>) -> Self {
        Self { details, ..Code::InvalidRequest.into() }
    }

    /// 400 `invalid_request` for one field.
    pub fn invalid_field(field: &str, reason: Text) -> Self {
        Self::invalid(vec![Detail { field: field.to_owned(), reason }])
    }

    /// The same error with KiwoomPay's own words.
    pub fn with_gateway(self, gateway: GatewayAnswer) -> Self {
        Self { gateway: Some(gateway), ..self }
    }

    /// The same error with a detail about one field.
    pub fn with_detail(mut self, field: &str, reason: Text) -> Self {
        self.details.push(Detail { field: field.to_owned(), reason });
        self
    }

    /// The same error in other words than those of its code.
    pub fn with_text(self, text: Text) -> Self {
        Self { text: Some(Box::new(text)), ..self }
    }

    /// The same error with `Retry-After`, in whole seconds.
    pub fn with_retry_after(self, wait: Duration) -> Self {
        let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { retry_after_secs: Some(secs.max(1)), ..self }
    }

    /// What is wrong with which fields.
    pub fn into_details(self) -> Vec<Detail> {
        self.details
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Whether the service is at fault, or its database, and not what was asked for.
    pub fn is_server_error(&self) -> bool {
        self.code.row().0.is_server_error()
    }

    /// What is wrong on one line of English: each field with its reason, or else the code's text.
    pub fn english(&self) -> String {
        if self.details.is_empty() {
            return self.code.row().3.to_owned();
        }
        let details = self.details.iter();
        let details: Vec<String> =
            details.map(|d| format!("{}: {}", d.field.escape_debug(), d.reason.en)).collect();
        details.join("; ")
    }

    fn into_envelope(self, request_id: &str, english: bool) -> Response {
        let (status, code, ko, en) = self.code.row();
        let text = self.text.map_or_else(|| Text::new(ko, en), |text| *text);
        let details = self.details.into_iter();
        let body = ErrorBody {
            success: false,
            error: ErrorContent {
                code,
                message: text.pick(english),
                request_id: request_id.to_owned(),
                details: details
                    .map(|d| FieldProblem { field: d.field, reason: d.reason.pick(english) })
                    .collect(),
                gateway: self.gateway,
            },
        };
        let mut response = (status, Json(body)).into_response();
        if let Some(secs) = self.retry_after_secs {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}

impl IntoResponse for ApiError {
    /// Only the status; [`render`] writes the body.
    fn into_response(self) -> Response {
        let mut response = self.code.row().0.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<sqlx::Error> for ApiError {
    /// A query that failed for a reason its caller did not foresee. Logged here, once.
    fn from(error: sqlx::Error) -> Self {
        if is_database_down(&error) {
            tracing::warn!(%error, "database not available");
            return Code::DatabaseUnavailable.into();
        }
        // Ids are new each time, but for a request that another process has taken over.
        let constraint = error.as_database_error().and_then(|e| e.constraint());
        if constraint.is_some_and(|name| name.ends_with("_pkey")) {
            tracing::warn!(%error, "another process has taken this request over");
            return Code::RequestInProgress.into();
        }
        tracing::error!(%error, "unexpected database error");
        Code::Internal.into()
    }
}

/// Whether the server could not be reached, is going away or could not do it just now, as opposed to
/// refusing the statement: the same statement may succeed later.
pub fn is_database_down(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // Class 08 connection, 40 deadlock, 53 resources, 55 lock not available, 57 operator
        // intervention (shutdown, starting up); 25006 a standby that is about to be promoted.
        sqlx::Error::Database(e) => e.code().is_some_and(|code| {
            ["08", "25006", "40", "53", "55", "57"].iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

/// Whether the server knows no such function or does not let us call it.
pub fn is_forbidden(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "42501" || code == "42883")
}

/// The error envelope.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    /// Always `false`.
    success: bool,
    error: ErrorContent,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ErrorContent {
    code: &'static str,
    message: String,
    request_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<FieldProblem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<GatewayAnswer>,
}

#[derive(Serialize, ToSchema)]
struct FieldProblem {
    field: String,
    reason: String,
}

/// Layer: writes the envelope of an [`ApiError`] that a handler or an inner layer returned.
pub async fn render(request: Request, next: Next) -> Response {
    let english = prefers_english(request.headers());
    let request_id = RequestId::of(request.extensions());
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<ApiError>() {
        Some(error) => error.into_envelope(&request_id, english),
        None => response,
    }
}

fn prefers_english(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
    accepted.is_some_and(|v| v.trim_start().to_ascii_lowercase().starts_with("en"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_english_is_one_line_whatever_the_field_is_called() {
        let reason = || Text::new("알 수 없는 필드입니다.", "Unknown field.");
        let error = ApiError::invalid_field("a\nb\u{7f}", reason()).with_detail("금액", reason());
        assert_eq!(error.english(), "a\\nb\\u{7f}: Unknown field.; 금액: Unknown field.");
    }
}
