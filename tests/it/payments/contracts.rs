//! Several contracts (CPIDs) in one service: what is taken under one is told of and given back under it.

use kiwoom_billing::config::Config;
use kiwoom_billing::storage::environment::{Settings, adopt};
use kiwoom_sandbox::CONTRACTS;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::app::{TestApp, card, one_off};
use crate::support::sandbox::fields;
use crate::support::window::{
    answered, canceled, in_window, original, paid, pay_by, prepare, status, tell,
};

const OLD: &str = "CTSANDBOX";
const CARDS: &str = "CTSANDBOXCARD";
const WINDOW: &str = "CTSANDBOXWINDOW";
const GOODS: &str = "CTSANDBOXGOODS";

fn key(cpid: &str) -> &'static str {
    CONTRACTS.iter().find(|contract| contract.cpid == cpid).unwrap().auth_key
}

/// Cards under one contract, the window under another.
fn two() -> [(&'static str, &'static str); 5] {
    [
        ("KIWOOM_BILLING_CPID", CARDS),
        ("KIWOOM_BILLING_AUTH_KEY", key(CARDS)),
        ("KIWOOM_BILL_TYPE", "18"),
        ("KIWOOM_WINDOW_CPID", WINDOW),
        ("KIWOOM_WINDOW_AUTH_KEY", key(WINDOW)),
    ]
}

/// The CPIDs of the requests of one kind, oldest first.
async fn cpids(app: &TestApp, step: &str) -> Vec<Value> {
    app.requests(step).await.iter().map(|call| fields(call)["CPID"].clone()).collect()
}

