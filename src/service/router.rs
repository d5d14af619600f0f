//! The router: features, then layers from the handler outwards.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use kiwoom_sandbox::Sandbox;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use super::figures::Figures;
use super::{docs, health, openapi};
use crate::access::{request_id, trace};
use crate::context::AppState;
use crate::http::error::{ApiError, Code};
use crate::layers::{auth, envelope, headers, idempotency};
use crate::redact::paths::shown_path;
use crate::{billing, books, console, easypay, events, reconciliation, webhook};

/// How much of a path is logged, in characters.
const MAX_LOGGED_PATH: usize = 256;

/// The whole service.
pub fn router(ctx: AppState, sandbox: Option<Arc<Sandbox>>) -> Router {
    let (keyed, _) = keyed_routes().split_for_parts();
    let (open, _) = open_routes(&ctx).split_for_parts();
    let described = ctx.clone();
    let describe = move || {
        let (keyed, open) = (keyed_routes(), open_routes(&described));
        openapi::describe(keyed.into_openapi(), open.into_openapi(), described.clock.today())
    };
    // The envelope is written inside the idempotency layer too, which keeps the answer's bytes.
    let keyed = keyed
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(envelope::render))
        .layer(from_fn_with_state(ctx.clone(), idempotency::layer))
        .layer(from_fn_with_state(ctx.clone(), auth::require_key));
    let figures = Arc::new(Figures::new(&ctx.pool));
    let api = Router::new().merge(keyed).merge(open).layer(Extension(figures));
    let api = api.with_state(ctx.clone());
    let mut router = api
        .clone()
        .merge(console::front(ctx.clone()))
        .merge(console::assets())
        .merge(docs::routes(describe));
    if ctx.config.console_enabled {
        let api = api.fallback(not_found).layer(from_fn(envelope::render));
        router = router.nest("/console", console::routes(ctx, api));
    }
    if let Some(sandbox) = sandbox {
        router = router.nest("/sandbox", kiwoom_sandbox::router(sandbox));
    }
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(envelope::render))
        .layer(from_fn(measure))
        .layer(from_fn(request_id::assign))
        .layer(from_fn(headers::protect))
}

/// What needs an API key.
fn keyed_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(billing::routes())
        .merge(books::routes())
        .merge(easypay::routes())
        .merge(reconciliation::routes())
        .merge(events::routes())
        .merge(webhook::keyed_routes())
        .merge(health::keyed_routes())
}

/// What needs none.
fn open_routes(ctx: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(webhook::routes())
        .merge(easypay::pages(ctx))
        .merge(health::open_routes())
}

async fn not_found() -> ApiError {
    Code::NotFound.into()
}

async fn method_not_allowed() -> ApiError {
    Code::MethodNotAllowed.into()
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request ended in a panic");
    ApiError::from(Code::Internal).into_response()
}

/// One line and one count for each request: the path only, never query, headers or body.
async fn measure(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let path = shown_path(request.headers(), request.uri());
    let path: String = path.chars().take(MAX_LOGGED_PATH).collect();
    let started = tokio::time::Instant::now();
    let name = route.as_ref().map_or_else(|| method.to_string(), |r| format!("{method} {r}"));
    let response = next.run(request).await;
    let (status, elapsed) = (response.status().as_u16(), started.elapsed());
    let shown = route.clone().unwrap_or_default();
    trace::describe(
        name,
        [
            ("http.request.method", method.to_string().into()),
            ("http.route", shown.into()),
            ("http.response.status_code", i64::from(status).into()),
        ],
    );
    if !path.starts_with("/sandbox") {
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(%method, path, status, millis, "request");
        metrics::counter!("kiwoom_billing_requests_total", "status" => status.to_string())
            .increment(1);
        let route = route.unwrap_or_else(|| "none".to_owned());
        metrics::histogram!("kiwoom_billing_request_seconds", "route" => route)
            .record(elapsed.as_secs_f64());
    }
    response
}
