//! `GET /easypay/sdk-example` and the page the window returns to.

use aes_gcm::aead::{Generate, Key};
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

use crate::context::{AppState, Context};

const EXAMPLE: &str = include_str!("example.html");
const SCRIPT: &str = concat!(include_str!("exchange.js"), include_str!("example.js"));
const RETURNED: &str = include_str!("returned.html");

/// Show the example page of the payment window.
///
/// A page that prepares an order, opens the window and shows all that is sent and received on the
/// way.
#[utoipa::path(
    get, path = "/easypay/sdk-example", operation_id = "showSdkExample", tag = "easypay",
    responses((status = 200, description = "A page", body = String, content_type = "text/html"))
)]
pub async fn show(State(ctx): State<AppState>) -> Response {
    page(EXAMPLE, &ctx, "'none'")
}

/// Show the page after the payment window.
///
/// Where the window goes when the merchant named no page of its own. It proves nothing: it only
/// tells the page that opened the window to look at the order's status.
#[utoipa::path(
    get, path = "/easypay/return", operation_id = "showReturnPage", tag = "easypay",
    params(("result" = Option<String>, Query), ("orderId" = Option<String>, Query)),
    responses((status = 200, description = "A page", body = String, content_type = "text/html"))
)]
pub async fn returned(State(ctx): State<AppState>) -> Response {
    page(RETURNED, &ctx, "'self'")
}

/// The page with a fresh nonce. Scripts and styles without it do not run; nothing is loaded from
/// elsewhere but the SDK, and nothing framed but the payment window. `ancestors` may frame the page.
fn page(template: &str, ctx: &AppState, ancestors: &str) -> Response {
    let nonce = new_nonce();
    let body = template.replace("{{look}}", kiwoom_look::CSS).replace("{{script}}", SCRIPT);
    let body = body.replace("{{nonce}}", &nonce).replace("{{sdkUrl}}", &ctx.sdk_url);
    (headers(ctx, &nonce, ancestors), body).into_response()
}

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
