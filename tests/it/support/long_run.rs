//! Years of billing while the merchant's receiver of events fails, hangs and restarts.

use std::ops::Deref;

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
