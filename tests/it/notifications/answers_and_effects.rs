//! Notifications from KiwoomPay: what each is answered, and what it does to the order.

use futures::future::join_all;
use kiwoom_sandbox::CPID;
use serde_json::{Value, json};
use sqlx::Connection;

use crate::support::app::TestApp;
use crate::support::window::{SUCCESS, answered, canceled, in_window, paid, prepare, status, tell};

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_told_by_query_form_or_json_on_both_paths() {
    let app = TestApp::start().await;
    let client = &app.client;
    let url = |path: &str| format!("{}{path}", app.base);
    for (n, path) in ["/webhook/kiwoom", "/webhook/noti"].into_iter().enumerate() {
        for kind in ["query", "form", "json"] {
            let (id, transaction) = (format!("O-{n}-{kind}"), format!("t{n}{kind}"));
            prepare(&app, &id).await;
            let query = paid(&id, &transaction, 9900);
            let request = match kind {
                "query" => client.get(url(&format!("{path}?{query}"))),
                "form" => client
                    .post(url(path))
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(query),
                _ => client.post(url(path)).json(&json!({
                    "PAYMETHOD": "NAVERPAY", "CPID": CPID, "DAOUTRX": transaction, "ORDERNO": id,
                    "AMOUNT": 9900, "PRODUCTNAME": "프리미엄 구독", "RES_CD": "0000",
                })),
            };
            answered(&app.send(request).await, 200);
            let order = status(&app, &id).await;
            assert_eq!((&order["status"], &order["paidAmount"]), (&json!("paid"), &json!(9900)));
            let method = if kind == "json" { "NAVERPAY" } else { "KAKAOPAY" };
            assert_eq!(order["method"], method);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_notifications_have_a_result_code_0000_is_success() {
    let app = TestApp::start().await;
    let mishap = json!({"kind": "succeeded", "times": 2});
    assert_eq!(app.post("/sandbox/notifications", &mishap).await.status, 200);
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    let order = status(&app, "O-1").await;
    assert_eq!((&order["status"], &order["paidAmount"]), (&json!("paid"), &json!(9900)));
    let canceled = json!({"transactionId": order["transactionId"], "amount": 900});
    assert_eq!(app.post("/sandbox/admin/cancel", &canceled).await.status, 200);
    assert_eq!(status(&app, "O-1").await["canceledAmount"], 900);
    let raw: Vec<String> = sqlx::query_scalar("select raw from notifications order by id")
        .fetch_all(&app.service.ctx.pool)
        .await
        .unwrap();
    assert_eq!(raw.len(), 2);
    assert!(raw.iter().all(|raw| raw.contains("RESULTCODE=0000")), "{raw:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_believed_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    let other_merchant = paid("O-1", "t1", 9900).replace(CPID, "CTOTHER");
    let cases =
        [(other_merchant.as_str(), 400), ("A=%FF%FE", 400), ("PAYMETHOD=KAKAOPAY", 400), ("", 400)];
    for (query, expected) in cases {
        answered(&tell(&app, query).await, expected);
    }
    answered(&tell(&app, &paid("NOT-OURS", "t1", 9900)).await, 404);
    assert_eq!(status(&app, "O-1").await["status"], "ready");
    let rows: i64 = sqlx::query_scalar("select count(*) from payments")
        .fetch_one(&app.service.ctx.pool)
        .await
        .unwrap();
    assert_eq!(rows, 1, "a notification never creates a payment");
    let health = app.webhook_health().await;
    assert_eq!((&health["status"], &health["rejected24h"]), (&json!("degraded"), &json!(5)));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_amount_is_a_mismatch_until_the_right_one_comes() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    answered(&tell(&app, &paid("O-1", "t1", 1000)).await, 200);
    let order = status(&app, "O-1").await;
    assert_eq!((&order["status"], &order["paidAmount"]), (&json!("mismatch"), &json!(0)));
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
    let raised = paid("O-1", "t1", 1000) + "&AMOUNT=9901";
    answered(&tell(&app, &raised).await, 409);
    assert_eq!(status(&app, "O-1").await["status"], "paid", "what was paid stays paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_transaction_is_kept_beside_the_order_and_one_of_another_order_is_a_contradiction()
{
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    prepare(&app, "O-2").await;
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
    answered(&tell(&app, &paid("O-1", "t2", 9900)).await, 200);
    answered(&tell(&app, &paid("O-2", "t1", 9900)).await, 409);
    assert_eq!(status(&app, "O-1").await["transactionId"], "t1");
    assert_eq!(status(&app, "O-2").await["status"], "ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_try_is_no_end_of_the_order() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    let failed = paid("O-1", "t1", 9900) + "&RESULTCODE=2003&ERRORMESSAGE=%C7%D1%B5%B5%C3%CA%B0%FA";
    answered(&tell(&app, &failed).await, 200);
    let order_now = status(&app, "O-1").await;
    assert_eq!(order_now["status"], "failed");
    assert_eq!(order_now["failure"], json!({"code": "2003", "message": "한도초과"}));
    prepare(&app, "O-1").await;
    answered(&tell(&app, &paid("O-1", "t2", 9900)).await, 200);
    assert_eq!(status(&app, "O-1").await["status"], "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_of_arrival_gives_the_same_end() {
    let app = TestApp::start().await;
    let orders: [[usize; 4]; 6] =
        [[0, 1, 2, 1], [1, 0, 2, 0], [2, 1, 0, 1], [1, 2, 0, 2], [2, 0, 1, 0], [0, 2, 1, 2]];
    for (n, arrival) in orders.into_iter().enumerate() {
        let (id, transaction) = (format!("O-{n}"), format!("t{n}"));
        prepare(&app, &id).await;
        let told = [
            paid(&id, &transaction, 9900),
            canceled(&id, &transaction, 1000, 1),
            canceled(&id, &transaction, 1000, 2),
        ];
        for one in arrival {
            answered(&tell(&app, &told[one]).await, 200);
        }
        let order = status(&app, &id).await;
        assert_eq!(order["status"], "partially_canceled", "{arrival:?}");
        assert_eq!(order["canceledAmount"], 2000, "{arrival:?}");
        answered(&tell(&app, &canceled(&id, &transaction, 7901, 3)).await, 409);
        answered(&tell(&app, &canceled(&id, &transaction, 7900, 4)).await, 200);
        assert_eq!(status(&app, &id).await["status"], "canceled", "{arrival:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_cancellation_told_back_changes_nothing() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let payment = app.pay(&key).await.data(200);
    let part = json!({"paymentId": payment["id"], "amount": 1000});
    let refund = app.post("/billing/refund", &part).await.data(200)["refund"].clone();
    let at = refund["refundedAt"].as_str().unwrap().replace(['-', ':', 'T'], "");
    let told = format!(
        "PAYMETHOD=CARD_CANCEL&CPID={CPID}&DAOUTRX={}&ORDERNO={}&AMOUNT=1000&CANCELDATE={}",
        payment["transactionId"].as_str().unwrap(),
        payment["orderId"].as_str().unwrap(),
        &at[..14],
    );
    for _ in 0..3 {
        answered(&tell(&app, &told).await, 200);
    }
    let path = format!("/billing/payment/{}", payment["id"].as_str().unwrap());
    assert_eq!(app.get(&path).await.data(200)["refundableAmount"], 8900);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_settles_unknown_charges() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let subscription = app.subscribe(&key, 15).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_after"})).await;
    let one_off = app.pay(&key).await.data(202);
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_after"})).await;
    app.advance_days(31).await;

    for transaction in app.ledger().await {
        let told = format!(
            "PAYMETHOD=CARD&CPID={CPID}&DAOUTRX={}&ORDERNO={}&AMOUNT=9900&AUTHNO=12345678",
            transaction["transactionId"].as_str().unwrap(),
            transaction["orderNo"].as_str().unwrap(),
        );
        answered(&tell(&app, &told).await, 200);
    }
    let path = format!("/billing/payment/{}", one_off["id"].as_str().unwrap());
    let settled = app.get(&path).await.data(200);
    assert_eq!((&settled["status"], &settled["method"]), (&json!("approved"), &json!("CARD")));
    let id = subscription["id"].as_str().unwrap();
    let payments = app.get(&format!("/billing/payments?subscriptionId={id}")).await.data(200);
    assert_eq!(payments["items"][0]["status"], "approved");
    let ready = app.ready().await;
    assert_eq!(ready["unknownOutcomes"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_copies_over_two_processes_have_one_effect() {
    let app = TestApp::start().await;
    let replica = app.replica(&[]).await;
    prepare(&app, "O-1").await;
    let told = paid("O-1", "t1", 9900);
    for round in 0..10 {
        let copies = (0..100).map(|n| tell(if n % 2 == 0 { &app } else { &replica }, &told));
        for reply in join_all(copies).await {
            assert_eq!((reply.status, reply.text.as_str()), (200, SUCCESS), "round {round}");
        }
    }
    assert_eq!(status(&app, "O-1").await["status"], "paid");
    let copies: i32 = sqlx::query_scalar("select copies from notifications")
        .fetch_one(&app.service.ctx.pool)
        .await
        .unwrap();
    assert_eq!(copies, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_comes_again() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    let mut owner = app.owner().await;
    let mut lock = owner.begin().await.unwrap();
    sqlx::query("lock table payments").execute(&mut *lock).await.unwrap();
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 503);
    lock.rollback().await.unwrap();
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
    assert_eq!(status(&app, "O-1").await["status"], "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_known_senders_are_let_in() {
    let settings = [("TRUSTED_PROXIES", "127.0.0.1"), ("WEBHOOK_ALLOWED_IPS", "+198.51.100.0/24")];
    let app = TestApp::with(&settings).await;
    prepare(&app, "O-1").await;
    let from = |address: &'static str| {
        let path = format!("/webhook/kiwoom?{}", paid("O-1", "t1", 9900));
        app.send(app.request(reqwest::Method::GET, &path).header("X-Forwarded-For", address))
    };
    answered(&from("8.8.8.8").await, 403);
    answered(&from("123.140.121.205, 8.8.8.8").await, 403);
    answered(&from("nonsense").await, 403);
    assert_eq!(status(&app, "O-1").await["status"], "ready");
    answered(&from("198.51.100.7").await, 200);
    answered(&from("8.8.8.8, 123.140.121.205").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn card_numbers_are_not_kept() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    let told = format!(
        "PAYMETHOD=KAKAOPAY&CPID={CPID}&DAOUTRX=t1&ORDERNO=O-1&AMOUNT=9900\
         &PRODUCTNAME=%BF%F9%B0%A3&SETTDATE=20261125101010&CARDNO=4111111111111111\
         &RESERVEDSTRING=4111-1111-1111-1111&USERID=1+5555555555554444"
    );
    answered(&tell(&app, &told).await, 200);
    let mut row: Value = sqlx::query_scalar("select to_jsonb(n) from notifications n")
        .fetch_one(&app.service.ctx.pool)
        .await
        .unwrap();
    for changing in ["id", "fingerprint", "first_at", "last_at"] {
        assert!(row.as_object_mut().unwrap().remove(changing).is_some());
    }
    let raw = format!(
        "PAYMETHOD=KAKAOPAY&CPID={CPID}&DAOUTRX=t1&ORDERNO=O-1&AMOUNT=9900\
         &PRODUCTNAME=월간&SETTDATE=20261125101010&CARDNO=411111******1111\
         &RESERVEDSTRING=4111-11**-****-1111&USERID=1 555555******4444"
    );
    let expected = json!({
        "kind": "payment", "verdict": "applied", "order_no": "O-1", "transaction_id": "t1",
        "cpid": CPID, "amount": 9900, "occurred_at": "2026-11-25T01:10:10+00:00", "raw": raw, "copies": 1,
    });
    assert_eq!(row, expected);
    // In the place of a CPID, which is kept only when it is ours.
    answered(&tell(&app, &told.replace(CPID, "4111111111111111")).await, 400);
    let kept: Vec<String> =
        sqlx::query_scalar("select to_jsonb(n)::text from notifications n order by id")
            .fetch_all(&app.service.ctx.pool)
            .await
            .unwrap();
    assert!(kept.len() == 2 && !kept[1].contains("4111111111111111"), "{kept:?}");
    // A body that is no notification at all.
    let request = app.request(reqwest::Method::POST, "/webhook/noti").body("4111111111111111");
    answered(&app.send(request).await, 400);
    let raw: String = sqlx::query_scalar("select raw from notifications where kind = 'unreadable'")
        .fetch_one(&app.service.ctx.pool)
        .await
        .unwrap();
    assert_eq!(raw, "411111******1111=");
}
