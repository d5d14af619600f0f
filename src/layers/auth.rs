//! Who calls, and whether that caller may: `Authorization: Bearer <key>` or `X-API-Key: <key>`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use crate::access::api_keys::{self, Caller, Refused, Scope, needed};
use crate::access::origin::Origin;
use crate::access::rate_limit::Limit;
use crate::config::MIN_API_KEY_LENGTH;
use crate::context::{AppState, Context};
use crate::http::error::{ApiError, Code, Text};
use crate::layers::idempotency;

const MINUTE: Duration = Duration::from_mins(1);

/// Layer: lets a request through when its key is good and may do what is asked for. Of any other
/// nothing is read, done or kept.
pub async fn require_key(State(ctx): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit(&ctx, &parts).await {
        Ok(caller) => {
            parts.extensions.insert(caller.id);
            parts.extensions.insert(caller.first);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => {
            idempotency::discard_body(body).await;
            error.into_response()
        }
    }
}

async fn admit(ctx: &Context, request: &Parts) -> Result<Caller, ApiError> {
    let caller = identify(ctx, request).await?;
    let route = request.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let scope = needed(&request.method, route);
    if caller.may(scope) {
        return Ok(caller);
    }
    tracing::warn!(api_key = caller.id.0, scope = scope.name(), route, "API key without the scope");
    Err(insufficient_scope(scope))
}

/// A good key is always let in. Who fails too often is told so, without a look into the database: a
/// key that was made less than five seconds ago is then not known yet.
async fn identify(ctx: &Context, request: &Parts) -> Result<Caller, ApiError> {
    let origin = || Origin::of(&ctx.config.trusted_proxies, &request.headers, &request.extensions);
    let may_look_up = || ctx.auth_failures.wait(origin()).is_none();
    let key = presented(&request.headers);
    let refused = match ctx.api_keys.identify(key, may_look_up).await? {
        Ok(caller) => return Ok(caller),
        Err(refused) => refused,
    };
    let origin = origin();
    if let Some(wait) = ctx.auth_failures.wait(origin) {
        count("limited");
        return Err(too_many_failures(wait));
    }
    ctx.auth_failures.take(origin);
    let reason = match refused {
        Refused::NoKey => "no_key",
        Refused::Unknown => "unknown",
        Refused::WrongSecret => "wrong_secret",
        Refused::Ended => "ended",
    };
    count(reason);
    tracing::warn!(reason, client = %origin.0, "API key refused");
    Err(Code::Unauthorized.into())
}

fn count(reason: &'static str) {
    metrics::counter!("kiwoom_billing_auth_failures_total", "reason" => reason).increment(1);
}

/// Whether the API key that the request presents, or any that the service could have made, stands in
/// `text`. Who sends it there has mixed up two values: it is not kept, logged or sent back.
pub fn holds_key(headers: &HeaderMap, text: &str) -> bool {
    let presented = presented(headers).filter(|key| key.len() >= MIN_API_KEY_LENGTH);
    api_keys::is_in(text) || presented.is_some_and(|key| text.contains(key))
}

fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let bearer = bearer.and_then(|v| v.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let own = headers.get("x-api-key").and_then(|v| v.to_str().ok());
    bearer.map(|(_, key)| key.trim()).or(own)
}

fn insufficient_scope(scope: Scope) -> ApiError {
    let name = scope.name();
    ApiError::from(Code::InsufficientScope).with_text(Text::new(
        format!("API 키에 {name} 권한이 없습니다."),
        format!("The API key lacks the scope {name}."),
    ))
}

fn too_many_failures(wait: Duration) -> ApiError {
    let text = Text::new(
        "이 주소에서 잘못된 API 키로 너무 많이 요청했습니다. 잠시 뒤에 다시 시도하세요.",
        "Too many requests from this address without a good API key. Try again later.",
    );
    ApiError::from(Code::RateLimited).with_text(text).with_retry_after(wait)
}

/// `AUTH_FAILURES_PER_MINUTE` for each origin.
pub struct Failures(Mutex<Limit<Origin>>);

impl Failures {
    /// So many a minute; 0 = no limit.
    pub fn new(per_minute: u32) -> Self {
        Self(Mutex::new(Limit::new(per_minute, MINUTE)))
    }

    fn wait(&self, origin: Origin) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).wait(&origin, Instant::now())
    }

    fn take(&self, origin: Origin) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(origin, Instant::now());
    }
}
