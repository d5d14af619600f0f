//! Who may tell, what cannot be stored, how fast the answer is, and charges that a notification
//! settles.

use std::time::Duration;

use futures::future::join_all;
use kiwoom_sandbox::CPID;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::Instant;

use crate::support::app::{Reply, TestApp, one_off, steady};
use crate::support::postgres::as_owner;
use crate::support::production::{Durable, MERCHANT, production};
use crate::support::window::{answered, paid, prepare, status, tell};

async fn from(app: &TestApp, address: &str, query: &str) -> Reply {
    let request = app.request(Method::GET, &format!("/webhook/noti?{query}"));
    app.send(request.header("X-Forwarded-For", address)).await
}

/// That the charge was made, as KiwoomPay would tell of it.
fn charged(transaction: &Value) -> String {
    let text = |name: &str| transaction[name].as_str().unwrap().to_owned();
    format!(
        "PAYMETHOD=CARD&CPID={CPID}&DAOUTRX={}&ORDERNO={}&AMOUNT={}&AUTHNO={}",
        text("transactionId"),
        text("orderNo"),
        transaction["amount"],
        text("authNo")
    )
}

async fn payments(app: &TestApp) -> i64 {
    let query = sqlx::query_scalar("select count(*) from payments");
    query.fetch_one(&app.service.ctx.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_replaces_the_built_in_addresses() {
    let settings =
        [("TRUSTED_PROXIES", "127.0.0.1"), ("WEBHOOK_ALLOWED_IPS", "198.51.100.0/24, 2001:db8::7")];
    let app = TestApp::with(&settings).await;
    prepare(&app, "O-1").await;
    let told = paid("O-1", "t1", 9900);
    for stranger in ["123.140.121.205", "27.102.213.200", "198.51.101.1", "2001:db8::8", "?"] {
        answered(&from(&app, stranger, &told).await, 403);
    }
    assert_eq!(status(&app, "O-1").await["status"], "ready");
    answered(&from(&app, "198.51.100.7", &told).await, 200);
    answered(&from(&app, "[2001:db8::7]:443", &told).await, 200);
    let health = app.webhook_health().await;
    // Strangers are counted, and are no trouble of ours.
    let expected = json!({
        "status": "ok", "database": "ok", "lastNotificationAt": "at",
        "notifications24h": 2, "rejected24h": 5, "review24h": 0, "unknownOutcomes": 0,
    });
    assert_eq!(steady(health), expected);
}

/// All of them are counted in one row.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_wait_for_each_other_leave_the_database_to_others() {
    let settings = [("TRUSTED_PROXIES", "127.0.0.1"), ("DATABASE_MAX_CONNECTIONS", "3")];
    let app = TestApp::with(&settings).await;
    answered(&from(&app, "198.51.100.7", "A=1").await, 403);
    let mut db = PgConnection::connect(app.setting("DATABASE_URL")).await.unwrap();
    let mut held = db.begin().await.unwrap();
    sqlx::query("select from notifications for update").execute(&mut *held).await.unwrap();
    let strangers = join_all((0..20).map(|_| from(&app, "198.51.100.7", "A=1")));
    let others = async {
        let waits = "select exists (select from pg_stat_activity where datname = current_database()
            and pg_backend_pid() = any(pg_blocking_pids(pid)))";
        while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut *held).await.unwrap() {
            tokio::task::yield_now().await;
        }
        for _ in 0..5 {
            app.get("/billing/payments").await.data(200);
        }
        held.rollback().await.unwrap();
    };
    let (replies, ()) = tokio::join!(strangers, others);
    for reply in &replies {
        answered(reply, 403);
    }
    assert_eq!(app.webhook_health().await["rejected24h"], 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_from_somebody_who_is_no_proxy_of_ours_is_not_read() {
    let app = TestApp::with(&[("TRUSTED_PROXIES", "10.0.0.0/8")]).await;
    prepare(&app, "O-1").await;
    // The peer is this machine, which development lets in.
    answered(&from(&app, "8.8.8.8", &paid("O-1", "t1", 9900)).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn production_lets_only_kiwoompays_addresses_in() {
    let durable = Durable::start().await;
    let settings = production(&durable.database);
    let told = paid("O-1", "t1", 9900).replace(CPID, MERCHANT);
    let app = TestApp::with(&settings).await;
    answered(&tell(&app, &told).await, 403);
    answered(&from(&app, "27.102.213.205", &told).await, 403);
    let behind_proxy = [&settings[..], &[("TRUSTED_PROXIES", "127.0.0.1")]].concat();
    let app = TestApp::with(&behind_proxy).await;
    answered(&tell(&app, &told).await, 403);
    answered(&from(&app, "123.140.121.205", &told).await, 403);
    answered(&from(&app, "27.102.213.210", &told).await, 403);
    answered(&from(&app, "27.102.213.205", &paid("O-1", "t1", 9900)).await, 400);
    answered(&from(&app, "27.102.213.205", &told).await, 404);
    assert_eq!(payments(&app).await, 0, "a notification never creates a payment");
    app.get("/sandbox").await.fails(404, "not_found");
    durable.stop().await;
}

async fn unreachable_from_now_on(app: &TestApp) {
    let pool = &app.service.ctx.pool;
    let name = "select current_database()::text";
    let name: String = sqlx::query_scalar(name).fetch_one(pool).await.unwrap();
    let owner = as_owner("postgres://localhost/postgres");
    let mut owner = PgConnection::connect(&owner).await.unwrap();
    for sql in [
        format!("alter database {name} allow_connections false"),
        format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"),
    ] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut owner).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_nothing_is_accepted() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    unreachable_from_now_on(&app).await;
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 503);
    answered(&tell(&app, "A=%FF%FE").await, 503);
    let health = app.get("/webhook/health").await;
    let expected = json!({"success": true, "data": {
        "status": "degraded", "database": "unavailable", "lastNotificationAt": null,
        "notifications24h": 0, "rejected24h": 0, "review24h": 0, "unknownOutcomes": 0,
    }});
    assert_eq!((health.status, health.json()), (503, expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_fast_while_two_hundred_charges_hang() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    prepare(&app, "O-1").await;
    let fault = json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 8000, "times": 200});
    app.fault(fault).await;
    let charges = join_all((0..200).map(|_| app.pay(&key)));
    let told = async {
        let patience = Instant::now() + Duration::from_secs(30);
        while app.ledger().await.len() < 64 {
            assert!(Instant::now() < patience, "the charges do not get to the gateway");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let started = Instant::now();
        answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
        started.elapsed()
    };
    let (paid, took) = tokio::join!(charges, told);
    assert!(took < Duration::from_secs(2), "{took:?}");
    let refused = paid.iter().filter(|reply| reply.status != 200);
    assert_eq!(refused.inspect(|reply| reply.fails(429, "rate_limited")).count(), 200 - 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_charge_is_settled_when_the_gateway_tells_of_it() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_after_notify"})).await;
    let payment = app.pay(&key).await.data(202);
    app.advance_secs(1).await;
    let path = format!("/billing/payment/{}", payment["id"].as_str().unwrap());
    let settled = app.get(&path).await.data(200);
    let made = &app.ledger().await[0];
    let public = &app.service.ctx.public_url;
    let id = made["transactionId"].as_str().unwrap();
    let page = "sandbox/common/PayInfoPrintDirectCard.jsp";
    let mut expected = payment.clone();
    expected["status"] = json!("approved");
    expected["refundableAmount"] = json!(9900);
    expected["transactionId"] = made["transactionId"].clone();
    expected["authNumber"] = made["authNo"].clone();
    expected["approvedAt"] = json!("at");
    expected["receiptUrl"] = json!(format!("{public}/{page}?DAOUTRX={id}&STATUS=A"));
    assert_eq!(steady(settled), steady(expected));
    assert_eq!(payments(&app).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_charge_that_was_unknown_makes_the_subscription_active() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_after"})).await;
    let body = json!({
        "billingKey": key, "customerId": "user123", "planId": "monthly", "amount": 9900,
        "productName": "월간 구독", "cycleDay": 15, "chargeNow": true,
    });
    let unknown = app.post("/billing/subscribe", &body).await;
    assert_eq!(unknown.status, 202, "{}", unknown.text);
    let list = "/billing/subscriptions?customerId=user123";
    assert_eq!(app.get(list).await.data(200)["items"], json!([]));
    let mut other_amount = app.ledger().await[0].clone();
    other_amount["amount"] = json!(99);
    answered(&tell(&app, &charged(&other_amount)).await, 409);
    assert_eq!(app.get(list).await.data(200)["items"], json!([]));
    for _ in 0..2 {
        answered(&tell(&app, &charged(&app.ledger().await[0])).await, 200);
    }
    let subscriptions = app.get(list).await.data(200)["items"].clone();
    let items = subscriptions.as_array().unwrap();
    assert_eq!((items.len(), &items[0]["status"]), (1, &json!("active")));
    assert_eq!((app.ledger().await.len(), payments(&app).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_charge_that_was_made_after_all_is_approved() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "decline", "code": "2003"})).await;
    let mut body = one_off(&key);
    body["orderId"] = json!("C-1");
    app.post("/billing/pay", &body).await.fails(402, "payment_declined");
    let told = paid("C-1", "t1", 9900).replace("KAKAOPAY", "CARD");
    answered(&tell(&app, &told).await, 200);
    let payment = app.get("/billing/payment/C-1").await.data(200);
    let seen = (&payment["status"], &payment["method"], &payment["failure"]);
    assert_eq!(seen, (&json!("approved"), &json!("CARD"), &Value::Null));
    let failed = told.clone() + "&RESULTCODE=2003";
    answered(&tell(&app, &failed).await, 409);
    assert_eq!(app.get("/billing/payment/C-1").await.data(200), payment);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_try_told_after_the_payment_changes_nothing() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    answered(&tell(&app, &paid("O-1", "t2", 9900)).await, 200);
    let before = status(&app, "O-1").await;
    for id in ["t1", ""] {
        let failed = paid("O-1", id, 9900) + "&RESULTCODE=2003";
        answered(&tell(&app, &failed).await, 200);
    }
    assert_eq!(status(&app, "O-1").await, before);
    let same = paid("O-1", "t2", 9900) + "&RESULTCODE=2003";
    answered(&tell(&app, &same).await, 409);
    assert_eq!(status(&app, "O-1").await, before);
}
