//! `GET /openapi.json`, and the page at `/docs` that shows it and tries it out.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::routing::get;
use serde_json::Value;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_swagger_ui::SwaggerUi;

/// What the page may load: its own files, and the one style that its script writes, by its hash.
/// Another version of the page has another one: the browser test would tell.
const POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";
/// Starts the page, without swagger.io's validator, and gives the examples their ids.
const START: &str = include_str!("start.js");

/// The description and the page.
pub fn routes(description: &Value) -> Router {
    let json = description.to_string();
    let policy = HeaderValue::from_static(POLICY);
    let policy = SetResponseHeaderLayer::overriding(header::CONTENT_SECURITY_POLICY, policy);
    let start = || async { ([(header::CONTENT_TYPE, "text/javascript")], START) };
    let description = move || async move { ([(header::CONTENT_TYPE, "application/json")], json) };
    Router::from(SwaggerUi::new("/docs"))
        .route("/docs/swagger-initializer.js", get(start))
        .layer(policy)
        .route("/openapi.json", get(description))
}
