//! `GET /openapi.json`, and the page at `/docs` that shows it and tries it out.

use std::io::{Cursor, Read};
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::Value;
use tokio::task::spawn_blocking;
use tower_http::set_header::SetResponseHeaderLayer;
use zip::ZipArchive;
use zip::result::ZipResult;

/// What the page may load: its own files, and the one style that its script writes, by its hash.
/// Another version of the page has another one: the browser test would tell.
const POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";
/// Starts the page, without swagger.io's validator, and gives the examples their ids.
const START: &str = include_str!("start.js");
/// The files of the page, as `build.rs` packs them.
const PAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/docs.zip"));

/// The description and the page. The description is made when it is first asked for.
pub fn routes(describe: impl Fn() -> Value + Send + Sync + 'static) -> Router {
    let policy = HeaderValue::from_static(POLICY);
    let policy = SetResponseHeaderLayer::overriding(header::CONTENT_SECURITY_POLICY, policy);
    let start = || async { ([(header::CONTENT_TYPE, "text/javascript")], START) };
    let json = Arc::new(LazyLock::new(move || Bytes::from(describe().to_string())));
    let description =
        move || async move { ([(header::CONTENT_TYPE, "application/json")], Bytes::clone(&json)) };
    Router::new()
        .route("/docs", get(|| async { Redirect::to("/docs/") }))
        .route("/docs/", get(|| file(Path("index.html".to_owned()))))
        .route("/docs/{*name}", get(file))
        .route("/docs/swagger-initializer.js", get(start))
        .layer(policy)
        .route("/openapi.json", get(description))
}

async fn file(Path(name): Path<String>) -> Response {
    let kind = match name.rsplit_once('.') {
        Some((_, "html")) => "text/html",
        Some((_, "css")) => "text/css",
        Some((_, "js")) => "text/javascript",
        Some((_, "png")) => "image/png",
        _ => "application/octet-stream",
    };
    match spawn_blocking(move || unpacked(&name)).await {
        Ok(Ok(content)) => ([(header::CONTENT_TYPE, kind)], content).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A file of the page. They stay packed: most services show it to nobody.
fn unpacked(name: &str) -> ZipResult<Vec<u8>> {
    let mut content = Vec::new();
    ZipArchive::new(Cursor::new(PAGE))?.by_name(name)?.read_to_end(&mut content)?;
    Ok(content)
}
