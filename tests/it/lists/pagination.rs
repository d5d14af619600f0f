//! Lists: pages by key, newest first, and what narrows them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{ids, page, walk};
use crate::support::app::{TestApp, card, one_off};
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, monthly};

#[tokio::test(flavor = "multi_thread")]
async fn twenty_seven_payments_come_in_pages_newest_first_each_exactly_once() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let mut made = Vec::new();
    for _ in 0..27 {
        made.push(app.pay(&key).await.data(200));
    }
    made.reverse();
    for (limit, sizes) in [
        (10, vec![10, 10, 7]),
        (9, vec![9, 9, 9]),
        (27, vec![27]),
        (26, vec![26, 1]),
        (100, vec![27]),
    ] {
        let pages = walk(&app, "/billing/payments", limit).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "limit {limit}");
        assert_eq!(pages.concat(), made, "limit {limit}");
    }
    assert_eq!(walk(&app, "/billing/payments", 1).await.concat(), made);
    let (items, cursor) = page(&app, "/billing/payments").await;
    assert_eq!(ids(&items), ids(&made[..20]));
    // What comes in between two pages moves nothing: the second page goes on after the first.
    app.pay(&key).await.data(200);
    let next = format!("/billing/payments?cursor={}", cursor.unwrap());
    let (items, cursor) = page(&app, &next).await;
    assert_eq!((ids(&items), cursor), (ids(&made[20..]), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_keys_and_refunds_page_alike() {
    let app = TestApp::start().await;
    let mut keys = Vec::new();
    for _ in 0..26 {
        keys.push(app.post("/billing/register", &card(APPROVED)).await.data(201));
    }
    let key = keys[0]["billingKey"].as_str().unwrap().to_owned();
    let mut subscriptions = Vec::new();
    for _ in 0..26 {
        subscriptions.push(app.subscribe(&key, 15).await);
    }
    let paid = app.pay(&key).await.data(200);
    let mut refunds = Vec::new();
    for _ in 0..26 {
        let body = json!({"paymentId": paid["id"], "amount": 100});
        refunds.push(app.post("/billing/refund", &body).await.data(200)["refund"].clone());
    }
    let of_payment = format!("/billing/refunds?paymentId={}", paid["id"].as_str().unwrap());
    for (path, mut made) in [
        ("/billing/keys?customerId=user123", keys),
        ("/billing/subscriptions", subscriptions),
        ("/billing/refunds", refunds.clone()),
        (&of_payment, refunds),
    ] {
        made.reverse();
        let pages = walk(&app, path, 13).await;
        assert_eq!(pages.len(), 2, "{path}");
        assert_eq!(pages.concat(), made, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_are_narrowed_by_customer_subscription_and_status() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let short = app.register(ALWAYS_SHORT).await;
    let mut stranger = card(APPROVED);
    stranger["customerId"] = json!("user124");
    let other = app.post("/billing/register", &stranger).await.data(201)["billingKey"].clone();
    let mut body = one_off(other.as_str().unwrap());
    body["customerId"] = json!("user124");
    let others = app.post("/billing/pay", &body).await.data(200);
    let whole = app.pay(&key).await.data(200);
    let part = app.pay(&key).await.data(200);
    let back = app.pay(&key).await.data(200);
    app.pay(&short).await.fails(402, "payment_declined");
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_after"})).await;
    let lost = app.pay(&key).await.data(202);
    app.post("/billing/refund", &json!({"paymentId": part["id"], "amount": 1})).await.data(200);
    app.post("/billing/refund", &json!({"paymentId": back["id"]})).await.data(200);
    let mut at_once = monthly(&key);
    at_once["chargeNow"] = json!(true);
    let made = app.post("/billing/subscribe", &at_once).await.data(201);

    let of_subscription = format!("subscriptionId={}", made["id"].as_str().unwrap());
    let (items, _) = page(&app, &format!("/billing/payments?{of_subscription}")).await;
    assert_eq!(items.len(), 1);
    let first = items[0]["id"].as_str().unwrap().to_owned();
    let id = |payment: &Value| payment["id"].as_str().unwrap().to_owned();
    let cases = [
        ("customerId=user124", vec![id(&others)]),
        ("customerId=nobody", vec![]),
        ("status=approved", vec![first.clone(), id(&whole), id(&others)]),
        ("status=approved&customerId=user124", vec![id(&others)]),
        ("status=partially_refunded", vec![id(&part)]),
        ("status=refunded", vec![id(&back)]),
        ("status=unknown", vec![id(&lost)]),
        ("status=pending", vec![]),
        ("status=approved&customerId=user123", vec![first, id(&whole)]),
    ];
    for (filter, expected) in cases {
        let (items, _) = page(&app, &format!("/billing/payments?{filter}")).await;
        assert_eq!(ids(&items), expected, "{filter}");
    }
    let (declined, _) = page(&app, "/billing/payments?status=declined").await;
    assert_eq!(declined.len(), 1);
    assert_eq!(
        (&declined[0]["status"], &declined[0]["billingKey"]),
        (&json!("declined"), &json!(short))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_are_narrowed_by_time_from_included_to_excluded() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(app.pay(&key).await.data(200));
        app.advance_days(10).await;
    }
    let at = |n: usize| made[n]["createdAt"].as_str().unwrap().replace('+', "%2B");
    let utc = |n: usize| {
        let instant: DateTime<Utc> = made[n]["createdAt"].as_str().unwrap().parse().unwrap();
        instant.to_rfc3339_opts(SecondsFormat::Millis, true)
    };
    let day = |n: usize| made[n]["createdAt"].as_str().unwrap()[..10].to_owned();
    let id = |n: usize| made[n]["id"].as_str().unwrap();
    let cases = [
        (format!("from={}", day(1)), vec![id(2), id(1)]),
        (format!("to={}", day(1)), vec![id(0)]),
        (format!("from={}&to={}", day(1), day(2)), vec![id(1)]),
        (format!("from={}&to={}", day(0), day(0)), vec![]),
        (format!("from={}&to={}", day(2), day(0)), vec![]),
        (format!("from={}", at(1)), vec![id(2), id(1)]),
        (format!("from={}", at(1).replace("%2B", "+")), vec![id(2), id(1)]),
        (format!("from={}&to={}", at(1).replace("%2B", "+"), at(2)), vec![id(1)]),
        (format!("to={}", utc(1)), vec![id(0)]),
        ("from=2000-01-01&to=2999-01-01".to_owned(), vec![id(2), id(1), id(0)]),
        ("from=2999-01-01".to_owned(), vec![]),
    ];
    for (filter, expected) in cases {
        let (items, _) = page(&app, &format!("/billing/payments?{filter}")).await;
        assert_eq!(ids(&items), expected, "{filter}");
        let csv = app.get(&format!("/billing/payments.csv?{filter}")).await.text;
        assert_eq!(csv.lines().count(), expected.len() + 1, "{filter}: {csv}");
    }
    for wrong in ["2027-03-10 12:00", "2027-03-10T12:00:00%20%2009:00", "2027-03-10T12:00:00 09"] {
        app.get(&format!("/billing/payments?from={wrong}")).await.fails(400, "invalid_request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_and_keys_are_narrowed_by_customer_plan_and_status() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let made = app.post("/billing/subscribe", &monthly(&key)).await.data(201);
    let paused = app.subscribe(&key, 1).await;
    app.turn(&paused["id"], "pause").await.data(200);
    let gone = app.subscribe(&key, 1).await;
    app.post("/billing/cancel", &json!({"subscriptionId": gone["id"]})).await.data(200);
    let id = |s: &Value| s["id"].as_str().unwrap().to_owned();
    let paused_plan = format!("planId={}", paused["planId"].as_str().unwrap());
    let cases = [
        ("planId=monthly", vec![id(&made)]),
        (&paused_plan, vec![id(&paused)]),
        ("planId=none", vec![]),
        ("status=active", vec![id(&made)]),
        ("status=paused", vec![id(&paused)]),
        ("status=canceled", vec![id(&gone)]),
        ("status=unpaid", vec![]),
        ("status=past_due", vec![]),
        ("customerId=user123", vec![id(&gone), id(&paused), id(&made)]),
        ("customerId=user124", vec![]),
        ("customerId=user123&status=paused&planId=monthly", vec![]),
    ];
    for (filter, expected) in cases {
        let (items, _) = page(&app, &format!("/billing/subscriptions?{filter}")).await;
        assert_eq!(ids(&items), expected, "{filter}");
    }
    let second = app.register(APPROVED).await;
    app.delete(&format!("/billing/key/{second}")).await.data(200);
    let (keys, _) = page(&app, "/billing/keys?customerId=user123").await;
    let keys: Vec<_> = keys.iter().map(|k| k["billingKey"].as_str().unwrap()).collect();
    assert_eq!(keys, [key]);
}

/// A charge that was not sent is taken back, also after it was the last one of a page.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_time_goes_on_after_a_payment_that_is_gone() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let paid = app.pay(&key).await.data(200)["id"].clone();
    let sending = "insert into payments (id, sender, order_no, kind, state, amount, product_name,
            customer_id, initiated_by, method, created_at, sent_at)
         select new_event_id(), sender, 'TAKEN-BACK', kind, 'sending', amount,
            product_name, customer_id, initiated_by, method, created_at + interval '1 second', now()
         from payments";
    let mut owner = app.owner().await;
    sqlx::query(sending).execute(&mut owner).await.unwrap();
    let path = format!("/billing/payments?limit=1&from={}", app.today());
    let first = app.get(&path).await.data(200);
    assert_eq!(first["items"][0]["orderId"], "TAKEN-BACK");
    let gone = sqlx::query("delete from payments where order_no = 'TAKEN-BACK'");
    gone.execute(&mut owner).await.unwrap();
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = app.get(&format!("{path}&cursor={cursor}")).await.data(200);
    assert_eq!(second["items"][0]["id"], paid);
}
