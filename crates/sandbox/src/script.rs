//! `/faults`: scripting what the next answers do wrong.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::fault::Fault;
use crate::{Sandbox, arguments, lock, reply, wire};

/// Fields of a fault that are whole numbers.
const NUMBERS: [&str; 3] = ["times", "delayMs", "status"];

/// `GET /faults`: what is pending.
pub async fn list(State(sandbox): State<Arc<Sandbox>>) -> Response {
    pending(&sandbox)
}

/// `POST /faults`: `{"faults":[…]}`, or one fault by itself. All of them are taken, or none. The
/// page's form posts the fields of one fault and is sent back to the page.
pub async fn add(State(sandbox): State<Arc<Sandbox>>, headers: HeaderMap, body: Bytes) -> Response {
    let is_form = wire::is_form(&headers);
    let faults = if is_form { of_form(&body).map(|fault| vec![fault]) } else { parse(&body) };
    match faults.and_then(|faults| lock(&sandbox.faults).add(faults)) {
        Ok(()) if is_form => Redirect::to("/sandbox").into_response(),
        Ok(()) => pending(&sandbox),
        Err(message) => reply::invalid(&message),
    }
}

/// `DELETE /faults`: forgets what is pending.
pub async fn clear(State(sandbox): State<Arc<Sandbox>>) -> Response {
    lock(&sandbox.faults).clear();
    pending(&sandbox)
}

/// `POST /faults/clear`: the same for the page's button, which is sent back to the page.
pub async fn clear_from_page(State(sandbox): State<Arc<Sandbox>>) -> Response {
    lock(&sandbox.faults).clear();
    Redirect::to("/sandbox").into_response()
}

/// The fault that the page's form describes: what was left empty is absent.
fn of_form(body: &[u8]) -> Result<Fault, String> {
    let mut fields = Map::new();
    for (name, text) in form_urlencoded::parse(body).filter(|(_, text)| !text.trim().is_empty()) {
        let number = NUMBERS.contains(&&*name).then(|| text.trim().parse::<u64>().ok()).flatten();
        fields
            .insert(name.into_owned(), number.map_or_else(|| json!(text), |number| json!(number)));
    }
    Fault::parse(&Value::Object(fields))
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
