//! `GET /easypay/sdk-example` and the page the window returns to.

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::context::AppState;
use crate::easypay::html::{headers, new_nonce};

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
