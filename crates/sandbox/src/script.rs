//! `/faults`: scripting what the next answers do wrong.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::{Sandbox, arguments, lock, reply};

/// `GET /faults`: what is pending.
pub async fn list(State(sandbox): State<Arc<Sandbox>>) -> Response {
    pending(&sandbox)
}

/// `POST /faults`: `{"faults":[…]}`, or one fault by itself. All of them are taken, or none.
pub async fn add(State(sandbox): State<Arc<Sandbox>>, body: Bytes) -> Response {
    let added = parse(&body).and_then(|faults| lock(&sandbox.faults).add(faults));
    match added {
        Ok(()) => pending(&sandbox),
        Err(message) => reply::invalid(&message),
    }
}

/// `DELETE /faults`: forgets what is pending.
pub async fn clear(State(sandbox): State<Arc<Sandbox>>) -> Response {
    lock(&sandbox.faults).clear();
    pending(&sandbox)
}

fn parse(body: &[u8]) -> Result<Vec<Fault>, String> {
    let value = arguments::parse(body)?;
    match value.get("faults") {
        None => Ok(vec![Fault::parse(&value)?]),
        Some(Value::Array(faults)) => faults.iter().map(Fault::parse).collect(),
        Some(_) => Err("faults는 배열이어야 합니다.".to_owned()),
    }
}

fn pending(sandbox: &Sandbox) -> Response {
    reply::json(&json!({ "faults": lock(&sandbox.faults).shown() }))
}
