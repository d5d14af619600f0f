//! Subscriptions: the sandbox's cards, and what a caller does.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp};

pub const APPROVED: &str = "4111111111111111";
pub const SHORT_AT_FIRST: &str = "4000000000009995";
pub const ALWAYS_SHORT: &str = "4000000000000341";
pub const STOLEN: &str = "4000000000009979";
pub const ANSWER_LOST: &str = "4000000000000119";

impl TestApp {
    /// The subscription as it is now.
    pub async fn subscription(&self, id: &Value) -> Value {
        let path = format!("/billing/subscription/{}", id.as_str().unwrap());
        self.get(&path).await.data(200)
    }

    /// Its status alone.
    pub async fn status(&self, id: &Value) -> String {
        self.subscription(id).await["status"].as_str().unwrap().to_owned()
    }

    pub async fn pay_period(&self, id: &Value) -> Reply {
        self.post("/billing/pay", &json!({"subscriptionId": id})).await
    }

    /// Today's date by the sandbox's clock.
    pub fn today(&self) -> NaiveDate {
        self.service.ctx.clock.today()
    }

    /// The dates on which the ledger holds a payment, oldest first.
    pub async fn charged_on(&self) -> Vec<String> {
        let day = |t: Value| t["approvedAt"].as_str().unwrap()[..10].to_owned();
        self.ledger().await.into_iter().map(day).collect()
    }

    /// Moves to ten o'clock of a date, when the schedule charges.
    pub async fn advance_to_charge(&self, date: &Value) {
        self.advance_to(&format!("{}T10:00:00+09:00", date.as_str().unwrap())).await;
    }

    /// Pauses, or resumes; the answer.
    pub async fn turn(&self, id: &Value, what: &str) -> Reply {
        let path = format!("/billing/subscription/{}/{what}", id.as_str().unwrap());
        self.post(&path, &json!({})).await
    }

    pub async fn change(&self, id: &Value, body: &Value) -> Reply {
        self.patch(&format!("/billing/subscription/{}", id.as_str().unwrap()), body).await
    }

    /// The customer consents, on a form.
    pub async fn consent(&self, id: &Value, amount: i64) -> Reply {
        self.consent_with(id, &json!({"amount": amount, "method": "checkbox"})).await
    }

    pub async fn consent_with(&self, id: &Value, body: &Value) -> Reply {
        self.post(&format!("/billing/subscription/{}/consent", id.as_str().unwrap()), body).await
    }

    pub async fn consents(&self, id: &Value) -> Vec<Value> {
        let path = format!("/billing/subscription/{}/consents", id.as_str().unwrap());
        self.get(&path).await.data(200)["items"].as_array().unwrap().clone()
    }

    pub async fn raise(&self, id: &Value, amount: i64) -> Value {
        self.change(id, &json!({ "amount": amount })).await.data(200)
    }
}

/// A subscription to a plan called `monthly`.
pub fn monthly(key: &str) -> Value {
    json!({
        "billingKey": key, "customerId": "user123", "planId": "monthly", "amount": 9900,
        "productName": "월간 구독", "cycleDay": 15,
    })
}

/// A subscription whose first renewal has just been tried; the day.
pub async fn renewed_with(app: &TestApp, card: &str) -> (Value, NaiveDate) {
    let key = app.register(card).await;
    let made = app.subscribe(&key, 15).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    (made["id"].clone(), made["nextBillingDate"].as_str().unwrap().parse().unwrap())
}
