//! The pages of payment page links, written.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kiwoom_clock::kst;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::easypay::html::{headers, new_nonce};
use crate::easypay::links::show_window;
use crate::easypay::methods::Method;
use crate::payments::links::{Link, State as LinkState};
use crate::rules::money::grouped;

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    look: &'static str,
    nonce: String,
    english: bool,
    state: &'static str,
    shop: String,
    notice: Option<String>,
    shown: Option<Shown>,
}

/// What is told of a link.
struct Shown {
    path: String,
    product: String,
    won: i64,
    amount: String,
    until: String,
    methods: Vec<(&'static str, &'static str)>,
    again: bool,
}

#[derive(Template)]
#[template(path = "window.html")]
struct WindowPage {
    look: &'static str,
    nonce: String,
    english: bool,
    action: String,
    fields: Vec<(String, String)>,
    path: String,
}

/// There is no such link.
pub(super) fn nothing(ctx: &Context, english: bool) -> Response {
    let (nonce, shop) = (new_nonce(), shop(ctx));
    let (look, state, notice, shown) = (kiwoom_look::CSS, "missing", None, None);
    let page = LinkPage { look, nonce: nonce.clone(), english, state, shop, notice, shown };
    written(ctx, StatusCode::NOT_FOUND, &nonce, &page)
}

/// The page of a link that stands so, with why it was not done what was asked for.
pub(super) fn page(
    ctx: &Context,
    (status, state): (StatusCode, &'static str),
    english: bool,
    (link, token): (&Link, &str),
    notice: Option<String>,
) -> Response {
    let nonce = new_nonce();
    let until = kst(link.expires_at);
    let format = if english { "%Y-%m-%d %H:%M (KST)" } else { "%Y년 %-m월 %-d일 %H:%M" };
    let name = |method: Method| if english { method.english_name() } else { method.name() };
    let offered = show_window::offered(ctx, link).into_iter();
    let shown = Shown {
        path: format!("/easypay/pay/{token}"),
        product: link.product_name.clone(),
        won: link.amount.get(),
        amount: grouped(link.amount.get()),
        until: until.format(format).to_string(),
        methods: offered.map(|method| (method.code(), name(method))).collect(),
        again: link.state == LinkState::Opened,
    };
    let (look, shop, shown) = (kiwoom_look::CSS, shop(ctx), Some(shown));
    let page = LinkPage { look, nonce: nonce.clone(), english, state, shop, notice, shown };
    written(ctx, status, &nonce, &page)
}

/// The page that opens KiwoomPay's window with these fields.
pub(super) fn window(ctx: &Context, english: bool, fields: Value, token: &str) -> Response {
    let nonce = new_nonce();
    let fields: Map<String, Value> = serde_json::from_value(fields).unwrap_or_default();
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let page = WindowPage {
        look: kiwoom_look::CSS,
        nonce: nonce.clone(),
        english,
        action: ctx.kiwoom.form_action(),
        fields: fields.into_iter().map(|(name, value)| (name, text(value))).collect(),
        path: format!("/easypay/pay/{token}"),
    };
    written(ctx, StatusCode::OK, &nonce, &page)
}

fn written(ctx: &Context, status: StatusCode, nonce: &str, page: &impl Template) -> Response {
    match page.render() {
        Ok(body) => (status, headers(ctx, nonce, "'none'"), body).into_response(),
        Err(error) => {
            tracing::error!(%error, "payment page not written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Who is paid, as the customer knows it.
fn shop(ctx: &Context) -> String {
    let host = || url::Url::parse(&ctx.public_url).ok()?.host_str().map(str::to_owned);
    ctx.config.easypay.shop_name.clone().or_else(host).unwrap_or_default()
}
