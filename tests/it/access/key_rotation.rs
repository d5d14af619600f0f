//! From one API key to the next while requests run: none fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{OF_SETTINGS, id, keys, made};
use crate::support::app::{TestApp, card};
use crate::support::subscriptions::APPROVED;

const WORKERS: usize = 12;

/// What the requests of one worker came to.
#[derive(Default)]
struct Tally {
    asked: AtomicUsize,
    charged: AtomicUsize,
    with_new: AtomicUsize,
}

async fn until(reached: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !reached() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Lists and charges with whatever key is in use until there is none.
async fn work(
    app: Arc<TestApp>,
    tally: Arc<Tally>,
    in_use: watch::Receiver<Option<String>>,
    (card, old): (String, String),
) {
    loop {
        let Some(key) = in_use.borrow().clone() else { return };
        app.with_key(&key, Method::GET, "/billing/payments").await.data(200);
        let order = uuid::Uuid::now_v7().simple().to_string();
        let body = json!({
            "billingKey": card, "customerId": "user123", "amount": 100, "productName": "단건 결제",
            "orderId": order,
        });
        let request = app.request(Method::POST, "/billing/pay").json(&body).bearer_auth(&key);
        let paid = app.send(request.header("idempotency-key", order)).await.data(200);
        assert_eq!(paid["status"], "approved");
        tally.asked.fetch_add(2, Ordering::SeqCst);
        tally.charged.fetch_add(1, Ordering::SeqCst);
        if key != old {
            tally.with_new.fetch_add(2, Ordering::SeqCst);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_replaced_under_load_without_one_failed_request() {
    let app = TestApp::with(&[("API_KEYS", OF_SETTINGS)]).await;
    let url = app.owner_url();
    let request = app.request(Method::POST, "/billing/register");
    let request = request.json(&card(APPROVED)).bearer_auth(OF_SETTINGS);
    let card = app.send(request).await.data(201)["billingKey"].as_str().unwrap().to_owned();
    let old = made(&url, "read,charge");
    let (app, tally) = (Arc::new(app), Arc::new(Tally::default()));
    let (switch, in_use) = watch::channel(Some(old.clone()));
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let given = (card.clone(), old.clone());
        workers.spawn(work(app.clone(), tally.clone(), in_use.clone(), given));
    }
    until(|| tally.asked.load(Ordering::SeqCst) >= 100).await;
    // All workers present the new key at once, before this process has read it.
    let new = made(&url, "read,charge");
    switch.send(Some(new.clone())).unwrap();
    until(|| tally.with_new.load(Ordering::SeqCst) >= 100).await;
    assert_eq!(keys(&url, &["revoke", id(&old)]).code, Some(0));
    app.until_refused(&old).await;
    let so_far = tally.with_new.load(Ordering::SeqCst);
    until(|| tally.with_new.load(Ordering::SeqCst) >= so_far + 100).await;
    switch.send(None).unwrap();
    while let Some(done) = workers.join_next().await {
        done.expect("no request failed");
    }
    assert_eq!(app.ledger().await.len(), tally.charged.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_whose_answer_was_lost_is_not_made_again_when_it_is_repeated_with_the_new_key() {
    let app = TestApp::with(&[("API_KEYS", OF_SETTINGS)]).await;
    let url = app.owner_url();
    let request = app.request(Method::POST, "/billing/register");
    let request = request.json(&card(APPROVED)).bearer_auth(OF_SETTINGS);
    let card = app.send(request).await.data(201)["billingKey"].clone();
    let body = json!({
        "billingKey": card, "customerId": "user123", "amount": 100, "productName": "단건 결제",
    });
    let pay = |key: String| {
        let request = app.request(Method::POST, "/billing/pay").json(&body).bearer_auth(key);
        app.send(request.header("idempotency-key", "a-request-of-the-shop"))
    };
    let old = made(&url, "read,charge");
    let first = pay(old.clone()).await;
    first.data(200);
    let mut key = old.clone();
    for _ in 0..2 {
        let told = keys(&url, &["new", "--replaces", id(&key)]);
        assert_eq!(told.code, Some(0), "{}", told.err);
        assert!(told.err.contains("shop  read,charge"), "{}", told.err);
        assert_eq!(keys(&url, &["revoke", id(&key)]).code, Some(0));
        key = told.out.trim_end().to_owned();
        assert_eq!(pay(key.clone()).await.text, first.text);
    }
    assert_eq!(app.ledger().await.len(), 1);
    let other = made(&url, "read,charge");
    assert_ne!(pay(other).await.text, first.text, "a key of its own");
    for (arguments, said) in [
        (["new", "--replaces", "kbk_0123456789ab"], "there is no such API key"),
        (["new", "--replaces", old.as_str()], "a public id is needed"),
    ] {
        let told = keys(&url, &arguments);
        assert_eq!((told.code, told.err.contains(said)), (Some(1), true), "{}", told.err);
        assert!(!told.err.contains(&old[17..]));
    }
}
