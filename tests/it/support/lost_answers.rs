//! Every way in which the answer to a call can be lost after the call was sent.

use serde_json::json;

use crate::support::app::TestApp;

/// The kind of fault, and whether the gateway did what it was asked to.
pub const LOST: &[(&str, bool)] = &[
    ("drop_before", false),
    ("drop_after", true),
    ("truncate", true),
    ("half_close", true),
    ("garbage", true),
    ("html", true),
    ("huge", true),
    ("status", true),
    ("redirect", false),
    ("wrong_token", true),
    ("wrong_amount", true),
    ("wrong_order", true),
    ("no_result_code", true),
    ("slow", true),
    ("delay_after", true),
];

/// Settings of a service that waits one second for the gateway.
pub const IMPATIENT: &[(&str, &str)] = &[("KIWOOM_TIMEOUT_SECS", "1")];

/// Loses the next answer to `on`, and the notification that would make up for it.
pub async fn lose(app: &TestApp, on: &str, kind: &str) {
    app.post("/sandbox/notifications", &json!({"kind": "lost"})).await;
    app.fault(json!({"on": on, "kind": kind, "delayMs": 3000, "status": 500})).await;
}

/// How many requests of this kind have reached the gateway.
pub async fn calls(app: &TestApp, step: &str) -> usize {
    let counters = app.get("/sandbox/calls").await.json()["counters"].clone();
    usize::try_from(counters[step].as_u64().unwrap_or(0)).unwrap()
}
