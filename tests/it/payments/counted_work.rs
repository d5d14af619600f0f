//! What one charge costs PostgreSQL, counted: each statement takes time on both sides, and each commit
//! waits for a disk. A statement more is a decision, which is made here.

use kiwoom_billing::access::api_keys::Scope;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;

use crate::support::app::{Reply, TestApp, card, one_off};
use crate::support::postgres;
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, monthly};
use crate::support::tap::Tap;
use crate::support::window::{answered, paid, prepare, tell};

const APPROVED_CHARGE: &[&str] = &[
    "insert into idempotency_keys",
    "select from billing_keys",
    // The intent.
    "insert into payments",
    // The outcome, with what follows from it and the answer: approve_charge().
    "select",
];

/// A subscription is read in one statement, which begins with its phases, and written with its charges and
/// segments in one.
const PAID_PERIOD: &[&str] = &[
    "select from subscription_phases",
    "select from billing_keys",
    // The intent.
    "begin",
    "select",
    "select from subscriptions",
    "select from subscription_phases",
    "with",
    "select from payments",
    "insert into payments",
    "commit",
    // The outcome: nobody has written the subscription since, so it is not read.
    "begin",
    "select",
    "select from subscriptions",
    "update payments",
    "with",
    "select from notifications",
    "commit",
    // The answer.
    "select from subscription_phases",
];

/// The credit of a payment is read with it.
const PAID_ORDER: &[&str] = &[
    "select from subscription_charges",
    "begin",
    "select",
    "select from subscription_charges",
    "select from payments",
    "update payments",
    "update payments",
    "select from notifications",
    "insert into notifications",
    "commit",
];

async fn send(app: &TestApp, api_key: &str, path: &str, body: &Value) -> Reply {
    let request = app.request(Method::POST, path).json(body).bearer_auth(api_key);
    let key = uuid::Uuid::now_v7().to_string();
    app.send(request.header("idempotency-key", key)).await
}

/// A service without a schedule, and what it asks the database.
async fn tapped() -> (Tap, TestApp) {
    let tap = Tap::to(&postgres::new_database().await).await;
    let settings = [("DATABASE_URL", tap.url.as_str()), ("SCHEDULER_ENABLED", "false")];
    let app = TestApp::with(&settings).await;
    (tap, app)
}

/// What the service does beside it is in some of them, and never in all.
fn least(seen: Vec<Vec<String>>) -> Vec<String> {
    seen.into_iter().min_by_key(Vec::len).unwrap()
}

async fn registered(app: &TestApp, api_key: &str, number: &str) -> String {
    let card = send(app, api_key, "/billing/register", &card(number)).await.data(201);
    card["billingKey"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_charge_takes_four_statements() {
    let (tap, app) = tapped().await;
    let api_key = app.key(&[Scope::Charge]).await;
    let billing_key = registered(&app, &api_key, APPROVED).await;
    let mut seen = vec![];
    for _ in 0..20 {
        tap.take();
        send(&app, &api_key, "/billing/pay", &one_off(&billing_key)).await.data(200);
        seen.push(tap.take());
    }
    assert_eq!(least(seen), APPROVED_CHARGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_period_takes_eighteen_statements() {
    let (tap, app) = tapped().await;
    let card = app.register(APPROVED).await;
    let mut made = vec![];
    for number in 0..20 {
        let mut body = monthly(&card);
        body["planId"] = json!(format!("plan-{number}"));
        made.push(app.post("/billing/subscribe", &body).await.data(201)["id"].clone());
    }
    app.advance_days(40).await;
    let mut seen = vec![];
    for id in made {
        tap.take();
        app.pay_period(&id).await.data(200);
        seen.push(tap.take());
    }
    assert_eq!(least(seen), PAID_PERIOD);
}

/// What tells of the money is kept and applied in one transaction: it waits once for the disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_notification_takes_one_commit() {
    let (tap, app) = tapped().await;
    let told = async |order: &str, transaction: &str| {
        tap.take();
        answered(&tell(&app, &paid(order, transaction, 9900)).await, 200);
        tap.take()
    };
    let card = app.register(APPROVED).await;
    let (mut orders, mut charges) = (vec![], vec![]);
    for number in 0..20 {
        let order = format!("O-{number}");
        prepare(&app, &order).await;
        orders.push(told(&order, &format!("t{number}")).await);
        let charge = app.pay(&card).await.data(200);
        let text = |name: &str| charge[name].as_str().unwrap();
        charges.push(told(text("orderId"), text("transactionId")).await);
    }
    assert_eq!(least(orders), PAID_ORDER);
    let known = ["select from subscription_charges", "insert into notifications"];
    assert_eq!(least(charges), known);
}

/// Nothing is left to do when the outcome is committed: a process that dies then has answered.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_committed_with_its_answer() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    sqlx::raw_sql(
        "create function answered() returns trigger language plpgsql as $$ begin
            if not exists (select from idempotency_keys where id = new.id and status = 200)
            then raise exception 'paid, and not answered'; end if;
            return null;
         end $$;
         create constraint trigger answered after update on payments deferrable initially deferred
            for each row when (new.state = 'approved') execute function answered()",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    owner.close().await.unwrap();
    let key = app.register(APPROVED).await;
    let charge = || {
        let request = app.request(Method::POST, "/billing/pay").json(&one_off(&key));
        app.send(request.header("idempotency-key", "once"))
    };
    let first = charge().await;
    assert_eq!(first.data(200)["status"], "approved");
    let again = charge().await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(first.headers["content-type"], again.headers["content-type"]);
    assert_eq!(app.ledger().await.len(), 1);
    let declined = app.pay(&app.register(ALWAYS_SHORT).await).await;
    declined.fails(402, "payment_declined");
}
