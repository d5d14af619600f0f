//! What the HTML pages have in common: a nonce for each, and the headers that hold it.

use aes_gcm::aead::{Generate, Key};
use axum::http::{HeaderName, header};

use crate::context::Context;

/// A nonce that nobody can guess.
pub fn new_nonce() -> String {
    hex::encode(&Key::<aes_gcm::Aes256Gcm>::generate()[..16])
}

/// The headers of a page with this nonce, which `ancestors` may frame.
pub fn headers(ctx: &Context, nonce: &str, ancestors: &str) -> [(HeaderName, String); 2] {
    let window = origin(&ctx.kiwoom.form_action());
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src 'self' data:; form-action 'self' {window}; \
         frame-src 'self' {window}; frame-ancestors {ancestors}; base-uri 'none'"
    );
    [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
    ]
}

fn origin(url: &str) -> String {
    url::Url::parse(url).map(|u| u.origin().ascii_serialization()).unwrap_or_default()
}
