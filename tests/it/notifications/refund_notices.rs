//! A refund of ours and the notification of it are one, whatever their clocks say.

use chrono::{DateTime, Duration, FixedOffset};
use futures::future::join;
use kiwoom_sandbox::CPID;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::window::{answered, in_window, prepare, status, tell};

/// Origin and amount of every refund, oldest first, with whether a notification confirmed it.
async fn refunds(app: &TestApp) -> Vec<(String, i64, bool)> {
    let sql = "select origin, amount, confirmed_by is not null from refunds order by id";
    sqlx::query_as(sql).fetch_all(&app.service.ctx.pool).await.unwrap()
}

fn ours(amount: i64, confirmed: bool) -> (String, i64, bool) {
    ("merchant".to_owned(), amount, confirmed)
}

/// An order paid in the window. What `kind` describes happens to the next notification.
async fn paid_order(app: &TestApp, order_id: &str, mishap: &Value) {
    let prepared = prepare(app, order_id).await;
    in_window(app, &prepared, "pay").await;
    assert_eq!(app.post("/sandbox/notifications", mishap).await.status, 200);
}

fn differences() -> Vec<Value> {
    let shifted = [-40, -1, 0, 1, 40].map(|n| json!({"kind": "shifted", "seconds": n}));
    shifted.into_iter().chain([json!({"kind": "undated"})]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_of_ours_is_booked_once_whatever_the_date_of_its_notification() {
    let app = TestApp::start().await;
    for (n, mishap) in differences().into_iter().enumerate() {
        let order = format!("O-{n}");
        paid_order(&app, &order, &mishap).await;
        for (amount, total, state) in [(3000, 3000, "partially_canceled"), (6900, 9900, "canceled")]
        {
            let part = json!({"orderId": order, "amount": amount});
            app.post("/easypay/cancel", &part).await.data(200);
            app.advance_secs(1).await;
            let told = status(&app, &order).await;
            let seen = (&told["canceledAmount"], &told["status"]);
            assert_eq!(seen, (&json!(total), &json!(state)), "{mishap}");
            app.post("/sandbox/notifications", &mishap).await;
        }
        app.delete("/sandbox/notifications").await;
    }
    let expected: Vec<_> =
        differences().iter().flat_map(|_| [ours(3000, true), ours(6900, true)]).collect();
    assert_eq!(refunds(&app).await, expected);
    let sent = app.get("/sandbox/notifications").await.json()["sent"].clone();
    assert!(sent.as_array().unwrap().iter().all(|s| s["delivered"] == true), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_refund_is_settled_by_its_notification_whatever_its_date() {
    let app = TestApp::start().await;
    for (n, mishap) in differences().into_iter().enumerate() {
        let order = format!("O-{n}");
        paid_order(&app, &order, &mishap).await;
        app.fault(json!({"on": "CANCEL", "kind": "drop_after"})).await;
        let part = json!({"orderId": order, "amount": 3000});
        app.post("/easypay/cancel", &part).await.data(202);
        app.advance_secs(2).await;
        let told = status(&app, &order).await;
        let seen = (&told["canceledAmount"], &told["status"]);
        assert_eq!(seen, (&json!(3000), &json!("partially_canceled")), "{mishap}");
    }
    assert!(refunds(&app).await.iter().all(|refund| *refund == ours(3000, true)));
}

struct Paid {
    id: String,
    order: String,
    transaction: String,
}

async fn paid(app: &TestApp) -> Paid {
    let key = app.register("4111111111111111").await;
    let payment = app.pay(&key).await.data(200);
    let text = |name: &str| payment[name].as_str().unwrap().to_owned();
    Paid { id: text("id"), order: text("orderId"), transaction: text("transactionId") }
}

/// Refunds a part; when.
async fn refund(app: &TestApp, paid: &Paid, amount: i64) -> DateTime<FixedOffset> {
    let part = json!({"paymentId": paid.id, "amount": amount});
    let refund = app.post("/billing/refund", &part).await.data(200)["refund"].clone();
    DateTime::parse_from_rfc3339(refund["refundedAt"].as_str().unwrap()).unwrap()
}

fn cancel(paid: &Paid, amount: i64, at: Option<DateTime<FixedOffset>>) -> String {
    let date = at.map(|at| format!("&CANCELDATE={}", at.format("%Y%m%d%H%M%S")));
    format!(
        "PAYMETHOD=CARD_CANCEL&CPID={CPID}&DAOUTRX={}&ORDERNO={}&AMOUNT={amount}{}",
        paid.transaction,
        paid.order,
        date.unwrap_or_default()
    )
}

async fn left(app: &TestApp, paid: &Paid) -> Value {
    let shown = app.get(&format!("/billing/payment/{}", paid.id)).await.data(200);
    shown["refundableAmount"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_notification_confirms_one_refund() {
    let app = TestApp::start().await;
    app.post("/sandbox/notifications", &json!({"kind": "lost", "times": 100})).await;
    let paid = paid(&app).await;
    let first = refund(&app, &paid, 1000).await;
    app.advance_secs(120).await;
    let second = refund(&app, &paid, 1000).await;
    let late = Duration::seconds(20);
    answered(&tell(&app, &cancel(&paid, 1000, Some(second + late))).await, 200);
    assert_eq!(refunds(&app).await, [ours(1000, false), ours(1000, true)], "the nearer one");
    answered(&tell(&app, &cancel(&paid, 1000, Some(first + late))).await, 200);
    assert_eq!(refunds(&app).await, [ours(1000, true), ours(1000, true)]);
    assert_eq!(left(&app, &paid).await, 7900);
    // None of ours is left to be told of: this one was made elsewhere.
    let elsewhere = cancel(&paid, 1000, Some(second + Duration::seconds(30)));
    answered(&tell(&app, &elsewhere).await, 200);
    assert_eq!(left(&app, &paid).await, 6900);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_made_elsewhere_long_after_a_refund_of_ours_is_another() {
    let app = TestApp::start().await;
    app.post("/sandbox/notifications", &json!({"kind": "lost", "times": 100})).await;
    let paid = paid(&app).await;
    let at = refund(&app, &paid, 1000).await;
    app.advance_secs(3600).await;
    answered(&tell(&app, &cancel(&paid, 1000, Some(at + Duration::hours(1)))).await, 200);
    assert_eq!(left(&app, &paid).await, 7900);
    assert_eq!(refunds(&app).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_without_a_date_are_told_apart_by_their_arrival() {
    let app = TestApp::start().await;
    app.post("/sandbox/notifications", &json!({"kind": "lost", "times": 100})).await;
    let paid = paid(&app).await;
    refund(&app, &paid, 1000).await;
    for _ in 0..3 {
        answered(&tell(&app, &cancel(&paid, 1000, None)).await, 200);
        app.advance_secs(180).await;
    }
    assert_eq!(left(&app, &paid).await, 8900, "copies of one");
    app.advance_secs(3600).await;
    refund(&app, &paid, 1000).await;
    answered(&tell(&app, &cancel(&paid, 1000, None)).await, 200);
    assert_eq!(refunds(&app).await, [ours(1000, true), ours(1000, true)]);
    app.advance_secs(3600).await;
    answered(&tell(&app, &cancel(&paid, 1000, None)).await, 200);
    assert_eq!(left(&app, &paid).await, 6900, "made elsewhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_equal_refunds_in_one_second_are_both_told_of() {
    let app = TestApp::start().await;
    app.post("/sandbox/notifications", &json!({"kind": "lost", "times": 100})).await;
    let paid = paid(&app).await;
    let first = refund(&app, &paid, 1000).await;
    refund(&app, &paid, 1000).await;
    // The second call may have run into the next second.
    let sql = "update refunds set refunded_at = $1";
    sqlx::query(sql).bind(first).execute(&mut app.owner().await).await.unwrap();
    let same = cancel(&paid, 1000, Some(first));
    for _ in 0..4 {
        answered(&tell(&app, &same).await, 200);
    }
    assert_eq!(refunds(&app).await, [ours(1000, true), ours(1000, true)]);
    // So that one made elsewhere soon after is not taken for the second of them.
    answered(&tell(&app, &cancel(&paid, 1000, Some(first + Duration::seconds(90)))).await, 200);
    assert_eq!(left(&app, &paid).await, 6900);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_settles_no_refund_that_is_unknown() {
    let app = TestApp::start().await;
    app.post("/sandbox/notifications", &json!({"kind": "lost", "times": 100})).await;
    let paid = paid(&app).await;
    let first = refund(&app, &paid, 1000).await;
    app.fault(json!({"on": "CANCEL", "kind": "drop_before"})).await;
    let part = json!({"paymentId": paid.id, "amount": 1000});
    app.post("/billing/refund", &part).await.data(202);
    let told = cancel(&paid, 1000, Some(first));
    for _ in 0..3 {
        answered(&tell(&app, &told).await, 200);
    }
    let states: Vec<String> = sqlx::query_scalar("select state from refunds order by id")
        .fetch_all(&app.service.ctx.pool)
        .await
        .unwrap();
    assert_eq!(states, ["refunded", "unknown"], "KiwoomPay tells things twice: a person looks");
    let health = app.webhook_health().await;
    assert_eq!(health["status"], "degraded");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_word_of_a_refund_that_was_made_settles_none_that_is_unknown() {
    let app = TestApp::start().await;
    let mishap = json!({"kind": "shifted", "seconds": -40});
    paid_order(&app, "O-1", &mishap).await;
    let part = json!({"orderId": "O-1", "amount": 3000});
    // Nothing of the first one reaches the gateway's books.
    app.fault(json!({"on": "CANCEL", "kind": "drop_before"})).await;
    app.post("/easypay/cancel", &part).await.data(202);
    app.post("/easypay/cancel", &part).await.data(200);
    app.advance_secs(2).await;
    let told = status(&app, "O-1").await;
    assert_eq!(told["canceledAmount"], 3000, "as much as went back");
    assert_eq!(refunds(&app).await, [ours(3000, false), ours(3000, true)]);
    assert_eq!(app.ready().await["unknownOutcomes"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn which_of_equal_refunds_was_made_is_known_when_their_calls_are_answered() {
    let app = TestApp::with(&[("KIWOOM_TIMEOUT_SECS", "4")]).await;
    app.post("/sandbox/notifications", &json!({"kind": "lost", "times": 100})).await;
    let paid = paid(&app).await;
    // The first call comes to nothing that anybody hears of; the second is answered after a while.
    app.fault(json!({"on": "CANCEL", "kind": "delay_before", "delayMs": 60_000})).await;
    app.fault(json!({"on": "CANCEL", "kind": "delay_after", "delayMs": 1500})).await;
    let part = json!({"paymentId": paid.id, "amount": 1000});
    let refund = || app.post("/billing/refund", &part);
    let (first, (second, told)) = join(refund(), async {
        app.until_called("CANCEL", 1).await;
        join(refund(), async {
            app.until_called("CANCEL", 2).await;
            let sql = "select min(created_at) from refunds";
            let asked: DateTime<FixedOffset> =
                sqlx::query_scalar(sql).fetch_one(&app.service.ctx.pool).await.unwrap();
            let seoul = FixedOffset::east_opt(9 * 3600).unwrap();
            let earlier = asked.with_timezone(&seoul) - Duration::seconds(40);
            tell(&app, &cancel(&paid, 1000, Some(earlier))).await
        })
        .await
    })
    .await;
    answered(&told, 200);
    second.data(200);
    assert_eq!(first.data(202)["refund"]["status"], "unknown");
    assert_eq!(refunds(&app).await, [ours(1000, false), ours(1000, true)]);
    assert_eq!(left(&app, &paid).await, 7900, "one went back, one may have");
    let sql = "select verdict from notifications where kind = 'cancellation'";
    let verdicts: Vec<String> =
        sqlx::query_scalar(sql).fetch_all(&app.service.ctx.pool).await.unwrap();
    assert_eq!(verdicts, ["applied"]);
    assert_eq!(app.ready().await["unknownOutcomes"], 1);
}
