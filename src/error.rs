//! Every error that a caller can meet: one table gives its status, its code and its text.
//!
//! A handler returns an [`ApiError`]; the layer [`render`] turns it into the agreed envelope in
//! the caller's language, with the request's id.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::request_id::RequestId;

/// The stable codes of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name is its own wire code; the table below explains it")]
pub enum Code {
    InvalidRequest,
    InvalidJson,
    Unauthorized,
    SourceNotAllowed,
    PaymentDeclined,
    CardRefused,
    BillingKeyNotFound,
    SubscriptionNotFound,
    PaymentNotFound,
    RefundNotFound,
    OrderNotFound,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    OrderExists,
    SubscriptionExists,
    SubscriptionNotActive,
    BillingKeyInactive,
    ChargeInProgress,
    AlreadyCharged,
    RefundExceedsBalance,
    RefundNotAllowed,
    OutcomeUnknown,
    NotUnknown,
    RequestInProgress,
    PayloadTooLarge,
    UnsupportedMediaType,
    IdempotencyKeyReused,
    RateLimited,
    GatewayUnavailable,
    DatabaseUnavailable,
    ShuttingDown,
    Internal,
}

type Row = (StatusCode, &'static str, &'static str, &'static str);

impl Code {
    /// Status, wire code, Korean text, English text.
    #[rustfmt::skip]
    #[expect(clippy::too_many_lines, reason = "one table, one row for each code")]
    fn row(self) -> Row {
        use StatusCode as S;
        match self {
            Self::InvalidRequest => (S::BAD_REQUEST, "invalid_request",
                "요청 값이 올바르지 않습니다.", "The request is not valid."),
            Self::InvalidJson => (S::BAD_REQUEST, "invalid_json",
                "요청 본문이 올바른 JSON 객체가 아닙니다.", "The body is not a valid JSON object."),
            Self::Unauthorized => (S::UNAUTHORIZED, "unauthorized",
                "API 키가 없거나 올바르지 않습니다.", "The API key is missing or wrong."),
            Self::SourceNotAllowed => (S::FORBIDDEN, "source_not_allowed",
                "허용되지 않은 주소에서 온 요청입니다.", "The request comes from an address that is not allowed."),
            Self::PaymentDeclined => (S::PAYMENT_REQUIRED, "payment_declined",
                "결제가 거절되었습니다.", "The payment was declined."),
            Self::CardRefused => (S::PAYMENT_REQUIRED, "card_refused",
                "카드를 등록할 수 없습니다.", "The card was refused."),
            Self::BillingKeyNotFound => (S::NOT_FOUND, "billing_key_not_found",
                "빌링키를 찾을 수 없습니다.", "There is no such billing key."),
            Self::SubscriptionNotFound => (S::NOT_FOUND, "subscription_not_found",
                "구독을 찾을 수 없습니다.", "There is no such subscription."),
            Self::PaymentNotFound => (S::NOT_FOUND, "payment_not_found",
                "결제를 찾을 수 없습니다.", "There is no such payment."),
            Self::RefundNotFound => (S::NOT_FOUND, "refund_not_found",
                "환불을 찾을 수 없습니다.", "There is no such refund."),
            Self::OrderNotFound => (S::NOT_FOUND, "order_not_found",
                "주문을 찾을 수 없습니다.", "There is no such order."),
            Self::NotFound => (S::NOT_FOUND, "not_found",
                "없는 경로입니다.", "There is nothing at this path."),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "method_not_allowed",
                "이 경로에서 쓸 수 없는 메서드입니다.", "This path does not take this method."),
            Self::RequestTimeout => (S::REQUEST_TIMEOUT, "request_timeout",
                "요청 본문이 제때 도착하지 않았습니다.", "The body did not arrive in time."),
            Self::OrderExists => (S::CONFLICT, "order_exists",
                "이미 사용된 주문번호입니다.", "This order id has been used."),
            Self::SubscriptionExists => (S::CONFLICT, "subscription_exists",
                "이 고객은 이미 같은 플랜을 구독하고 있습니다.", "This customer already has a live subscription to this plan."),
            Self::SubscriptionNotActive => (S::CONFLICT, "subscription_not_active",
                "지금 상태의 구독에는 할 수 없는 일입니다.", "The subscription's status does not allow this."),
            Self::BillingKeyInactive => (S::CONFLICT, "billing_key_inactive",
                "삭제된 빌링키입니다.", "The billing key has been deleted."),
            Self::ChargeInProgress => (S::CONFLICT, "charge_in_progress",
                "결제가 진행 중입니다.", "A charge is under way."),
            Self::AlreadyCharged => (S::CONFLICT, "already_charged",
                "지금 청구할 회차가 없습니다.", "No period is due: the current one is charged."),
            Self::RefundExceedsBalance => (S::CONFLICT, "refund_exceeds_balance",
                "환불할 수 있는 금액을 넘었습니다.", "The amount is more than what is left to refund."),
            Self::RefundNotAllowed => (S::CONFLICT, "refund_not_allowed",
                "환불할 수 있는 상태의 결제가 아닙니다.", "The payment's status does not allow a refund."),
            Self::OutcomeUnknown => (S::CONFLICT, "outcome_unknown",
                "결과를 확인하지 못한 결제가 있습니다. 다시 시도하지 마세요.",
                "The outcome of the payment is unknown. Do not retry."),
            Self::NotUnknown => (S::CONFLICT, "not_unknown",
                "결과를 알 수 없는 상태가 아닙니다.", "The outcome is not unknown."),
            Self::RequestInProgress => (S::CONFLICT, "request_in_progress",
                "같은 Idempotency-Key의 요청이 처리 중입니다.", "A request with this Idempotency-Key is still running."),
            Self::PayloadTooLarge => (S::PAYLOAD_TOO_LARGE, "payload_too_large",
                "요청 본문은 64 KiB를 넘을 수 없습니다.", "The body may not exceed 64 KiB."),
            Self::UnsupportedMediaType => (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type",
                "Content-Type은 application/json이어야 합니다.", "The Content-Type has to be application/json."),
            Self::IdempotencyKeyReused => (S::UNPROCESSABLE_ENTITY, "idempotency_key_reused",
                "이 Idempotency-Key는 다른 본문으로 이미 사용되었습니다.",
                "This Idempotency-Key was used with another body."),
            Self::RateLimited => (S::TOO_MANY_REQUESTS, "rate_limited",
                "요청이 너무 많습니다. 잠시 뒤에 다시 시도하세요.", "Too many requests. Try again later."),
            Self::GatewayUnavailable => (S::BAD_GATEWAY, "gateway_unavailable",
                "키움페이에 연결하지 못했습니다. 청구된 금액은 없으며 다시 시도해도 됩니다.",
                "KiwoomPay could not be reached. Nothing was charged; it is safe to retry."),
            Self::DatabaseUnavailable => (S::SERVICE_UNAVAILABLE, "database_unavailable",
                "데이터베이스를 사용할 수 없습니다. 잠시 뒤에 다시 시도하세요.",
                "The database is not available. Try again later."),
            Self::ShuttingDown => (S::SERVICE_UNAVAILABLE, "shutting_down",
                "서비스가 종료 중입니다.", "The service is shutting down."),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal_error",
                "서비스 내부 오류입니다. requestId로 문의하세요.",
                "Internal error. Please report the requestId."),
        }
    }
}

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
    retry_after_secs: Option<u32>,
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        let retry_after_secs = match code {
            Code::RequestInProgress | Code::RateLimited => Some(1),
            Code::DatabaseUnavailable | Code::ShuttingDown => Some(5),
            _ => None,
        };
        Self { code, details: Vec::new(), gateway: None, retry_after_secs }
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

    /// Its code.
    pub fn code(&self) -> Code {
        self.code
    }

    fn into_envelope(self, request_id: &str, english: bool) -> Response {
        let (status, code, ko, en) = self.code.row();
        let details = self.details.into_iter();
        let body = ErrorBody {
            success: false,
            error: ErrorContent {
                code,
                message: if english { en } else { ko },
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
        tracing::error!(%error, "unexpected database error");
        Code::Internal.into()
    }
}

/// Whether the server could not be reached or is going away, as opposed to refusing the statement.
pub fn is_database_down(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // Class 08 connection, 53 resources, 57 operator intervention (shutdown, starting up).
        sqlx::Error::Database(e) => {
            e.code().is_some_and(|c| ["08", "53", "57"].iter().any(|class| c.starts_with(class)))
        }
        _ => false,
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
    message: &'static str,
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
