//! `/clock`: reading the clock and moving it forward.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::{Sandbox, reply, wire};
use kiwoom_clock::rfc3339_kst;

/// How far ahead the clock may be moved at once: ten years and a little.
const MAX_DAYS: i64 = 3_700;

/// `GET /clock`.
pub async fn read(State(sandbox): State<Arc<Sandbox>>) -> Response {
    shown(&sandbox)
}

/// `POST /clock`: `{"advanceDays":31}` or `{"now":"…"}`; answers once everything due has happened.
/// The page's form posts `advanceDays` and is sent back to the page.
pub async fn advance(
    State(sandbox): State<Arc<Sandbox>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let is_form = wire::is_form(&headers);
    let asked = if is_form { parse_form(&body) } else { serde_json::from_slice(&body).ok() };
    let Some(asked) = asked else {
        return reply::invalid("본문이 올바른 JSON이 아닙니다.");
    };
    // The walk outlives an impatient caller: half a walk would leave the clock where it was not
    // asked to be.
    let walk = tokio::spawn(async move { move_clock(&sandbox, &asked).await });
    match walk.await {
        Ok(moved) if is_form && moved.status() == StatusCode::OK => {
            Redirect::to("/sandbox").into_response()
        }
        Ok(moved) => moved,
        Err(_) => failed("시계를 옮기는 중에 오류가 발생했습니다."),
    }
}

async fn move_clock(sandbox: &Sandbox, asked: &Value) -> Response {
    let _one_at_a_time = sandbox.advancing.lock().await;
    let target = match target(sandbox.now(), asked) {
        Ok(target) => target,
        Err(message) => return reply::invalid(&message),
    };
    match walk(sandbox, target).await {
        Ok(()) => shown(sandbox),
        Err(message) => failed(&message),
    }
}

/// Moves the clock from one notification that is due to the next, up to `target`.
///
/// The service's own walk in between knows nothing of notifications; without these stops a
/// re-send due in three minutes would come a month late.
async fn walk(sandbox: &Sandbox, target: DateTime<Utc>) -> Result<(), String> {
    loop {
        sandbox.run_due().await;
        let now = sandbox.now();
        // One that is still due could not be sent just now, and will not be by standing here.
        let stop = sandbox.next_due().filter(|due| *due > now && *due < target);
        (sandbox.options.advance_clock)(stop.unwrap_or(target)).await?;
        if stop.is_none() {
            sandbox.run_due().await;
            return Ok(());
        }
    }
}

/// The instant that was asked for.
fn target(now: DateTime<Utc>, asked: &Value) -> Result<DateTime<Utc>, String> {
    match (asked.get("advanceDays"), asked.get("now")) {
        (Some(days), None) => match days.as_i64() {
            Some(days) if (1..=MAX_DAYS).contains(&days) => Ok(now + Duration::days(days)),
            _ => Err(format!("advanceDays는 1 이상 {MAX_DAYS} 이하의 정수여야 합니다.")),
        },
        (None, Some(Value::String(text))) => {
            let Ok(instant) = DateTime::parse_from_rfc3339(text) else {
                return Err(
                    "now는 RFC 3339 형식이어야 합니다(예: 2026-02-15T10:00:00+09:00).".into()
                );
            };
            let instant = instant.to_utc();
            if instant < now {
                return Err("시계를 과거로 되돌릴 수 없습니다.".to_owned());
            }
            if instant > now + Duration::days(MAX_DAYS) {
                return Err(format!("시계는 한 번에 {MAX_DAYS}일까지만 옮길 수 있습니다."));
            }
            Ok(instant)
        }
        _ => Err("advanceDays(정수) 또는 now(RFC 3339) 중 하나를 보내 주세요.".to_owned()),
    }
}

fn parse_form(body: &[u8]) -> Option<Value> {
    let (_, days) = url::form_urlencoded::parse(body).find(|(name, _)| name == "advanceDays")?;
    Some(json!({ "advanceDays": days.trim().parse::<i64>().ok() }))
}

fn shown(sandbox: &Sandbox) -> Response {
    reply::json(&json!({ "now": rfc3339_kst(sandbox.now()) }))
}

fn failed(message: &str) -> Response {
    reply::error(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_moves_forward_are_taken() {
        let now = DateTime::from_timestamp(1_770_000_000, 0).expect("in range");
        let moved = target(now, &json!({ "advanceDays": 31 })).expect("a sane move");
        assert_eq!(moved - now, Duration::days(31));
        let same = target(now, &json!({ "now": now.to_rfc3339() }));
        assert_eq!(same, Ok(now));
        for wrong in [
            json!({}),
            json!([]),
            json!({ "advanceDays": 0 }),
            json!({ "advanceDays": -1 }),
            json!({ "advanceDays": 1.5 }),
            json!({ "advanceDays": "31" }),
            json!({ "advanceDays": 3701 }),
            json!({ "advanceDays": i64::MAX }),
            json!({ "now": "2026-01-01" }),
            json!({ "now": "2020-01-01T00:00:00+09:00" }),
            json!({ "now": "2999-01-01T00:00:00+09:00" }),
            json!({ "now": 1 }),
            json!({ "advanceDays": 1, "now": "2999-01-01T00:00:00+09:00" }),
        ] {
            assert!(target(now, &wrong).is_err(), "{wrong}");
        }
    }
}
