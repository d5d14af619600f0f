//! The merchant's backend: registers, subscribes, charges, refunds, and asks again with the same
//! Idempotency-Key until it has an answer, as our README tells it to.

use std::collections::HashSet;
use std::time::Duration;

use chrono::NaiveDate;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::simulate::Failure;
use crate::simulate::diary::Note;
use crate::simulate::load::Transaction;
use crate::simulate::reach::Reach;
use crate::simulate::subscriptions::subscribe;
use crate::simulate::terms::Terms;
use kiwoom_billing::rules::ids::SubscriptionId;
use kiwoom_clock::rfc3339_kst;

/// A caller gives up after this many requests that were answered with "not now", or not at all.
const TRIES: usize = 200;
const PAUSE: Duration = Duration::from_millis(100);
/// An unknown call may reach the gateway this late; an operator looks after it, in seconds.
const SETTLED_AFTER_SECS: f64 = 20.0;

/// Somebody with a card and a subscription.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// customerId.
    pub customer: String,
    /// Our billing key.
    pub key: String,
    /// The subscription that is live, or was last.
    pub subscription: SubscriptionId,
}

/// Asks until there is an answer that stands. `None` = the caller gave up.
pub async fn insist(
    reach: &Reach,
    method: Method,
    path: &str,
    body: &Value,
    notes: &mut Vec<Note>,
) -> Option<(u16, Value)> {
    let key = Uuid::now_v7().to_string();
    let first = usize::try_from(Uuid::new_v4().as_u128() % 1_000).unwrap_or(0);
    for n in 0..TRIES {
        let request = reach.client.request(method.clone(), reach.url(first + n, path)).json(body);
        if let Ok(answer) = request.header("Idempotency-Key", &key).send().await {
            let status = answer.status().as_u16();
            let waits = answer.headers().contains_key("retry-after") || status == 500;
            if let Ok(body) = answer.json::<Value>().await
                && !waits
            {
                if n > 0 {
                    notes.push(Note::Count("answered after asking again".to_owned()));
                }
                return Some((status, body));
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    notes.push(Note::Count("caller gave up".to_owned()));
    None
}

/// What the API shows at `path`. `None` = the caller gave up, or there is none.
pub async fn get(reach: &Reach, path: &str) -> Option<Value> {
    for n in 0..TRIES {
        let request = reach.client.get(reach.url(n, path));
        if let Ok(answer) = request.send().await
            && !answer.status().is_server_error()
            && let Ok(body) = answer.json::<Value>().await
        {
            return body["data"].is_object().then(|| body["data"].clone());
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}

/// As [`insist`], for what needs the card: one that was ended for good is activated first, as its
/// holder would bring another.
pub async fn with_card(
    reach: &Reach,
    key: &str,
    path: &str,
    body: &Value,
    notes: &mut Vec<Note>,
) -> Option<(u16, Value)> {
    let (status, answer) = insist(reach, Method::POST, path, body, notes).await?;
    if answer["error"]["code"] != "billing_key_inactive" {
        return Some((status, answer));
    }
    let activate = format!("/billing/key/{key}/activate");
    let (activated, _) = insist(reach, Method::POST, &activate, &json!({}), notes).await?;
    notes.push(Note::Count(format!("card activated again: {activated}")));
    insist(reach, Method::POST, path, body, notes).await
}

/// A card and a subscription of it.
pub async fn subscriber(
    reach: &Reach,
    (customer, card): (String, &str),
    (terms, today): (Terms, NaiveDate),
    notes: &mut Vec<Note>,
) -> Result<Subscriber, Failure> {
    let card = json!({
        "cardNumber": card, "expireDate": "4912", "cardPassword": "12", "birthDate": "901231",
        "customerName": "홍길동", "customerId": customer,
    });
    let (_, answer) = insist(reach, Method::POST, "/billing/register", &card, notes)
        .await
        .ok_or("a card cannot be registered")?;
    let key = answer["data"]["billingKey"].as_str().ok_or("no billing key")?.to_owned();
    let subscription = subscribe(reach, (&customer, &key), terms, today, notes).await?;
    Ok(Subscriber { customer, key, subscription })
}

/// The name of a single charge. The gateway's ledger shows it too: the verdict counts the transactions of
/// each name.
pub fn one_off_name() -> String {
    format!("단건 {}", &Uuid::now_v7().simple().to_string()[..24])
}

/// A single charge, and refunds of parts of it.
pub async fn one_off(
    reach: &Reach,
    who: &Subscriber,
    (amount, refunds): (u32, &[u32]),
    notes: &mut Vec<Note>,
) {
    let name = one_off_name();
    let body = json!({
        "billingKey": who.key, "customerId": who.customer, "amount": amount, "productName": name,
    });
    let paid = with_card(reach, &who.key, "/billing/pay", &body, notes).await;
    let Some((status, paid)) = paid else { return };
    notes.push(Note::Count(format!("one-off answered {status}")));
    let Some(id) = paid["data"]["id"].as_str() else { return };
    for part in refunds {
        let body = json!({"paymentId": id, "amount": part});
        if let Some((status, _)) =
            insist(reach, Method::POST, "/billing/refund", &body, notes).await
        {
            notes.push(Note::Count(format!("refund answered {status}")));
        }
    }
}

/// The operator: looks unknown payments up in the gateway's books and settles them as they are.
pub async fn settle(reach: &Reach, notes: &mut Vec<Note>) -> Result<(), Failure> {
    let query = sqlx::query_scalar(
        "select order_no from payments where state = 'unknown'
            and sent_at < now() - make_interval(secs => $1) order by id limit 5",
    );
    // PostgreSQL may be down just now: then another time.
    let unknown: Vec<String> =
        query.bind(SETTLED_AFTER_SECS).fetch_all(&reach.pool).await.unwrap_or_default();
    for order_no in unknown {
        let url = format!("{}/ledger?orderNo={order_no}", reach.sandbox_url);
        let ledger: Value = reach.client.get(url).send().await?.json().await?;
        let body = match ledger["transactions"][0]["transactionId"].as_str() {
            Some(id) => json!({"outcome": "approved", "transactionId": id, "reason": "거래 확인"}),
            None => json!({"outcome": "declined", "reason": "거래 없음"}),
        };
        let path = format!("/billing/payment/{order_no}/resolve");
        if let Some((status, _)) = insist(reach, Method::POST, &path, &body, notes).await {
            let outcome = body["outcome"].as_str().unwrap_or_default();
            notes.push(Note::Count(format!("settled by hand as {outcome}: {status}")));
        }
    }
    Ok(())
}

/// The operator, at the end: orders of which the gateway told nothing, or something else, are settled
/// by hand as its ledger shows.
pub async fn compare(
    reach: &Reach,
    ledger: &[Transaction],
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    let query = "select transaction_id from payments
         where state = 'approved' and transaction_id is not null";
    let known: Vec<String> = sqlx::query_scalar(query).fetch_all(&reach.pool).await?;
    let known: HashSet<String> = known.into_iter().collect();
    for transaction in ledger.iter().filter(|t| t.order_no.starts_with("ORDER-")) {
        if known.contains(&transaction.transaction_id) {
            continue;
        }
        let body = json!({
            "transactionId": transaction.transaction_id, "method": "KAKAOPAY",
            "reason": "거래 확인",
        });
        let path = format!("/easypay/order/{}/resolve", transaction.order_no);
        if let Some((status, _)) = insist(reach, Method::POST, &path, &body, notes).await {
            notes.push(Note::Count(format!("order settled by hand: {status}")));
        }
    }
    Ok(())
}

/// The time by the sandbox's clock.
pub async fn now(reach: &Reach) -> Result<chrono::DateTime<chrono::Utc>, Failure> {
    let url = format!("{}/clock", reach.sandbox_url);
    let answer: Value = reach.client.get(url).send().await?.json().await?;
    let text = answer["now"].as_str().unwrap_or_default();
    Ok(chrono::DateTime::parse_from_rfc3339(text)?.to_utc())
}

/// Moves the sandbox's clock; one that is there already stays.
pub async fn set_clock(reach: &Reach, to: chrono::DateTime<chrono::Utc>) -> Result<(), Failure> {
    if to <= now(reach).await? {
        return Ok(());
    }
    let posted = reach.sandbox_post("/clock", &json!({"now": rfc3339_kst(to)})).await;
    // Between the look and the post the instant may have passed by itself.
    if now(reach).await? < to { posted.map(drop) } else { Ok(()) }
}

/// Waits until each service has seen that the clock was moved: on a busy machine that takes a while, and
/// what is asked meanwhile is done on the day before.
pub async fn until_followed(reach: &Reach, to: chrono::DateTime<chrono::Utc>) {
    for n in 0..reach.replicas() {
        for _ in 0..TRIES {
            if shown_time(reach, n).await.is_some_and(|now| now >= to) {
                break;
            }
            tokio::time::sleep(PAUSE / 10).await;
        }
    }
}

/// The time by which a service charges. `None` = it does not answer just now.
async fn shown_time(reach: &Reach, n: usize) -> Option<chrono::DateTime<chrono::Utc>> {
    let answer = reach.client.get(reach.url(n, "/status")).send().await.ok()?;
    let status: Value = answer.json().await.ok()?;
    let now = chrono::DateTime::parse_from_rfc3339(status["data"]["now"].as_str()?);
    now.ok().map(|now| now.to_utc())
}