/// The text of a 409 in English.
async fn refused(app: &TestApp, path: &str, body: &Value) -> (Value, String) {
    let request = app.request(reqwest::Method::POST, path).json(body);
    let error = app.send(request.header("Accept-Language", "en")).await.error(409);
    (error["code"].clone(), error["message"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_and_window_are_charged_told_of_and_refunded_under_their_own_cpid() {
    let app = TestApp::with(&two()).await;
    // BILLTYPE 18: password and birth date need not be there, and are not sent.
    let mut bare = card("4111111111111111");
    bare.as_object_mut().unwrap().retain(|name, _| name != "cardPassword" && name != "birthDate");
    app.post("/billing/register", &bare).await.data(201);
    let mut wrong = card("4111111111111111");
    wrong["cardPassword"] = json!("123");
    let error = app.post("/billing/register", &wrong).await.error(400);
    assert_eq!(error["details"][0]["field"], "cardPassword");
    let billing_key = app.register("4111111111111111").await;
    for sent in app.requests("CARD-KEYGEN").await {
        let sent = fields(&sent);
        assert_eq!((&sent["CPID"], &sent["BILLTYPE"]), (&json!(CARDS), &json!("18")));
        assert!(!sent.contains_key("CARDAUTH") && !sent.contains_key("CARDPASSWORD"), "{sent:?}");
    }

    let charged = app.pay(&billing_key).await.data(200);
    let day = app.subscribe(&billing_key, 15).await["nextBillingDate"].clone();
    app.advance_to(&format!("{}T12:00:00+09:00", day.as_str().unwrap())).await;
    let prepared = prepare(&app, "O-1").await;
    assert_eq!(prepared["sdkData"]["CPID"], WINDOW);
    in_window(&app, &prepared, "pay").await;
    let order = status(&app, "O-1").await;
    assert_eq!(order["status"], "paid");
    let ledger = app.ledger().await;
    let taken: Vec<_> = ledger.iter().map(|paid| paid["cpid"].clone()).collect();
    assert_eq!(taken, [CARDS, CARDS, WINDOW]);

    // Each is refunded under its own, by a call and in the merchant pages; the notices change nothing
    // twice.
    let refund = json!({"paymentId": charged["id"], "amount": 4000});
    app.post("/billing/refund", &refund).await.data(200);
    app.post("/easypay/cancel", &json!({"orderId": "O-1", "amount": 3000})).await.data(200);
    assert_eq!(cpids(&app, "CANCEL").await, [CARDS, WINDOW]);
    for (transaction, amount) in [(&charged["transactionId"], 900), (&order["transactionId"], 900)]
    {
        let body = json!({"transactionId": transaction, "amount": amount});
        assert_eq!(app.post("/sandbox/admin/cancel", &body).await.status, 200);
    }
    let left = |id: &Value| format!("/billing/payment/{}", id.as_str().unwrap());
    let payment = app.get(&left(&charged["id"])).await.data(200);
    assert_eq!(payment["refundableAmount"], 9900 - 4900);
    assert_eq!(status(&app, "O-1").await["canceledAmount"], 3900);
    let told = app.get("/sandbox/notifications").await.json();
    let sent = told["sent"].as_array().unwrap();
    assert!(sent.iter().all(|notice| notice["delivered"] == true), "{sent:?}");

    // A notice is judged by the CPID that it names: it is one of ours, and that of what it is about.
    prepare(&app, "O-2").await;
    let as_window = |text: String| text.replace(OLD, WINDOW);
    answered(&tell(&app, &paid("O-2", "t2", 9900)).await, 400);
    answered(&tell(&app, &paid("O-2", "t2", 9900).replace(OLD, CARDS)).await, 409);
    assert_eq!(status(&app, "O-2").await["status"], "ready");
    answered(&tell(&app, &as_window(paid("O-2", "t2", 9900))).await, 200);
    answered(&tell(&app, &canceled("O-2", "t2", 9900, 1).replace(OLD, CARDS)).await, 409);
    assert_eq!(status(&app, "O-2").await["status"], "paid");
    answered(&tell(&app, &as_window(canceled("O-2", "t2", 9900, 1))).await, 200);
    assert_eq!(status(&app, "O-2").await["status"], "canceled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_of_the_window_may_have_a_contract_of_its_own() {
    let own = [
        ("KAKAOPAY_ENABLED", "true"),
        ("NAVERPAY_ENABLED", "true"),
        ("KIWOOM_KAKAOPAY_CPID", GOODS),
        ("KIWOOM_KAKAOPAY_AUTH_KEY", key(GOODS)),
        ("KIWOOM_KAKAOPAY_PRODUCT_TYPE", "physical"),
    ];
    let app = TestApp::with(&[&two()[..], &own].concat()).await;
    let kakaopay = |order_id: &str| {
        let mut body = original();
        body["orderId"] = json!(order_id);
        body["method"] = json!("KAKAOPAY");
        body
    };
    let shared = prepare(&app, "O-1").await;
    let alone = app.post("/easypay/prepare", &kakaopay("O-2")).await.data(200);
    let of = |prepared: &Value| {
        ["CPID", "PRODUCTTYPE", "SVCCDIN"].map(|name| prepared["sdkData"][name].clone())
    };
    assert_eq!(of(&shared), [WINDOW, "1", "NAVERPAY"]);
    assert_eq!(of(&alone), [GOODS, "2", "KAKAOPAY"]);
    pay_by(&app, &shared, "NAVERPAY").await;
    in_window(&app, &alone, "pay").await;
    for order_id in ["O-1", "O-2"] {
        let part = json!({"orderId": order_id, "amount": 3000});
        app.post("/easypay/cancel", &part).await.data(200);
        let order = status(&app, order_id).await;
        let seen = (&order["status"], &order["canceledAmount"]);
        assert_eq!(seen, (&json!("partially_canceled"), &json!(3000)));
    }
    assert_eq!(cpids(&app, "CANCEL").await, [WINDOW, GOODS]);

    // Told of under the CPIDs that it was opened under, and no other.
    let notice = |cpid| paid("O-3", "t3", 9900).replace(OLD, cpid);
    app.post("/easypay/prepare", &kakaopay("O-3")).await.data(200);
    answered(&tell(&app, &notice(WINDOW)).await, 409);
    prepare(&app, "O-3").await;
    answered(&tell(&app, &notice(WINDOW)).await, 200);
    assert_eq!(status(&app, "O-3").await["status"], "paid");

    let app = app.restart_with(&[("NAVERPAY_ENABLED", "false")]).await;
    let error = app.post("/easypay/prepare", &original()).await.error(400);
    assert_eq!(error["details"][0]["field"], "method");
    app.post("/easypay/prepare", &kakaopay("O-4")).await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pace_is_kept_for_each_cpid_and_method() {
    let app = TestApp::with(&[&two()[..], &[("KIWOOM_RATE_PER_SEC", "1000")]].concat()).await;
    let billing_key = app.register("4111111111111111").await;
    app.pay(&billing_key).await.data(200);
    let payment = app.pay(&billing_key).await.data(200);
    app.post("/billing/refund", &json!({"paymentId": payment["id"]})).await.data(200);
    in_window(&app, &prepare(&app, "O-1").await, "pay").await;
    app.post("/easypay/cancel", &json!({"orderId": "O-1"})).await.data(200);
    let query = "select cpid, method from gateway_turns order by cpid, method";
    let turns: Vec<(String, String)> =
        sqlx::query_as(query).fetch_all(&app.service.ctx.pool).await.unwrap();
    let turns: Vec<_> = turns.iter().map(|(cpid, method)| (&**cpid, method.clone())).collect();
    let each = [(CARDS, "CARD-BATCH"), (CARDS, "CARD-KEYGEN"), (WINDOW, "KAKAOPAY")];
    let steps =
        each.map(|(cpid, method)| [(cpid, method.to_owned()), (cpid, format!("{method} 2"))]);
    assert_eq!(turns, steps.concat());
}

/// Restarts with both roles under new contracts, which the owner adopts.
async fn under_new_contracts(app: TestApp, more: &[(&str, &str)]) -> TestApp {
    let settings = [&two()[..], more].concat();
    let lookup = |name: &str| {
        let found = settings.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let wanted = Settings::of(&Config::from_lookup(lookup).unwrap());
    let owner = PgPool::connect(&app.owner_url()).await.unwrap();
    for cpid in [CARDS, WINDOW] {
        adopt(&owner, &wanted, cpid, "새 계약").await.unwrap();
    }
    app.restart_with(&settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_under_a_retired_cpid_is_told_of_and_refunded_under_it() {
    let app = TestApp::start().await;
    let billing_key = app.register("4111111111111111").await;
    let charged = app.pay(&billing_key).await.data(200);
    in_window(&app, &prepare(&app, "O-1").await, "pay").await;
    for order_id in ["O-2", "O-3", "O-4"] {
        prepare(&app, order_id).await;
    }
    let refund = json!({"paymentId": charged["id"], "amount": 1000});

    // Without its key nothing is sent, and the answer says what is missing.
    let app = Box::pin(under_new_contracts(app, &[])).await;
    let (code, text) = refused(&app, "/billing/refund", &refund).await;
    assert_eq!(code, "refund_not_allowed");
    assert!(text.contains(OLD) && text.contains("KIWOOM_RETIRED_CONTRACTS"), "{text}");
    assert_eq!(app.calls("CANCEL").await, 0);
    // What was paid in a window that was open before is believed, and nobody else's.
    answered(&tell(&app, &paid("O-2", "t2", 9900).replace(OLD, "CTOTHER")).await, 400);
    answered(&tell(&app, &paid("NONE", "t2", 9900)).await, 400);
    answered(&tell(&app, &paid("O-2", "t2", 9900)).await, 200);

    let retired = format!("{OLD}:{}", key(OLD));
    let app = app.restart_with(&[("KIWOOM_RETIRED_CONTRACTS", &retired)]).await;
    app.post("/billing/refund", &refund).await.data(200);
    app.post("/easypay/cancel", &json!({"orderId": "O-1"})).await.data(200);
    assert_eq!(cpids(&app, "CANCEL").await, [OLD, OLD]);
    // Orders whose window was opened before: as it was, and opened again under the new contract.
    answered(&tell(&app, &paid("O-2", "t2", 9900)).await, 200);
    assert_eq!(prepare(&app, "O-3").await["sdkData"]["CPID"], WINDOW);
    assert_eq!(prepare(&app, "O-4").await["sdkData"]["CPID"], WINDOW);
    answered(&tell(&app, &paid("O-3", "t3", 9900)).await, 200);
    answered(&tell(&app, &paid("O-4", "t4", 9900).replace(OLD, WINDOW)).await, 200);
    for order_id in ["O-2", "O-3", "O-4"] {
        assert_eq!(status(&app, order_id).await["status"], "paid");
        // The sandbox knows nothing of these: what counts is under which CPID it was asked.
        app.post("/easypay/cancel", &json!({"orderId": order_id})).await.error(409);
    }
    assert_eq!(cpids(&app, "CANCEL").await, [OLD, OLD, OLD, OLD, WINDOW]);

    // A card that was registered there is not charged under another contract, unless told to.
    let (code, text) = refused(&app, "/billing/pay", &one_off(&billing_key)).await;
    assert_eq!(code, "billing_key_inactive");
    assert!(text.contains(OLD), "{text}");
    assert_eq!(app.calls("CARD-BATCH").await, 0);
    let app = app.restart_with(&[("KIWOOM_BILLING_CARDS_OF", OLD)]).await;
    assert_ne!(app.pay(&billing_key).await.status, 200);
    assert_eq!(cpids(&app, "CARD-BATCH").await, [CARDS]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_contract_is_refused_is_not_mended_by_an_answer_to_another() {
    let app = TestApp::start().await;
    let billing_key = app.register("4111111111111111").await;
    let before = app.pay(&billing_key).await.data(200);
    let retired = format!("{OLD}:{}", key(OLD));
    let app = Box::pin(under_new_contracts(app, &[("KIWOOM_RETIRED_CONTRACTS", &retired)])).await;
    let billing_key = app.register("4111111111111111").await;
    let after = app.pay(&billing_key).await.data(200);
    let refund = |payment: &Value| json!({"paymentId": payment["id"], "amount": 1000});

    app.fault(json!({"on": "CANCEL", "kind": "decline", "code": "FAIL"})).await;
    app.post("/billing/refund", &refund(&before)).await.fails(502, "merchant_setting");
    app.post("/billing/refund", &refund(&after)).await.data(200);
    assert_eq!(cpids(&app, "CANCEL").await, [OLD, CARDS]);
    let health = app.ready().await;
    assert_eq!(health["merchantSettings"][0]["resultCode"], "FAIL", "{health}");
    app.post("/billing/refund", &refund(&before)).await.data(200);
    assert_eq!(app.ready().await.get("merchantSettings"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_from_before_cpids_were_kept_are_those_of_the_contract_before() {
    let app = TestApp::start().await;
    let billing_key = app.register("4111111111111111").await;
    let charged = app.pay(&billing_key).await.data(200);
    let subscription = app.subscribe(&billing_key, 15).await;
    prepare(&app, "O-1").await;
    let mut owner = app.owner().await;
    let rewritten = sqlx::query("update payments set cpid = null").execute(&mut owner).await;
    assert!(rewritten.unwrap_err().to_string().contains("the CPID of a payment is kept"));
    for change in [
        "alter table payments disable trigger user",
        "update payments set cpid = null",
        "alter table payments enable trigger user",
        "update billing_keys set cpid = null",
    ] {
        sqlx::query(change).execute(&mut owner).await.unwrap();
    }
    let retired = format!("{OLD}:{}", key(OLD));
    let app = Box::pin(under_new_contracts(app, &[("KIWOOM_RETIRED_CONTRACTS", &retired)])).await;
    app.post("/billing/refund", &json!({"paymentId": charged["id"]})).await.data(200);
    assert_eq!(cpids(&app, "CANCEL").await, [OLD]);
    let (code, _) = refused(&app, "/billing/pay", &one_off(&billing_key)).await;
    assert_eq!(code, "billing_key_inactive");
    // Reopened under the new contract, and paid in the window from before.
    prepare(&app, "O-1").await;
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
    app.post("/easypay/cancel", &json!({"orderId": "O-1"})).await.error(409);
    assert_eq!(cpids(&app, "CANCEL").await, [OLD, OLD]);
    // The renewal of a card from there waits.
    let day = subscription["nextBillingDate"].as_str().unwrap();
    app.advance_to(&format!("{day}T12:00:00+09:00")).await;
    let path = format!("/billing/subscription/{}", subscription["id"].as_str().unwrap());
    assert_eq!(app.get(&path).await.data(200)["status"], "active");
    assert_eq!(app.calls("CARD-BATCH").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_for_physical_goods_and_what_the_gateway_refuses_of_another() {
    let settings = [
        ("KIWOOM_CPID", GOODS),
        ("KIWOOM_TEST_AUTH_KEY", key(GOODS)),
        ("KIWOOM_BILL_TYPE", "13"),
        ("KIWOOM_PRODUCT_TYPE", "physical"),
    ];
    let app = TestApp::with(&settings).await;
    let billing_key = app.register("4111111111111111").await;
    app.pay(&billing_key).await.data(200);
    let prepared = prepare(&app, "O-1").await;
    assert_eq!(prepared["sdkData"]["PRODUCTTYPE"], "2");
    in_window(&app, &prepared, "pay").await;
    assert_eq!(status(&app, "O-1").await["status"], "paid");
    for step in ["CARD-KEYGEN", "CARD-BATCH"] {
        assert_eq!(fields(&app.requests(step).await[0])["PRODUCTTYPE"], "2");
    }

    // The same contract with the wrong settings: nothing is paid, and the gateway's words say why.
    for (changed, result_code) in
        [(("KIWOOM_PRODUCT_TYPE", "digital"), "9104"), (("KIWOOM_BILL_TYPE", "14"), "9103")]
    {
        let mut settings = settings.to_vec();
        settings.push(changed);
        let app = TestApp::with(&settings).await;
        let reply = app.post("/billing/register", &card("4111111111111111")).await;
        assert_eq!(reply.json()["error"]["gateway"]["resultCode"], result_code, "{}", reply.text);
        assert!(app.ledger().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tax_free_part_that_the_contract_does_not_have_is_refused_before_anything_is_sent() {
    for (tax_type, wrong, right) in [("taxed", 1000, 0), ("tax_free", 1000, 9900)] {
        let app = TestApp::with(&[("KIWOOM_TAX_TYPE", tax_type)]).await;
        let billing_key = app.register("4111111111111111").await;
        let subscribe = json!({
            "billingKey": billing_key, "customerId": "user123", "planId": "p", "amount": 9900,
            "productName": "월간 구독", "cycleDay": 15,
        });
        let order = json!({
            "orderId": "O-1", "amount": 9900, "productName": "프리미엄 구독",
            "customerName": "홍길동",
        });
        for (path, mut body) in [
            ("/billing/pay", one_off(&billing_key)),
            ("/billing/subscribe", subscribe),
            ("/easypay/prepare", order),
        ] {
            let before = app.calls("READY").await;
            body["taxFreeAmount"] = json!(wrong);
            let error = app.post(path, &body).await.error(400);
            assert_eq!(error["details"][0]["field"], "taxFreeAmount", "{tax_type} {path}");
            assert_eq!((app.calls("READY").await, app.calls("HASH").await), (before, 0), "{path}");
            body["taxFreeAmount"] = json!(right);
            let reply = app.post(path, &body).await;
            assert!(reply.status < 300, "{tax_type} {path}: {}", reply.text);
            if path == "/billing/subscribe" {
                let id = reply.json()["data"]["id"].as_str().unwrap().to_owned();
                let change = json!({"amount": 9000, "taxFreeAmount": wrong});
                let changed = app.patch(&format!("/billing/subscription/{id}"), &change).await;
                changed.fails(400, "invalid_request");
            }
        }
    }
}
