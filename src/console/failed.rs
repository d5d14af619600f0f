//! What did not work, as a page: the API's own message, and the request's id.

use std::ops::Deref;

use askama::Template;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Collected};
use serde::Deserialize;

use crate::access::request_id::RequestId;
use crate::console::frame::{self, Console};
use crate::console::language::Language;
use crate::http::error::{ApiError, Code};
use crate::rules::text::Text;

/// Why there is no page, or why an action was refused. The guard writes it as a page.
#[derive(Clone, Debug)]
pub struct Failed(Box<Refusal>);

impl Deref for Failed {
    type Target = Refusal;

    fn deref(&self) -> &Refusal {
        &self.0
    }
}

/// What the API said.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Refusal {
    /// Its status.
    #[serde(skip)]
    pub status: u16,
    /// The API's wire code.
    pub code: String,
    /// The API's message, in the language of the page.
    pub message: String,
    /// Of the request to the console, which the API was called under.
    pub request_id: String,
    /// What is wrong with which field.
    pub details: Vec<FieldProblem>,
    /// What KiwoomPay said.
    pub gateway: Option<Gateway>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, Deserialize)]
pub struct FieldProblem {
    /// Its name in the API.
    pub field: String,
    /// Why it was refused.
    pub reason: String,
}

/// KiwoomPay's own words.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gateway {
    /// RESULTCODE.
    pub result_code: String,
    /// ERRORMESSAGE.
    pub message: String,
}

#[derive(Deserialize)]
struct Envelope {
    error: Refusal,
}

impl Failed {
    /// What the API answered.
    pub fn of_api(status: StatusCode, body: &[u8]) -> Self {
        let read = serde_json::from_slice(body).map(|envelope: Envelope| envelope.error);
        Self(Box::new(Refusal { status: status.as_u16(), ..read.unwrap_or_default() }))
    }

    /// An error of the console's own, with a text of the API's table or another one.
    pub async fn of(
        error: impl Into<ApiError>,
        request: &axum::http::Extensions,
        language: Language,
    ) -> Self {
        let id = RequestId::of(request);
        let response = error.into().into_envelope(&id, language == Language::English);
        let status = response.status();
        let body = response.into_body().collect().await;
        Self::of_api(status, &body.map(Collected::to_bytes).unwrap_or_default())
    }

    /// Nothing is at this address.
    pub fn not_found(language: Language) -> Self {
        let message = language.pick("존재하지 않는 페이지입니다.", "There is no such page.");
        Self(Box::new(Refusal {
            status: StatusCode::NOT_FOUND.as_u16(),
            code: "not_found".to_owned(),
            message: message.to_owned(),
            ..Refusal::default()
        }))
    }

    /// The page of it, for who is signed in or for anybody.
    pub fn page(&self, console: Option<&Console>, language: Language) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let html = match console {
            Some(c) => InFrame { c, failed: self }.render(),
            None => Alone { language, failed: self }.render(),
        };
        (status, frame::html(html)).into_response()
    }
}

impl IntoResponse for Failed {
    /// Only the status; the guard writes the page.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Template)]
#[template(path = "failed.html")]
struct InFrame<'a> {
    c: &'a Console,
    failed: &'a Failed,
}

#[derive(Template)]
#[template(path = "failed_alone.html")]
struct Alone<'a> {
    language: Language,
    failed: &'a Failed,
}

/// Whatever has no page.
pub async fn nowhere(console: Console) -> Failed {
    Failed::not_found(console.language)
}

/// An action that was asked for as a page, or the other way round.
pub async fn wrong_method(console: Console, request: Request) -> Failed {
    Failed::of(Code::MethodNotAllowed, request.extensions(), console.language).await
}

/// A request that did not come from a page of this session: nothing was done.
pub fn not_from_here() -> ApiError {
    ApiError::from(Code::InsufficientScope).with_text(Text::new(
        "이 화면에서 보낸 요청인지 확인할 수 없어 처리하지 않았습니다. 페이지를 새로 고친 뒤 다시 시도해 주세요.",
        "It is not certain that this request was sent by this page: nothing was done. Reload the page and try again.",
    ))
}
