//! A buyer of the hosted window, with what happens to the notifications of the order.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::simulate::Failure;
use crate::simulate::diary::Note;
use crate::simulate::merchant::insist;
use crate::simulate::plan::Cancel;
use crate::simulate::reach::Reach;

const APART: Duration = Duration::from_millis(2_010);
const FORM: &str = "application/x-www-form-urlencoded";

/// Prepares an order, pays it in the window, and perhaps gives some of it back. What was to
/// happen to a notification that never came happens to no other.
pub async fn order(
    reach: &Reach,
    amount: u32,
    mishap: Option<&'static str>,
    cancel: Option<Cancel>,
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    let ordered = pay_and_cancel(reach, amount, mishap, cancel, notes).await;
    forget(reach).await?;
    ordered
}

async fn pay_and_cancel(
    reach: &Reach,
    amount: u32,
    mishap: Option<&'static str>,
    cancel: Option<Cancel>,
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    let Some((order_no, prepared)) = prepare(reach, amount, notes).await else { return Ok(()) };
    script(reach, &order_no, mishap, notes).await?;
    pay(reach, &prepared).await?;
    notes.push(Note::Count("orders paid in the window".to_owned()));
    let Some(cancel) = cancel else { return Ok(()) };
    script(reach, &order_no, cancel.mishap, notes).await?;
    for _ in 0..cancel.times {
        if cancel.in_pages {
            cancel_in_pages(reach, &order_no, cancel.amount, notes).await?;
            // Told with the same second, by a date that is one off too, the next would be a copy.
            tokio::time::sleep(APART).await;
            continue;
        }
        let body = json!({"orderId": order_no, "amount": cancel.amount});
        let answer = insist(reach, Method::POST, "/easypay/cancel", &body, notes).await;
        if let Some((status, _)) = answer {
            notes.push(Note::Count(format!("order cancellation answered {status}")));
        }
    }
    Ok(())
}

/// Prepares an order: its number, and what the browser needs.
pub async fn prepare(reach: &Reach, amount: u32, notes: &mut Vec<Note>) -> Option<(String, Value)> {
    let order_no = format!("ORDER-{}", Uuid::now_v7().simple());
    let body = json!({
        "orderId": order_no, "amount": amount, "productName": "order", "customerName": "Hong",
    });
    let prepared = insist(reach, Method::POST, "/easypay/prepare", &body, notes).await;
    let (200, prepared) = prepared? else { return None };
    Some((order_no, prepared["data"].clone()))
}

/// The order is cancelled while the buyer is in the window, who pays all the same: that money was not
/// asked for any more.
pub async fn closed_order(
    reach: &Reach,
    amount: u32,
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    let Some((order_no, prepared)) = prepare(reach, amount, notes).await else { return Ok(()) };
    let body = json!({"orderId": order_no});
    insist(reach, Method::POST, "/easypay/cancel", &body, notes).await;
    pay(reach, &prepared).await?;
    notes.push(Note::Count("orders paid after they were closed".to_owned()));
    Ok(())
}

/// What happens to the order's next notification.
async fn script(
    reach: &Reach,
    order_no: &str,
    mishap: Option<&'static str>,
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    forget(reach).await?;
    let Some(name) = mishap else { return Ok(()) };
    notes.push(Note::Count(format!("notification {name}")));
    if ["lost", "false_amount", "other_kind", "told_as_failed"].contains(&name) {
        notes.push(Note::Untold(order_no.to_owned()));
    }
    let shifted = |seconds: i64| json!({"kind": "shifted", "seconds": seconds});
    let mut script = match name {
        "1s_early" => shifted(-1),
        "1s_late" => shifted(1),
        "40s_early" => shifted(-40),
        "40s_late" => shifted(40),
        "false_amount" => json!({"kind": "wrong_amount"}),
        "told_as_failed" => json!({"kind": "failed"}),
        kind => json!({"kind": kind}),
    };
    // What another order's refund is told of meanwhile stays true.
    script["orderNo"] = json!(order_no);
    reach.sandbox_post("/notifications", &script).await.map(drop)
}

async fn forget(reach: &Reach) -> Result<(), Failure> {
    let forgotten = reach.client.delete(format!("{}/notifications", reach.sandbox_url));
    forgotten.send().await?.error_for_status()?;
    Ok(())
}

/// What the browser does.
async fn pay(reach: &Reach, prepared: &Value) -> Result<(), Failure> {
    let action = prepared["formAction"].as_str().ok_or("no formAction")?;
    let fields: Vec<(&str, &str)> = prepared["sdkData"]
        .as_object()
        .ok_or("no sdkData")?
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
        .collect();
    let page = post_form(reach, action, &fields).await?.text().await?;
    let (_, rest) = page.split_once("action=\"").ok_or("the window did not open")?;
    let path = rest.split('"').next().unwrap_or_default();
    let origin = reach.sandbox_url.trim_end_matches("/sandbox");
    let clicked = [("action", "pay"), ("METHOD", "KAKAOPAY")];
    // The browser is sent back to the service, which may be away: the payment is made all the same.
    drop(post_form(reach, &format!("{origin}{path}"), &clicked).await);
    Ok(())
}

async fn post_form(
    reach: &Reach,
    url: &str,
    fields: &[(&str, &str)],
) -> reqwest::Result<reqwest::Response> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = reach.client.post(url).header("Content-Type", FORM);
    request.body(body).send().await
}

async fn cancel_in_pages(
    reach: &Reach,
    order_no: &str,
    amount: u32,
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    let url = format!("{}/ledger?orderNo={order_no}", reach.sandbox_url);
    let ledger: Value = reach.client.get(url).send().await?.json().await?;
    let id = ledger["transactions"][0]["transactionId"].as_str().ok_or("the order is not paid")?;
    let body = json!({"transactionId": id, "amount": amount});
    reach.sandbox_post("/admin/cancel", &body).await?;
    notes.push(Note::Count("cancelled in the merchant pages".to_owned()));
    Ok(())
}
