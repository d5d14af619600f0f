//! The window's pages: the choice of a method, the result, the refusal.

use std::fmt::Write;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use url::Url;

use crate::fields::amount;
use crate::html::{self, escape, won};
use crate::window::Checkout;
use crate::window_options;
use crate::wire::Refusal;

/// The page on which the buyer pays.
pub fn window(name: &str, checkout: &Checkout) -> Response {
    let request = &checkout.request;
    let content = format!(
        "<p class=\"amount\">{amount}</p>\
         <dl><dt>가맹점</dt><dd>샌드박스 가맹점 ({cpid})</dd><dt>상품</dt><dd>{product}</dd>\
         <dt>주문번호</dt><dd>{order_no}</dd></dl>\
         <form method=\"post\" action=\"/sandbox/pay/window/{name}\">\
         <fieldset><legend>결제수단</legend>{methods}</fieldset>\
         <div class=\"actions\">\
         <button name=\"action\" value=\"pay\">결제하기</button>\
         <button class=\"plain\" name=\"action\" value=\"fail\">실패 처리</button>\
         <button class=\"plain\" name=\"action\" value=\"close\">닫기</button>\
         </div></form>",
        amount = won(amount(request.get("AMOUNT")).unwrap_or_default()),
        cpid = escape(request.get("CPID")),
        product = escape(request.get("PRODUCTNAME")),
        order_no = escape(request.get("ORDERNO")),
        name = escape(name),
        methods = methods(checkout),
    );
    page(StatusCode::OK, &content)
}

/// Where the browser goes when the window is done: straight to `address`, or by way of a page
/// that says what happened, or nowhere when the merchant gave no address.
pub fn finished(checkout: &Checkout, said: &str, address: &str) -> Response {
    // Written out, since a header cannot carry the Korean an address may contain.
    let address = Url::parse(address).map_or_else(|_| String::new(), String::from);
    if !address.is_empty() && checkout.request.get("DIRECTRESULTFLAG") == "Y" {
        return Redirect::to(&address).into_response();
    }
    let onward = if address.is_empty() {
        "<button type=\"button\" data-close>확인</button>".to_owned()
    } else {
        format!("<a class=\"button\" href=\"{}\">확인</a>", escape(&address))
    };
    let content = format!("<h1>{}</h1><div class=\"actions\">{onward}</div>", escape(said));
    page(StatusCode::OK, &content)
}

/// The page that says why there is no window.
pub fn refused(status: StatusCode, refusal: &Refusal) -> Response {
    let content = format!(
        "<h1>결제할 수 없습니다</h1><p>{}</p><p class=\"note\">결과 코드 <code>{}</code></p>\
         <div class=\"actions\"><button type=\"button\" data-close>닫기</button></div>",
        escape(&refusal.message),
        escape(&refusal.code),
    );
    page(status, &content)
}

fn methods(checkout: &Checkout) -> String {
    let mut choices = String::new();
    for (index, (code, name)) in checkout.methods.iter().enumerate() {
        let checked = if index == 0 { " checked" } else { "" };
        let note = match window_options::note(&checkout.request, code) {
            "" => String::new(),
            note => format!(" <small>({note})</small>"),
        };
        let _ = write!(
            choices,
            "<label class=\"method\"><input type=\"radio\" name=\"METHOD\" value=\"{code}\"\
             {checked}> {name}{note}</label>"
        );
    }
    choices
}

fn page(status: StatusCode, content: &str) -> Response {
    html::window(status, format!(include_str!("window.html"), content = content))
}
