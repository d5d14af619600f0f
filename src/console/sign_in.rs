//! In with an API key, and out.

use askama::Template;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::access::api_keys::OPEN;
use crate::access::origin::Origin;
use crate::console::Shared;
use crate::console::failed::{Failed, not_from_here};
use crate::console::form::Form;
use crate::console::frame::{self, Console, Page};
use crate::console::guard::{add_cookie, is_same_origin};
use crate::console::language::Language;
use crate::console::session;
use crate::http::error::{ApiError, Code};
use crate::layers::auth;

/// What the addresses of the sign-in and of the language name.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    next: String,
    to: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    language: Language,
    next: &'a str,
    switch: String,
    wrong: Option<String>,
}

impl<'a> SignIn<'a> {
    fn new(language: Language, next: &'a str, wrong: Option<String>) -> Self {
        let here = crate::console::api::path_with("/console/sign-in", [("next", next)]);
        let other = language.pick("en", "ko");
        let switch =
            crate::console::api::path_with("/console/language", [("to", other), ("next", &here)]);
        Self { language, next, switch, wrong }
    }
}

/// `GET /console/sign-in`.
pub async fn ask(
    State(shared): State<Shared>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Response {
    let language = Language::of(request.headers());
    match shared.ctx.api_keys.with_id(OPEN).await {
        Ok(Some(_)) => Redirect::to(within(&asked.next)).into_response(),
        Ok(None) => frame::html(SignIn::new(language, &asked.next, None).render()),
        Err(error) => failed(error, request.extensions(), language).await,
    }
}

/// `POST /console/sign-in`: the key is judged and its failures are counted as those of any request.
pub async fn enter(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let language = Language::of(&parts.headers);
    let ctx = &shared.ctx;
    if !is_same_origin(&parts.headers, &ctx.public_url) {
        return failed(not_from_here(), &parts.extensions, language).await;
    }
    let form = match Form::read(&parts, body).await {
        Ok(form) => form,
        Err(error) => return failed(error, &parts.extensions, language).await,
    };
    let next = form.text("next");
    match begin(&shared, &parts, form.text("apiKey")).await {
        Ok(token) => {
            let mut response = Redirect::to(within(next)).into_response();
            add_cookie(&mut response, &token.cookie(ctx.config.is_production()));
            response
        }
        Err(error) if matches!(error.code(), Code::Unauthorized | Code::RateLimited) => {
            let failed = Failed::of(error, &parts.extensions, language).await;
            let status = StatusCode::from_u16(failed.status).unwrap_or(StatusCode::UNAUTHORIZED);
            let page = SignIn::new(language, next, Some(failed.message.clone()));
            (status, frame::html(page.render())).into_response()
        }
        Err(error) => failed(error, &parts.extensions, language).await,
    }
}

async fn begin(shared: &Shared, parts: &Parts, key: &str) -> Result<session::Token, ApiError> {
    let ctx = &shared.ctx;
    let origin = Origin::of(&ctx.forwarding, &parts.headers, &parts.extensions);
    let key = Some(key).filter(|key| !key.is_empty());
    let caller = auth::identify(ctx, key, origin).await?;
    // A session that was there before ends: nobody goes on in one that another may know.
    if let Some(old) = session::Token::of(&parts.headers) {
        session::end(&ctx.pool, &old).await?;
    }
    Ok(session::begin(&ctx.pool, &caller.id.0).await?)
}

/// `POST /console/sign-out`.
pub async fn leave(State(shared): State<Shared>, console: Console, request: Request) -> Page {
    let ended = session::end(&shared.ctx.pool, console.token()).await;
    if let Err(error) = ended {
        return Err(Failed::of(error, request.extensions(), console.language).await);
    }
    let mut response = Redirect::to("/console/sign-in").into_response();
    add_cookie(&mut response, &session::no_cookie(shared.ctx.config.is_production()));
    Ok(response)
}

/// `GET /console/language?to=en`: remembers the language, and goes back.
pub async fn language(State(shared): State<Shared>, Query(asked): Query<Asked>) -> Response {
    let mut response = Redirect::to(within(&asked.next)).into_response();
    if let Some(language) = Language::parse(&asked.to) {
        add_cookie(&mut response, &language.cookie(shared.ctx.config.is_production()));
    }
    response
}

async fn failed(error: ApiError, of: &axum::http::Extensions, language: Language) -> Response {
    Failed::of(error, of, language).await.page(None, language)
}

/// An address of the console, or its first page: nobody is sent elsewhere.
fn within(next: &str) -> &str {
    let is_plain = next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let rest = next.strip_prefix("/console").filter(|_| is_plain);
    let is_within = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    if is_within { next } else { "/console" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for next in ["/console", "/console/payments?status=x", "/console?x=1"] {
            assert_eq!(within(next), next);
        }
        for next in [
            "",
            "/",
            "//evil.example",
            "https://evil.example",
            "/consolex",
            "/console\\@evil",
            "/console/\r\nx: y",
            "javascript:alert(1)",
            "/console.evil.example",
        ] {
            assert_eq!(within(next), "/console", "{next}");
        }
    }
}
