//! Every error that a caller can meet: one table gives its status, its code and its text.
//!
//! A handler returns an [`ApiError`]; the layer `envelope` turns it into the agreed envelope in the
//! caller's language, with the request's id.

mod code;

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

pub use code::Code;

use crate::rules::text::Text;

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

/// Marks an answer to a request that came to nothing: the same request again begins anew, under
/// another id.
#[derive(Clone, Copy, Debug)]
pub struct BeginsAnew;

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        let retry_after_secs = match code {
            Code::RequestInProgress | Code::RateLimited | Code::ChargeInProgress => Some(1),
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

    /// The agreed envelope, for the request with this id, in English or else in Korean.
    pub fn into_envelope(self, request_id: &str, english: bool) -> Response {
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
        if self.code == Code::MerchantSetting {
            response.extensions_mut().insert(BeginsAnew);
        }
        if let Some(secs) = self.retry_after_secs {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}

impl IntoResponse for ApiError {
    /// Only the status; the layer `envelope` writes the body.
    fn into_response(self) -> Response {
        let mut response = self.code.row().0.into_response();
        response.extensions_mut().insert(self);
        response
    }
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
