//! Years of billing while the merchant's receiver of events fails, hangs and restarts: what was
//! foretold, what was charged, and what the receiver was told of.

use std::ops::Deref;

use chrono::NaiveDate;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::support::app::TestApp;
use crate::support::receiver::{Mood, Receiver};

pub struct LongRun {
    app: TestApp,
    receiver: Receiver,
    restart: JoinHandle<()>,
}

impl Deref for LongRun {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl LongRun {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these settings besides. Of three deliveries one goes wrong, until sixty are made.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let receiver = Receiver::start().await;
        let app = receiver.app_with(settings).await;
        let bad = [Mood::Fails, Mood::TakesAndFails, Mood::Redirects];
        let mood = |n: usize| if n == 1 { Mood::Hangs } else { bad[n / 3 % 3] };
        receiver.moods((0..60).map(|n| (n % 3 == 1).then(|| mood(n))));
        let restart = receiver.restarts_after(4);
        Self { app, receiver, restart }
    }

    /// Day and amount of each charge that the receiver was told of, in order of time. It was told of
    /// all events, unaltered, and of those of one subscription in their order.
    pub async fn told(&self) -> Vec<(String, i64)> {
        self.receiver.until_delivered(&self.app).await;
        assert!(self.restart.is_finished(), "it was away");
        let (taken, listed) = (self.receiver.taken(), self.app.events().await);
        for stream in listed.iter().map(|e| &e["subscriptionId"]).filter(|id| id.is_string()) {
            assert_eq!(of(&taken, stream), of(&listed, stream));
        }
        assert_eq!(taken.len(), listed.len());
        assert!(self.receiver.calls() > taken.len(), "some were tried again");
        let approved = taken.iter().filter(|event| event["type"] == "payment.approved");
        let mut told: Vec<_> = approved.map(charge).collect();
        told.sort();
        told
    }
}

fn of<'a>(events: &'a [Value], stream: &Value) -> Vec<&'a Value> {
    events.iter().filter(|event| event["subscriptionId"] == *stream).collect()
}

fn charge(event: &Value) -> (String, i64) {
    let day = &event["timestamp"].as_str().unwrap()[..10];
    assert_eq!(day, &event["data"]["approvedAt"].as_str().unwrap()[..10]);
    (day.to_owned(), event["data"]["amount"].as_i64().unwrap())
}

pub async fn forecast(app: &TestApp, until: NaiveDate) -> Vec<Value> {
    let path = format!("/billing/forecast?until={until}&limit=100");
    app.get(&path).await.data(200)["items"].as_array().unwrap().clone()
}

/// Day and amount of each charge, in order of time.
pub fn charges(forecast: &[Value]) -> Vec<(String, i64)> {
    let all = forecast.iter().flat_map(|item| item["charges"].as_array().unwrap());
    let told = |c: &Value| (c["date"].as_str().unwrap().to_owned(), c["amount"].as_i64().unwrap());
    let mut charges: Vec<_> = all.map(told).collect();
    charges.sort();
    charges
}

/// The same of what the gateway's ledger holds.
pub async fn charged(app: &TestApp) -> Vec<(String, i64)> {
    let told = |t: &Value| {
        let day = t["approvedAt"].as_str().unwrap()[..10].to_owned();
        (day, t["amount"].as_i64().unwrap())
    };
    let mut charged: Vec<_> = app.ledger().await.iter().map(told).collect();
    charged.sort();
    charged
}
