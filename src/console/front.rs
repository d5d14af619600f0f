//! `GET /`: what runs here, and where to go.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, middleware};

use crate::config::{Config, Gateway};
use crate::console::frame;
use crate::console::language::Language;
use crate::context::AppState;

#[derive(Template)]
#[template(path = "front.html")]
struct Front<'a> {
    language: Language,
    version: &'static str,
    config: &'a Config,
    has_sandbox: bool,
}

/// The route.
pub fn routes(ctx: AppState) -> Router {
    let page = Router::new().route("/", get(show)).with_state(ctx);
    page.layer(middleware::map_response(protect))
}

async fn show(State(ctx): State<AppState>, headers: HeaderMap) -> Response {
    let page = Front {
        language: Language::accepted(&headers),
        version: env!("CARGO_PKG_VERSION"),
        config: &ctx.config,
        has_sandbox: matches!(ctx.config.kiwoom.gateway, Gateway::Sandbox),
    };
    frame::html(page.render())
}

/// It has no form, whose origin a service would have to be told.
async fn protect(mut response: Response) -> Response {
    if response.status().is_success() {
        let headers = response.headers_mut();
        let policy = HeaderValue::from_static(frame::POLICY);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    response
}
