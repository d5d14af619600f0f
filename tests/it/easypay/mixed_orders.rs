//! Orders of the window that are tax-free in part: what the window is told, and what can go back.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::refusals::invalid;
use crate::support::sandbox::fields;
use crate::support::window::{answered, original, paid, pay_by, post_form, status, tell};

const MIXED_IN_PART: &str = "면세 금액이 일부 포함된 카카오페이·페이코 결제는 키움페이에 환불할 면세 금액을 알릴 \
    수 없어 전액만 환불할 수 있습니다. 키움페이에 보낸 요청은 없습니다.";
const TAXED_WHOLE: &str =
    "계좌이체는 전액 과세만 가능하여 면세 금액이 있는 주문을 결제할 수 없습니다.";

const EVERY_METHOD: &[(&str, &str)] = &[
    ("KAKAOPAY_ENABLED", "true"),
    ("NAVERPAY_ENABLED", "true"),
    ("SAMSUNGPAY_ENABLED", "true"),
    ("PAYCO_ENABLED", "true"),
    ("CARD_ENABLED", "true"),
    ("BANK_ENABLED", "true"),
];

/// An order of 11,000 won of which 3,000 are tax-free.
fn mixed(order_id: &str) -> Value {
    let mut body = original();
    body["orderId"] = json!(order_id);
    (body["amount"], body["taxFreeAmount"]) = (json!(11_000), json!(3000));
    body
}

async fn prepare_mixed(app: &TestApp, order_id: &str, method: &str) -> Value {
    let mut body = mixed(order_id);
    body["method"] = json!(method);
    app.post("/easypay/prepare", &body).await.data(200)
}

