//! Names, products and ids in any script: kept as they came, and sent as CP949 can say them.

use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use crate::support::app::{TestApp, card, one_off};
use crate::support::sandbox::fields;
use crate::support::window::{in_window, original, status};

const CARD: &str = "4111111111111111";
/// 홍길동 as a Mac writes it.
const DECOMPOSED: &str = "\u{1112}\u{1169}\u{11bc}\u{1100}\u{1175}\u{11af}\u{1103}\u{1169}\u{11bc}";

async fn register(app: &TestApp, customer_id: &str, name: &str) -> Value {
    let mut body = card(CARD);
    body["customerId"] = json!(customer_id);
    body["customerName"] = json!(name);
    app.post("/billing/register", &body).await.data(201)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_of_any_name_registers_and_pays() {
    let app = TestApp::start().await;
    let names = [
        (DECOMPOSED, Some("홍길동")),
        ("José García", Some("Jose Garcia")),
        ("张伟", None),
        ("\u{f90a} 홍", Some("\u{f90a} 홍")),
        ("Nguyễn Đình ⓐ", Some("Nguyen Dinh ⓐ")),
        ("홍길동 🎉", Some("홍길동 ")),
        ("a|b", Some("a｜b")),
    ];
    for (n, (name, sent)) in names.into_iter().enumerate() {
        let customer = format!("u{n}");
        let key = register(&app, &customer, name).await;
        assert_eq!(key["customerName"], name, "kept as it came");
        let mut body = one_off(key["billingKey"].as_str().unwrap());
        body["customerId"] = json!(customer);
        app.post("/billing/pay", &body).await.data(200);
        let request = fields(app.requests("CARD-BATCH").await.last().unwrap());
        assert_eq!(request.get("USERNAME").and_then(Value::as_str), sent, "{name}");
    }
    assert_eq!(app.ledger().await.len(), names.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_kept_as_it_came_and_sent_as_cp949_can_say_it() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    for (product, sent) in [
        ("₩9,900 월간", "￦9,900 월간"),
        ("월간\u{a0}구독 – 프리미엄", "월간 구독 - 프리미엄"),
        ("구독 🎉", "구독 "),
        ("café 구독", "cafe 구독"),
        ("\u{110b}\u{116f}\u{11af}\u{1100}\u{1161}\u{11ab}", "월간"),
        ("\u{f9e1}氏 李氏", "\u{f9e1}氏 李氏"),
    ] {
        let mut body = one_off(&key);
        body["productName"] = json!(product);
        let paid = app.post("/billing/pay", &body).await.data(200);
        assert_eq!(paid["productName"], product);
        assert_eq!(app.ledger().await.last().unwrap()["productName"], sent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_is_given_what_a_browser_can_post() {
    let app = TestApp::start().await;
    let cases = [
        ("José García", "josé@example.com", "Jose Garcia", ""),
        ("张伟", "zhang@example.com", "", "zhang@example.com"),
        (DECOMPOSED, "홍@example.com", "홍길동", "홍@example.com"),
    ];
    for (n, (name, email, sent_name, sent_email)) in cases.into_iter().enumerate() {
        let order = format!("ORDER-{n}");
        let mut body = original();
        body["orderId"] = json!(order);
        body["productName"] = json!("₩9,900 – 구독");
        body["customerName"] = json!(name);
        body["customerEmail"] = json!(email);
        body["customerId"] = json!("고객–张");
        let prepared = app.post("/easypay/prepare", &body).await.data(200);
        let sent = &prepared["sdkData"];
        let seen =
            ["PRODUCTNAME", "USERNAME", "EMAIL", "USERID"].map(|name| sent[name].as_str().unwrap());
        assert_eq!(seen, ["￦9,900 - 구독", sent_name, sent_email, "고객-?"]);
        // Posted as a browser does, which would write entities for what is not in CP949.
        in_window(&app, &prepared, "pay").await;
        for _ in 0..200 {
            if status(&app, &order).await["status"] == "paid" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(status(&app, &order).await["status"], "paid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_the_same_however_it_was_typed() {
    let app = TestApp::start().await;
    let key = register(&app, &format!(" {DECOMPOSED}\u{a0}"), "홍길동").await;
    assert_eq!(key["customerId"], "홍길동");
    let mut plan = json!({
        "billingKey": key["billingKey"], "customerId": "홍길동", "amount": 9900, "productName": "구독",
        "planId": "cafe\u{301} ", "cycleDay": 15,
    });
    let made = app.post("/billing/subscribe", &plan).await.data(201);
    assert_eq!((&made["planId"], &made["customerId"]), (&json!("café"), &json!("홍길동")));
    plan["planId"] = json!("café");
    plan["customerId"] = json!(DECOMPOSED);
    app.post("/billing/subscribe", &plan).await.fails(409, "subscription_exists");
    let mut order = one_off(key["billingKey"].as_str().unwrap());
    order["customerId"] = json!(format!("{DECOMPOSED} "));
    app.post("/billing/pay", &order).await.data(200);
    for (list, field, id) in [
        ("keys", "customerId", format!("{DECOMPOSED} ")),
        ("payments", "customerId", DECOMPOSED.to_owned()),
        ("subscriptions", "customerId", "홍길동\u{3000}".to_owned()),
        ("subscriptions", "planId", " cafe\u{301}".to_owned()),
    ] {
        let query = Serializer::new(String::new()).append_pair(field, &id).finish();
        let page = app.get(&format!("/billing/{list}?{query}")).await.data(200);
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "{list} {field}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_named_with_its_code_point_and_its_place() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let before = app.everything().await;
    for (field, value, reason) in [
        (
            "productName",
            "🎉 🎉",
            "Has no character that KiwoomPay can show (CP949). Character 1: '🎉' (U+1F389)",
        ),
        (
            "productName",
            " 张",
            "Has no character that KiwoomPay can show (CP949). Character 2: '张' (U+5F20)",
        ),
        (
            "productName",
            "월\u{7}간",
            "May not contain control characters. Character 2: '\\u{7}' (U+0007)",
        ),
        (
            "customerId",
            "a\u{85}",
            "May not contain control characters. Character 2: '\\u{85}' (U+0085)",
        ),
        ("customerId", "us|er", "May not contain '|'. Character 3: '|' (U+007C)"),
        ("planId", "us|er", "May not contain '|'. Character 3: '|' (U+007C)"),
    ] {
        let mut body = one_off(&key);
        body["planId"] = json!("p");
        body["cycleDay"] = json!(15);
        body[field] = json!(value);
        let request = app.request(reqwest::Method::POST, "/billing/subscribe").json(&body);
        let reply = app.send(request.header("accept-language", "en")).await;
        reply.fails(400, "invalid_request");
        let expected = json!([{"field": field, "reason": reason}]);
        assert_eq!(reply.json()["error"]["details"], expected);
    }
    let order = json!({"orderId": "a|b", "amount": 1});
    let reply = app.post("/billing/refund", &order).await;
    let reason = "영문, 숫자, -_.:=@+만 사용할 수 있습니다. 2번째 문자: '|'(U+007C)";
    assert_eq!(reply.json()["error"]["details"][0]["reason"], reason);
    assert_eq!(app.everything().await, before);
}
