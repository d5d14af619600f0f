//! An event of a subscription carries what the answer of the API carries.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::subscriptions::{SHORT_AT_FIRST, monthly};

/// The newest change of a subscription: its type. Its data are the subscription as it is answered now. A
/// notice tells more, and comes when the schedule looks.
async fn newest(app: &TestApp, id: &Value) -> String {
    let events = app.events().await;
    let of_it = |e: &&Value| {
        let kind = e["type"].as_str().unwrap();
        kind.starts_with("subscription.") && kind != "subscription.renewal_upcoming"
    };
    let newest = events.iter().rev().filter(of_it).find(|e| e["data"]["id"] == *id).unwrap();
    assert_eq!(newest["data"], app.subscription(id).await, "{}", newest["type"]);
    newest["type"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn phases_proration_kept_days_and_open_charges_too() {
    let app = TestApp::start().await;
    app.advance_to("2027-03-10T12:00:00+09:00").await;
    let mut body = monthly(&app.register(SHORT_AT_FIRST).await);
    body.as_object_mut().unwrap().remove("amount");
    body["phases"] = json!([{"cycles": 1, "amount": 100}, {"amount": 9900}]);
    body["proration"] = json!("full");
    let made = app.post("/billing/subscribe", &body).await.data(201);
    let id = &made["id"];
    assert_eq!((&made["phases"], &made["proration"]), (&body["phases"], &json!("full")));
    assert_eq!(newest(&app, id).await, "subscription.created");

    app.advance_to("2027-03-15T10:00:00+09:00").await;
    let open = json!({"amount": 100, "periodStart": "2027-03-15", "periodEnd": "2027-04-15"});
    assert_eq!(app.subscription(id).await["openCharge"], open);
    assert_eq!(newest(&app, id).await, "subscription.past_due");
    app.advance_to("2027-03-16T10:00:00+09:00").await;
    assert_eq!(newest(&app, id).await, "subscription.recovered");

    app.turn(id, "pause").await.data(200);
    assert_eq!(app.subscription(id).await["keptDays"], 30);
    assert_eq!(newest(&app, id).await, "subscription.paused");
    let path = format!("/billing/subscription/{}/extend", id.as_str().unwrap());
    app.post(&path, &json!({"days": 3, "reason": "장애 보상"})).await.data(200);
    assert_eq!(app.subscription(id).await["keptDays"], 33);
    assert_eq!(newest(&app, id).await, "subscription.updated", "free days while it is paused");
    let trail = app.get("/audit").await.data(200)["items"][0].clone();
    assert_eq!(trail["changes"]["keptDays"], json!({"before": 30, "after": 33}), "{trail}");
    assert_eq!(trail["reason"], "장애 보상");
    app.turn(id, "resume").await.data(200);
    assert_eq!(newest(&app, id).await, "subscription.resumed");
}
