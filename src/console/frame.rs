//! What every page and action of the console is handed: who is signed in, in which language, the API
//! as that key may use it, and how pages are written.

use askama::Template;
use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use cookie::{Cookie, SameSite};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::access::api_keys::{Caller, OPEN, Scope};
use crate::console::Shared;
use crate::console::api::Api;
use crate::console::assets;
use crate::console::failed::Failed;
use crate::console::form::Form;
use crate::console::guard::add_cookie;
use crate::console::language::{Language, cookie_named};
use crate::console::session::Token;
use crate::console::shown::{self, Whole};
use crate::rules::money::grouped;

/// What pages may load and where their forms go: their own, nothing inline, in no frame.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the CSRF token of a session seals.
pub const SEALED: &str = "csrf";

/// What handlers return: a page, a redirect, or why there is neither.
pub type Page = Result<Response, Failed>;

/// See the module. Handlers take it as an argument, templates have it as `c`.
#[derive(Clone)]
pub struct Console {
    /// The language of the page.
    pub language: Language,
    /// The API.
    pub api: Api,
    caller: Caller,
    token: Token,
    address: String,
    flash: Option<Flash>,
    is_production: bool,
    is_sandbox: bool,
}

impl Console {
    /// For a request of a session.
    pub fn new(
        shared: &Shared,
        parts: &Parts,
        (token, caller): (Token, Caller),
        flash: Option<Flash>,
    ) -> Self {
        let language = Language::of(&parts.headers);
        let config = &shared.ctx.config;
        Self {
            language,
            api: Api::new(shared.api.clone(), parts, Some(&caller), language),
            caller,
            token,
            address: Self::address(parts),
            flash,
            is_production: config.is_production(),
            is_sandbox: config.kiwoom.gateway.is_sandbox(),
        }
    }

    /// Path and query, as the browser has them.
    pub fn address(parts: &Parts) -> String {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |uri| &uri.0);
        uri.path_and_query().map_or("/console", |path| path.as_str()).to_owned()
    }

    /// `GET path` of the API: its `data`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        self.api.get(path).await
    }

    /// `POST path` of the API with a JSON body: its `data`. The form's key makes it happen once,
    /// however often the form is sent.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        form: &Form,
    ) -> Result<T, Failed> {
        self.write(Method::POST, path, body, form).await
    }

    /// The same with another method: `PATCH`, `DELETE`.
    pub async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        form: &Form,
    ) -> Result<T, Failed> {
        let key = form.idempotency_key(body);
        self.api.write(method, path, body, key.as_deref()).await
    }

    /// A page of a template.
    pub fn page(&self, template: &impl Template) -> Page {
        Ok(html(template.render()))
    }

    /// After an action: on to a page of the console, which says `ko` or `en` once.
    pub fn done(&self, to: &str, ko: &str, en: &str) -> Page {
        let mut response = Redirect::to(to).into_response();
        let text = self.language.pick(ko, en);
        add_cookie(&mut response, &Flash::cookie(text, &self.token, self.is_production));
        Ok(response)
    }

    /// The session's token.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Whether there is something to say once.
    pub fn has_flash(&self) -> bool {
        self.flash.is_some()
    }
}

/// For templates.
impl Console {
    /// The text in the language of the page.
    pub fn t<'t>(&self, ko: &'t str, en: &'t str) -> &'t str {
        self.language.pick(ko, en)
    }

    /// Whether the key may do what takes this scope: `read`, `charge`, `refund`, `admin`.
    pub fn can(&self, scope: &str) -> bool {
        Scope::parse(scope).is_some_and(|scope| self.caller.may(scope))
    }

    /// The public id of the key.
    pub fn key(&self) -> &str {
        &self.caller.id.0
    }

    /// Whether anybody may come in, without a key.
    pub fn is_open(&self) -> bool {
        self.caller.id.0 == OPEN
    }

    /// Whether the page is in English.
    pub fn is_english(&self) -> bool {
        self.language == Language::English
    }

    /// Whether real money is moved.
    pub fn is_production(&self) -> bool {
        self.is_production
    }