/// AMOUNT and TAXFREEAMT of each cancellation that was sent.
async fn canceled(app: &TestApp) -> Vec<(Value, Value)> {
    let of = |call: &Value| {
        let fields = Value::from(fields(call));
        (fields["AMOUNT"].clone(), fields["TAXFREEAMT"].clone())
    };
    app.requests("CANCEL").await.iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_is_told_of_the_tax_free_part_where_each_method_reads_it() {
    let app = TestApp::with(EVERY_METHOD).await;
    let part = json!("3000");
    let (told, untold) = (Some(&part), None);
    for (method, telno2, freeamt) in [
        ("CARD", told, untold),
        ("KAKAOPAY", untold, told),
        ("NAVERPAY", told, told),
        ("SAMSUNGPAY", told, told),
        ("PAYCO", told, told),
    ] {
        let prepared = prepare_mixed(&app, method, method).await;
        let data = &prepared["sdkData"];
        assert_eq!((data.get("TELNO2"), data.get("FREEAMT")), (telno2, freeamt), "{method}");
        assert_eq!((&data["TAXFREECD"], data.get("TAXFREEAMT")), (&json!("02"), None));
        assert_eq!(data["PRODUCTCODE"], "", "a charge alone has it there");
        pay_by(&app, &prepared, method).await;
        let order = status(&app, method).await;
        assert_eq!((&order["status"], &order["taxFreeAmount"]), (&json!("paid"), &json!(3000)));
    }
    let mut whole = mixed("WHOLE");
    (whole["amount"], whole["taxFreeAmount"]) = (json!(3000), json!(3000));
    let data = app.post("/easypay/prepare", &whole).await.data(200)["sdkData"].clone();
    assert_eq!((&data["TAXFREECD"], data.get("TELNO2")), (&json!("01"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_transfer_is_not_offered_for_an_order_with_a_tax_free_part() {
    let app = TestApp::with(EVERY_METHOD).await;
    let data = app.post("/easypay/prepare", &mixed("O-1")).await.data(200)["sdkData"].clone();
    assert_eq!(data["SVCCDIN"], "KAKAOPAY,NAVERPAY,SAMSUNGPAY,PAYCO,CARD");
    let transfer = paid("O-1", "t1", 11_000).replace("KAKAOPAY", "BANK");
    answered(&tell(&app, &transfer).await, 200);
    let order = status(&app, "O-1").await;
    assert_eq!(order["unexpectedPayments"][0]["unexpected"], "method_not_offered");

    let bank = TestApp::with(&[("BANK_ENABLED", "true")]).await;
    for method in [json!("BANK"), Value::Null] {
        for part in [3000, 11_000] {
            let mut body = mixed("O-2");
            (body["method"], body["taxFreeAmount"]) = (method.clone(), json!(part));
            let reply = bank.post("/easypay/prepare", &body).await;
            assert_eq!(reply.error(400), invalid(&[("taxFreeAmount", TAXED_WHOLE)]));
        }
    }
    bank.get("/easypay/status/O-2").await.fails(404, "order_not_found");
    let mut taxed = mixed("O-2");
    taxed["taxFreeAmount"] = json!(0);
    let prepared = bank.post("/easypay/prepare", &taxed).await.data(200);
    pay_by(&bank, &prepared, "BANK").await;
    assert_eq!(status(&bank, "O-2").await["status"], "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_says_which_part_of_it_is_tax_free() {
    let app = TestApp::with(EVERY_METHOD).await;
    let prepared = prepare_mixed(&app, "O-1", "NAVERPAY").await;
    pay_by(&app, &prepared, "NAVERPAY").await;
    let misfit = "환불할 금액과 남은 면세·과세 금액에 맞아야 합니다.";
    let above = "amount를 넘을 수 없습니다.";
    for (amount, part, reason) in [(4000, 3001, misfit), (10_000, 1999, misfit), (100, 101, above)]
    {
        let body = json!({"orderId": "O-1", "amount": amount, "taxFreeAmount": part});
        let reply = app.post("/easypay/cancel", &body).await;
        assert_eq!(reply.error(400), invalid(&[("taxFreeAmount", reason)]), "{amount} {part}");
    }
    assert!(canceled(&app).await.is_empty());
    let part = json!({"orderId": "O-1", "amount": 4000, "taxFreeAmount": 1000});
    let reply = app.post("/easypay/cancel", &part).await.data(200);
    assert_eq!(reply["refund"]["taxFreeAmount"], 1000);
    let taxable = json!({"orderId": "O-1", "amount": 1000});
    let reply = app.post("/easypay/cancel", &taxable).await.data(200);
    assert_eq!(reply["refund"].get("taxFreeAmount"), None, "the taxable part goes back first");
    let rest = app.post("/easypay/cancel", &json!({"orderId": "O-1"})).await.data(200);
    assert_eq!(rest["refund"]["taxFreeAmount"], 2000);
    let pair = |amount: &str, part: Value| (json!(amount), part);
    let sent =
        [pair("4000", json!("1000")), pair("1000", Value::Null), pair("6000", json!("2000"))];
    assert_eq!(canceled(&app).await, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_order_has_no_tax_free_part_to_give_back() {
    let app = TestApp::start().await;
    app.post("/easypay/prepare", &mixed("O-1")).await.data(200);
    let body = json!({"orderId": "O-1", "taxFreeAmount": 3000});
    app.post("/easypay/cancel", &body).await.fails(409, "refund_not_allowed");
    assert_eq!(status(&app, "O-1").await["status"], "ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_part_cannot_be_told_a_mixed_order_goes_back_whole_or_not_at_all() {
    let app = TestApp::start().await;
    let in_part = json!({"code": "refund_not_allowed", "message": MIXED_IN_PART});
    for method in ["KAKAOPAY", "PAYCO"] {
        let prepared = prepare_mixed(&app, method, method).await;
        pay_by(&app, &prepared, method).await;
        let before = (status(&app, method).await, app.get("/sandbox/calls").await.json());
        for (path, body) in [
            ("/easypay/cancel", json!({"amount": 4000})),
            ("/easypay/cancel", json!({"amount": 4000, "taxFreeAmount": 1000})),
            ("/billing/refund", json!({"amount": 10_999})),
            ("/billing/refund", json!({"proRata": {"used": 1, "total": 2}})),
        ] {
            let mut body = body;
            body["orderId"] = json!(method);
            assert_eq!(app.post(path, &body).await.error(409), in_part, "{method} {body}");
        }
        let after = (status(&app, method).await, app.get("/sandbox/calls").await.json());
        assert_eq!(after, before, "nothing was sent for {method}");
        let whole = app.post("/easypay/cancel", &json!({"orderId": method})).await.data(200);
        assert_eq!(
            (&whole["order"]["status"], &whole["refund"]["taxFreeAmount"]),
            (&json!("canceled"), &json!(3000))
        );
    }
    assert_eq!(canceled(&app).await, vec![(json!("11000"), Value::Null); 2]);
    // One that is taxed in one way goes back in parts.
    for part in [0, 11_000] {
        let mut body = mixed(&format!("O-{part}"));
        (body["method"], body["taxFreeAmount"]) = (json!("PAYCO"), json!(part));
        let prepared = app.post("/easypay/prepare", &body).await.data(200);
        pay_by(&app, &prepared, "PAYCO").await;
        let some = json!({"orderId": body["orderId"], "amount": 4000});
        app.post("/easypay/cancel", &some).await.data(200);
    }
    assert_eq!(canceled(&app).await[2..], vec![(json!("4000"), Value::Null); 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quote_says_so_too() {
    let app = TestApp::start().await;
    let prepared = prepare_mixed(&app, "O-1", "KAKAOPAY").await;
    pay_by(&app, &prepared, "KAKAOPAY").await;
    let id: uuid::Uuid = sqlx::query_scalar("select id from payments where order_no = 'O-1'")
        .fetch_one(&app.service.ctx.pool)
        .await
        .unwrap();
    let quote = async |used: i64| {
        app.get(&format!("/billing/refund-quote?paymentId=pay_{id}&used={used}&total=2")).await
    };
    quote(1).await.fails(409, "refund_not_allowed");
    assert_eq!(quote(0).await.data(200)["quoteTaxFreeAmount"], 3000);
    assert_eq!(quote(2).await.data(200)["quote"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_taken_twice_is_taxed_as_the_order_is() {
    let app = TestApp::start().await;
    prepare_mixed(&app, "O-1", "NAVERPAY").await;
    for transaction in ["t1", "t2"] {
        let message = paid("O-1", transaction, 11_000).replace("KAKAOPAY", "NAVERPAY");
        answered(&tell(&app, &message).await, 200);
    }
    answered(&tell(&app, &paid("O-1", "t3", 9900).replace("KAKAOPAY", "NAVERPAY")).await, 200);
    let money = status(&app, "O-1").await["unexpectedPayments"].clone();
    assert_eq!(
        (&money[0]["unexpected"], &money[0]["taxFreeAmount"]),
        (&json!("already_paid"), &json!(3000))
    );
    assert_eq!(money[1].get("taxFreeAmount"), None, "another amount: nobody knows");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_takes_no_tax_free_amount_in_the_window() {
    let app = TestApp::start().await;
    let prepared = prepare_mixed(&app, "O-1", "PAYCO").await;
    let mut data = prepared["sdkData"].clone();
    data["TAXFREEAMT"] = json!("3000");
    let page = post_form(prepared["formAction"].as_str().unwrap(), &data).await;
    let page = page.text().await.unwrap();
    assert!(page.contains("TAXFREEAMT") && !page.contains("결제하기"), "{page}");
}
