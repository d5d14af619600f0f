//! Who calls, and whether that caller may: `Authorization: Bearer <key>` or `X-API-Key: <key>`; or,
//! of a request that the console makes in this process, a [`Caller`] among its extensions, which
//! nothing that comes from the network has.

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::access::api_keys::{Caller, Refused, Scope, needed};
use crate::access::origin::Origin;
use crate::context::{AppState, Context};
use crate::http::error::{ApiError, Code};
use crate::layers::idempotency;
use crate::redact::keys::presented;
use crate::rules::text::Text;

/// Layer: lets a request through when its key is good and may do what is asked for. Of any other
/// nothing is read, done or kept.
pub async fn require_key(State(ctx): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let origin = Origin::of(&ctx.forwarding, &parts.headers, &parts.extensions);
    match admit(&ctx, &parts, origin).await {
        Ok(caller) => {
            parts.extensions.insert(origin);
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

async fn admit(ctx: &Context, request: &Parts, origin: Origin) -> Result<Caller, ApiError> {
    let caller = match request.extensions.get::<Caller>() {
        Some(caller) => caller.clone(),
        None => identify(ctx, presented(&request.headers), origin).await?,
    };
    let route = request.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let scope = needed(&request.method, route);
    if caller.may(scope) {
        return Ok(caller);
    }
    tracing::warn!(api_key = caller.id.0, scope = scope.name(), route, "API key without the scope");
    Err(insufficient_scope(scope))
}

/// Who presents this key, or nothing. A good key is always let in. Who fails too often is told so,
/// without a look into the database: a key that was made less than five seconds ago is then not known
/// yet.
pub async fn identify(
    ctx: &Context,
    key: Option<&str>,
    origin: Origin,
) -> Result<Caller, ApiError> {
    let may_look_up = || ctx.auth_failures.wait(origin).is_none();
    let refused = match ctx.api_keys.identify(key, may_look_up).await? {
        Ok(caller) => return Ok(caller),
        Err(refused) => refused,
    };
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

/// 403 that names the scope.
pub fn insufficient_scope(scope: Scope) -> ApiError {
    let name = scope.name();
    ApiError::from(Code::InsufficientScope).with_text(Text::new(
        format!("API 키에 {name} 권한이 없습니다."),
        format!("The API key lacks the scope {name}."),
    ))
}

fn too_many_failures(wait: Duration) -> ApiError {
    let text = Text::new(
        "이 주소에서 잘못된 API 키로 보낸 요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.",
        "Too many requests from this address without a good API key. Try again later.",
    );
    ApiError::from(Code::RateLimited).with_text(text).with_retry_after(wait)
}
