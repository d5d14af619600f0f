//! Cancellations that KiwoomPay tells of: before their payment, beside our own, made elsewhere.

use futures::future::join_all;
use kiwoom_sandbox::CPID;
use serde_json::{Value, json};

use crate::support::app::{TestApp, one_off, steady};
use crate::support::window::{ALL_ON, answered, canceled, in_window, paid, prepare, status, tell};

/// What a copy of one notification came to, as it is stored: kind, amount, verdict, copies.
async fn told(app: &TestApp, order_id: &str) -> Vec<(String, i64, String, i32)> {
    let query = sqlx::query_as(
        "select kind, amount, verdict, copies from notifications where order_no = $1
         order by kind, amount",
    );
    query.bind(order_id).fetch_all(&app.service.ctx.pool).await.unwrap()
}

/// Amount, state and origin of every refund.
pub(super) async fn refunds(app: &TestApp) -> Vec<(i64, String, String)> {
    sqlx::query_as("select amount, state, origin from refunds order by id")
        .fetch_all(&app.service.ctx.pool)
        .await
        .unwrap()
}

pub(super) fn refund(amount: i64, origin: &str) -> (i64, String, String) {
    (amount, "refunded".to_owned(), origin.to_owned())
}

/// Polls until `done` holds; whatever takes longer than ten seconds has gone wrong.
async fn until<F: Future<Output = bool>>(mut done: impl FnMut() -> F) {
    let patience = tokio::time::Duration::from_secs(10);
    let poll = async {
        while !done().await {
            tokio::time::sleep(tokio::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(patience, poll).await.expect("done in time");
}

/// Every order in which four things can come.
fn permutations() -> Vec<[usize; 4]> {
    let digits = |n: usize| [n / 64 % 4, n / 16 % 4, n / 4 % 4, n % 4];
    let each_once = |p: &[usize; 4]| (0..4).all(|n| p.contains(&n));
    (0..256).map(digits).filter(each_once).collect()
}

/// A payment, two partial cancellations, and the payment again.
fn four(order_id: &str, transaction: &str) -> [String; 4] {
    [
        paid(order_id, transaction, 9900),
        canceled(order_id, transaction, 1000, 1),
        canceled(order_id, transaction, 2000, 2),
        paid(order_id, transaction, 9900),
    ]
}

async fn is_at_the_same_end(app: &TestApp, order_id: &str, transaction: &str) {
    let public = &app.service.ctx.public_url;
    let page = "sandbox/common/PayInfoPrintKakaoPay.jsp";
    let expected = json!({
        "orderId": order_id, "status": "partially_canceled", "amount": 9900, "paidAmount": 9900,
        "canceledAmount": 3000, "method": "KAKAOPAY", "transactionId": transaction,
        "receiptUrl": format!("{public}/{page}?DAOUTRX={transaction}"),
        "paidAt": "2026-11-25T10:10:10.000+09:00", "canceledAt": "2026-11-25T10:11:02.000+09:00",
        "createdAt": "at",
    });
    let mut order = status(app, order_id).await;
    order["createdAt"] = json!("at");
    assert_eq!(order, expected);
    let row = |kind: &str, amount, copies| (kind.to_owned(), amount, "applied".to_owned(), copies);
    let rows =
        [row("cancellation", 1000, 1), row("cancellation", 2000, 1), row("payment", 9900, 2)];
    assert_eq!(told(app, order_id).await, rows, "{order_id}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_orders_of_arrival_come_to_the_same_end() {
    let app = TestApp::start().await;
    let all = permutations();
    assert_eq!(all.len(), 24);
    for (n, arrival) in all.into_iter().enumerate() {
        let (id, transaction) = (format!("O-{n}"), format!("t{n}"));
        prepare(&app, &id).await;
        let messages = four(&id, &transaction);
        for one in arrival {
            answered(&tell(&app, &messages[one]).await, 200);
        }
        is_at_the_same_end(&app, &id, &transaction).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_at_once_on_two_processes_they_come_to_the_same_end() {
    let app = TestApp::start().await;
    let replica = app.replica(&[]).await;
    for n in 0..20 {
        let (id, transaction) = (format!("O-{n}"), format!("t{n}"));
        prepare(&app, &id).await;
        let messages = four(&id, &transaction);
        let sent = messages.iter().enumerate();
        let sent = sent.map(|(n, one)| tell(if n % 2 == 0 { &app } else { &replica }, one));
        for reply in join_all(sent).await {
            answered(&reply, 200);
        }
        is_at_the_same_end(&app, &id, &transaction).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_is_no_payment_whatever_it_is_called() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    for kind in ["MOBILE_CANCEL", "CARD_CANCEL", "TOSSPAYCANCEL"] {
        let message = canceled("O-1", "t1", 9900, 1).replace("KAKAOCANCEL", kind);
        answered(&tell(&app, &message).await, 200);
        assert_eq!(status(&app, "O-1").await["status"], "ready", "{kind}");
    }
    let unsuccessful = canceled("O-1", "t1", 1000, 2) + "&RESULTCODE=9201";
    answered(&tell(&app, &unsuccessful).await, 400);
    assert!(refunds(&app).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_ours_waits_for_a_payment() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    let foreign = canceled("O-1", "t1", 1000, 1).replace(CPID, "CTOTHER");
    answered(&tell(&app, &foreign).await, 400);
    answered(&tell(&app, &canceled("O-1", "t2", 1000, 2)).await, 200);
    answered(&tell(&app, &canceled("O-1", "t1", 9901, 3)).await, 200);
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
    let order = status(&app, "O-1").await;
    assert_eq!((&order["status"], &order["canceledAmount"]), (&json!("paid"), &json!(0)));
    let verdicts: Vec<_> = told(&app, "O-1").await.into_iter().map(|row| row.2).collect();
    // Amounts 1000 (two, in any order), 9901, and the payment.
    assert_eq!(verdicts[2..], ["contradiction", "applied"]);
    let mut both = verdicts[..2].to_vec();
    both.sort();
    assert_eq!(both, ["contradiction", "merchant"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_survives_a_restart() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    answered(&tell(&app, &canceled("O-1", "t1", 9900, 1)).await, 200);
    let app = app.restart().await;
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
    let order = status(&app, "O-1").await;
    assert_eq!((&order["status"], &order["canceledAmount"]), (&json!("canceled"), &json!(9900)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_cancelled_elsewhere_before_its_own_answer_is_refunded() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 1500})).await;
    let (body, elsewhere) = (one_off(&key), async {
        until(|| async { !app.ledger().await.is_empty() }).await;
        let transaction = app.ledger().await[0]["transactionId"].clone();
        let cancel = json!({"transactionId": transaction, "amount": 4000});
        app.post("/sandbox/admin/cancel", &cancel).await
    });
    let (paid, canceled) = tokio::join!(app.post("/billing/pay", &body), elsewhere);
    assert_eq!(canceled.status, 200, "{}", canceled.text);
    let paid = paid.data(200);
    let amounts = (&paid["status"], &paid["refundableAmount"]);
    assert_eq!(amounts, (&json!("partially_refunded"), &json!(5900)));
    assert_eq!(refunds(&app).await, [refund(4000, "gateway")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_cancelled_elsewhere_while_unknown_is_refunded_once_settled_by_hand() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_after"})).await;
    let payment = app.pay(&key).await.data(202);
    let transaction = app.ledger().await[0]["transactionId"].clone();
    let cancel = json!({"transactionId": transaction});
    assert_eq!(app.post("/sandbox/admin/cancel", &cancel).await.status, 200);
    let path = format!("/billing/payment/{}", payment["id"].as_str().unwrap());
    assert_eq!(app.get(&path).await.data(200)["status"], "unknown");
    let found = json!({"outcome": "approved", "transactionId": transaction, "reason": "조회"});
    let settled = app.post(&format!("{path}/resolve"), &found).await.data(200);
    assert_eq!((&settled["status"], &settled["refundableAmount"]), (&json!("refunded"), &json!(0)));
    assert_eq!(app.get(&path).await.data(200), settled);
    assert_eq!(refunds(&app).await, [refund(9900, "gateway")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_cancellation_told_before_it_is_answered_counts_once() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    app.fault(json!({"on": "CANCEL", "kind": "delay_after", "delayMs": 5000})).await;
    let body = json!({"orderId": "O-1", "amount": 4000});
    let mut answer = std::pin::pin!(app.post("/easypay/cancel", &body));
    // The sandbox tells of it within a second.
    let told = until(|| async { status(&app, "O-1").await["canceledAmount"] == 4000 });
    tokio::select! {
        _ = &mut answer => panic!("answered before it was told"),
        () = told => {}
    }
    let answer = answer.await.data(200);
    assert_eq!(answer["refund"]["status"], "refunded");
    assert_eq!(answer["order"], status(&app, "O-1").await);
    assert_eq!(answer["order"]["canceledAmount"], 4000);
    assert_eq!(refunds(&app).await, [refund(4000, "merchant")]);
    let held: i64 = sqlx::query_scalar("select refunding_amount from payments")
        .fetch_one(&app.service.ctx.pool)
        .await
        .unwrap();
    assert_eq!(held, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cancelled_in_kiwoompays_pages_is_learnt_part_by_part() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    let mut cancel = json!({"transactionId": app.ledger().await[0]["transactionId"]});
    cancel["amount"] = json!(2500);
    assert_eq!(app.post("/sandbox/admin/cancel", &cancel).await.status, 200);
    let part = status(&app, "O-1").await;
    assert_eq!(
        (&part["status"], &part["canceledAmount"]),
        (&json!("partially_canceled"), &json!(2500))
    );
    let own = json!({"orderId": "O-1", "amount": 400});
    app.post("/easypay/cancel", &own).await.data(200);
    cancel.as_object_mut().unwrap().remove("amount");
    assert_eq!(app.post("/sandbox/admin/cancel", &cancel).await.status, 200);
    let whole = status(&app, "O-1").await;
    assert_eq!((&whole["status"], &whole["canceledAmount"]), (&json!("canceled"), &json!(9900)));
    let expected = [refund(2500, "gateway"), refund(400, "merchant"), refund(7000, "gateway")];
    assert_eq!(refunds(&app).await, expected);
    app.post("/easypay/cancel", &own).await.fails(409, "refund_exceeds_balance");
    assert_eq!(app.get("/sandbox/calls").await.json()["counters"]["CANCEL"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_count_once_and_more_than_is_left_is_a_contradiction() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
    let copies = (0..100).map(|_| async {
        answered(&tell(&app, &canceled("O-1", "t1", 6000, 1)).await, 200);
    });
    join_all(copies).await;
    let before = status(&app, "O-1").await;
    assert_eq!(before["canceledAmount"], 6000);
    for wrong in
        [canceled("O-1", "t1", 3901, 2), canceled("O-1", "t1", 0, 3), canceled("O-1", "t2", 1, 4)]
    {
        answered(&tell(&app, &wrong).await, 409);
        assert_eq!(status(&app, "O-1").await, before, "{wrong}");
    }
    answered(&tell(&app, &canceled("UNKNOWN", "t1", 1, 5)).await, 404);
    assert_eq!(refunds(&app).await, [refund(6000, "gateway")]);
    let health: Value = app.webhook_health().await;
    let expected = json!({
        "status": "degraded", "database": "ok", "lastNotificationAt": "at",
        "notifications24h": 105, "rejected24h": 4, "review24h": 0, "unknownOutcomes": 0,
    });
    assert_eq!(steady(health), expected);
}
