//! The payment window, and the notifications of what was done in it.

use encoding_rs::EUC_KR;
use kiwoom_sandbox::CPID;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp};

pub const SUCCESS: &str = "<html><body><RESULT>SUCCESS</RESULT></body></html>";

const FAIL: &str = "<html><body><RESULT>FAIL</RESULT></body></html>";

pub const ALL_ON: &[(&str, &str)] = &[
    ("KAKAOPAY_ENABLED", "true"),
    ("NAVERPAY_ENABLED", "true"),
    ("SAMSUNGPAY_ENABLED", "true"),
    ("PAYCO_ENABLED", "true"),
];

/// The body of the original's README.
pub fn original() -> Value {
    json!({
        "orderId": "ORDER-20260205-001", "amount": 9900, "productName": "프리미엄 구독",
        "customerName": "홍길동",
    })
}

pub async fn prepare(app: &TestApp, order_id: &str) -> Value {
    let mut body = original();
    body["orderId"] = json!(order_id);
    app.post("/easypay/prepare", &body).await.data(200)
}

pub async fn status(app: &TestApp, order_id: &str) -> Value {
    app.get(&format!("/easypay/status/{order_id}")).await.data(200)
}

/// Posts fields as a browser does under `accept-charset="EUC-KR"`; does not follow redirects.
pub async fn post_form(url: &str, fields: &Value) -> reqwest::Response {
    let pairs = fields.as_object().unwrap().iter().map(|(name, value)| {
        let (bytes, _, _) = EUC_KR.encode(value.as_str().unwrap());
        let value: String = url::form_urlencoded::byte_serialize(&bytes).collect();
        format!("{name}={value}")
    });
    let body = pairs.collect::<Vec<_>>().join("&");
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let request = client.post(url).body(body);
    request.header("Content-Type", "application/x-www-form-urlencoded").send().await.unwrap()
}

/// Opens the window and does one thing in it; where the browser is sent.
pub async fn in_window(app: &TestApp, prepared: &Value, action: &str) -> String {
    click(app, prepared, action, "KAKAOPAY").await
}

/// Opens the window and pays in it by one method.
pub async fn pay_by(app: &TestApp, prepared: &Value, method: &str) {
    click(app, prepared, "pay", method).await;
}

async fn click(app: &TestApp, prepared: &Value, action: &str, method: &str) -> String {
    let form_action = prepared["formAction"].as_str().unwrap();
    let page = post_form(form_action, &prepared["sdkData"]).await.text().await.unwrap();
    let (_, rest) = page.split_once("action=\"").unwrap_or_else(|| panic!("{page}"));
    let path = rest.split('"').next().unwrap();
    let fields = json!({"action": action, "METHOD": method});
    let done = post_form(&format!("{}{path}", app.base), &fields).await;
    done.headers()["location"].to_str().unwrap().to_owned()
}

pub fn paid(order_id: &str, transaction: &str, amount: u32) -> String {
    format!(
        "PAYMETHOD=KAKAOPAY&CPID={CPID}&DAOUTRX={transaction}&ORDERNO={order_id}&AMOUNT={amount}\
         &PRODUCTNAME=%C7%C1%B8%AE%B9%CC%BE%F6+%B1%B8%B5%B6&SETTDATE=20261125101010"
    )
}

pub fn canceled(order_id: &str, transaction: &str, amount: u32, second: u32) -> String {
    format!(
        "PAYMETHOD=KAKAOCANCEL&CPID={CPID}&DAOUTRX={transaction}&ORDERNO={order_id}\
         &AMOUNT={amount}&CANCELDATE=202611251011{second:02}"
    )
}

pub async fn tell(app: &TestApp, query: &str) -> Reply {
    app.get(&format!("/webhook/kiwoom?{query}")).await
}

#[track_caller]
pub fn answered(reply: &Reply, status: u16) {
    let body = if status == 200 { SUCCESS } else { FAIL };
    assert_eq!((reply.status, reply.text.as_str()), (status, body));
}
