//! What reached the sandbox, and the ways in which its answer can be lost.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::support::app::{Reply, TestApp};

/// Every way in which an answer can be lost after the call was sent: the kind of fault, and whether
/// the gateway did what it was asked to.
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

/// Settings of a service that waits four seconds for the gateway, two of them for step 1.
pub const IMPATIENT: &[(&str, &str)] = &[("KIWOOM_TIMEOUT_SECS", "4")];

/// Loses the next answer to `on`, and the notification that would make up for it.
pub async fn lose(app: &TestApp, on: &str, kind: &str) {
    app.post("/sandbox/notifications", &json!({"kind": "lost"})).await;
    app.fault(json!({"on": on, "kind": kind, "delayMs": 6000, "status": 500})).await;
}

/// How many requests of a step have reached the sandbox, declined ones too, by its `/sandbox/calls`.
pub fn counted(calls: &Reply, step: &str) -> usize {
    usize::try_from(calls.json()["counters"][step].as_u64().unwrap_or(0)).unwrap()
}

impl TestApp {
    /// How many requests of a step have reached the sandbox, declined ones too.
    pub async fn calls(&self, step: &str) -> usize {
        counted(&self.get("/sandbox/calls").await, step)
    }

    /// Waits until the sandbox has been asked this often.
    pub async fn until_called(&self, step: &str, wanted: usize) {
        for _ in 0..1000 {
            if self.calls(step).await >= wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{step} was not called");
    }

    /// The step-2 requests of one kind as they arrived, oldest first.
    pub async fn requests(&self, step: &str) -> Vec<Value> {
        let calls = self.get("/sandbox/calls").await.json()["calls"].clone();
        calls.as_array().unwrap().iter().filter(|call| call["step"] == step).cloned().collect()
    }
}

/// The body as its receiver reads it, after checking that it is CP949 and declared as such.
#[track_caller]
pub fn fields(call: &Value) -> Map<String, Value> {
    assert_eq!(call["contentType"], "application/json;charset=EUC-KR", "{call}");
    let bytes = hex::decode(call["bodyHex"].as_str().unwrap()).unwrap();
    let text = encoding_rs::EUC_KR.decode_without_bom_handling_and_without_replacement(&bytes);
    let fields: Map<String, Value> = serde_json::from_str(&text.expect("CP949")).unwrap();
    assert!(fields.values().all(Value::is_string), "{fields:?}");
    fields
}