    /// Whether the gateway is a sandbox.
    pub fn is_sandbox(&self) -> bool {
        self.is_sandbox
    }

    /// What is said once, after an action.
    pub fn flash(&self) -> Option<&str> {
        self.flash.as_ref().map(|flash| flash.0.as_str())
    }

    /// The CSRF token of the session, for the field `csrf` of every form.
    pub fn csrf(&self) -> String {
        self.token.seal(SEALED)
    }

    /// A new `Idempotency-Key`, for the field `idempotencyKey` of every form that moves money or makes
    /// something.
    pub fn new_key(&self) -> String {
        Uuid::now_v7().to_string()
    }

    /// `page` for the entry of the navigation that this page is, or is below.
    pub fn current(&self, path: &str) -> bool {
        let here = self.address.split('?').next().unwrap_or_default().trim_end_matches('/');
        let below =
            here.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if path == "/console" { here == path } else { below }
    }

    /// This page in the other language.
    pub fn here_in(&self, language: &str) -> String {
        crate::console::api::path_with(
            "/console/language",
            [("to", language), ("next", self.address.as_str())],
        )
    }

    /// Where a file of the console is.
    pub fn asset(&self, name: &str) -> String {
        assets::path(name)
    }

    /// `9,900원`.
    pub fn won(&self, won: impl Whole) -> String {
        shown::won(won.whole(), self.language)
    }

    /// A number by thousands.
    pub fn number(&self, number: impl Whole) -> String {
        grouped(number.whole())
    }

    /// A size in bytes.
    pub fn megabytes(&self, bytes: impl Whole) -> String {
        format!("{} MB", grouped(bytes.whole() / 1_000_000))
    }

    /// A moment of the API (RFC 3339, Korea): `2026-12-15 10:00`.
    pub fn time(&self, moment: impl AsRef<str>) -> String {
        shown::time(moment.as_ref())
    }

    /// A state of the API in words.
    pub fn state(&self, word: impl AsRef<str>) -> String {
        shown::state(word.as_ref(), self.language)
    }

    /// How a state is coloured: `good`, `bad`, `waiting` or `plain`.
    pub fn tone(&self, word: impl AsRef<str>) -> &'static str {
        shown::tone(word.as_ref())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Console {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        let none = || Failed::of_api(StatusCode::INTERNAL_SERVER_ERROR, &[]);
        parts.extensions.get().cloned().ok_or_else(none)
    }
}

/// What is said once, on the page after an action: in a cookie that only the session can write.
#[derive(Clone, Debug)]
pub struct Flash(String);

impl Flash {
    const COOKIE: &str = "kiwoom_console_flash";

    /// What the request's cookie says.
    pub fn of(headers: &HeaderMap, token: &Token) -> Option<Self> {
        let value = cookie_named(headers, Self::COOKIE)?;
        let (seal, text) = value.split_once('.')?;
        let text = percent_decode_str(text).decode_utf8().ok()?.into_owned();
        token.is_sealed(&format!("flash:{text}"), seal).then_some(Self(text))
    }

    fn cookie(text: &str, token: &Token, secure: bool) -> String {
        let seal = token.seal(&format!("flash:{text}"));
        let value = format!("{seal}.{}", utf8_percent_encode(text, NON_ALPHANUMERIC));
        Self::build(&value, secure, 60)
    }

    /// The cookie that takes it away.
    pub fn gone(secure: bool) -> String {
        Self::build("", secure, 0)
    }

    fn build(value: &str, secure: bool, seconds: i64) -> String {
        let cookie = Cookie::build((Self::COOKIE, value)).path("/console").http_only(true);
        let cookie = cookie.secure(secure).same_site(SameSite::Strict);
        cookie.max_age(cookie::time::Duration::seconds(seconds)).to_string()
    }
}

/// A template that was rendered, as an answer.
pub fn html(rendered: askama::Result<String>) -> Response {
    match rendered {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Adds what a page tells the browser. Its forms say where they come from, to this service alone.
pub async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
