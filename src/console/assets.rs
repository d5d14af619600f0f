//! The files that pages load: the style and scripts of our own, and released files of htmx and uPlot.
//! Each is served at a path with its hash, and may be kept for good.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use crate::layers::headers::Immutable;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, media type, content.
const FILES: [(&str, &str, &[u8]); 6] = [
    ("look.css", CSS, kiwoom_look::CSS.as_bytes()),
    ("console.js", SCRIPT, include_bytes!("assets/console.js")),
    ("charts.js", SCRIPT, include_bytes!("assets/charts.js")),
    ("htmx.js", SCRIPT, include_bytes!("assets/htmx-2.0.11.min.js")),
    ("uPlot.js", SCRIPT, include_bytes!("assets/uPlot-1.6.32.iife.min.js")),
    ("uPlot.css", CSS, include_bytes!("assets/uPlot-1.6.32.min.css")),
];

/// The beginning of each file's SHA-256, in the order of [`FILES`].
static HASHES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let hashes = FILES.iter().map(|(_, _, content)| hex::encode(&Sha256::digest(content)[..8]));
    hashes.collect()
});

/// Where the file of this name is; nowhere when there is none.
pub fn path(name: &str) -> String {
    let found = FILES.iter().zip(HASHES.iter()).find(|((known, _, _), _)| *known == name);
    found.map_or_else(String::new, |(_, hash)| format!("/assets/{hash}/{name}"))
}

/// `GET /assets/{hash}/{name}`.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{hash}/{name}", get(serve))
}

async fn serve(Path((hash, name)): Path<(String, String)>) -> Response {
    let mut files = FILES.iter().zip(HASHES.iter());
    let found = files.find(|((known, _, _), known_hash)| *known == name && **known_hash == hash);
    let Some(((_, media_type, content), _)) = found else {
        return crate::http::error::ApiError::from(crate::http::error::Code::NotFound)
            .into_response();
    };
    let mut response =
        (StatusCode::OK, [(header::CONTENT_TYPE, *media_type)], *content).into_response();
    response.extensions_mut().insert(Immutable);
    response
}
