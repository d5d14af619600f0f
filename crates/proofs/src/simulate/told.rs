//! What the gateway tells that no money stands behind: kinds that mean no money, and failures of
//! charges that may have been made.

use kiwoom_sandbox::CPID;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;
use uuid::Uuid;

use crate::simulate::diary::Note;
use crate::simulate::reach::Reach;
use crate::simulate::{Failure, buyer};

/// What may be told of an order that nobody has paid: an account number was given out and is taken
/// back, and words that nobody knows.
const WITHOUT_MONEY: [&str; 5] =
    ["VACCOUNTISSUE", "VACCOUNT", "TOSSPAY", "kakaopay", "VACCOUNTCANCEL"];
/// How many unknown charges are told of at once.
const FAILURES: i64 = 3;

/// An order that nobody pays, and every kind of notification that means no money.
pub async fn no_money(reach: &Reach, amount: u32, notes: &mut Vec<Note>) -> Result<(), Failure> {
    let Some((order_no, _)) = buyer::prepare(reach, amount, notes).await else { return Ok(()) };
    let transaction = new_transaction();
    for kind in WITHOUT_MONEY {
        let told = json!({
            "PAYMETHOD": kind, "CPID": CPID, "DAOUTRX": transaction, "ORDERNO": order_no,
            "AMOUNT": amount.to_string(), "BANKCODE": "20", "ACCOUNTNO": "11012345678901",
        });
        tell(reach, &told, &format!("notice {kind} without money"), notes).await;
    }
    Ok(())
}

/// Says of charges whose outcome is unknown that they failed. They may have been made.
pub async fn false_failures(reach: &Reach, notes: &mut Vec<Note>) -> Result<(), Failure> {
    let query = sqlx::query_as(
        "select order_no, amount from payments where state = 'unknown' order by random() limit $1",
    );
    // PostgreSQL may be down just now: then another time.
    let unknown: Vec<(String, i64)> =
        query.bind(FAILURES).fetch_all(&reach.pool).await.unwrap_or_default();
    for (order_no, amount) in unknown {
        let told = json!({
            "PAYMETHOD": "CARD", "CPID": CPID, "DAOUTRX": new_transaction(),
            "ORDERNO": order_no, "AMOUNT": amount.to_string(), "RESULTCODE": "2003",
            "ERRORMESSAGE": "over the limit",
        });
        tell(reach, &told, "notice of a failure of an unknown charge", notes).await;
    }
    Ok(())
}

async fn tell(reach: &Reach, told: &Value, name: &str, notes: &mut Vec<Note>) {
    let fields = told.as_object().into_iter().flatten();
    let fields = fields.map(|(name, value)| (name, value.as_str().unwrap_or_default()));
    let query = Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = reach.client.get(reach.url(0, &format!("/webhook/kiwoom?{query}")));
    let status = request.send().await.map_or(0, |answer| answer.status().as_u16());
    notes.push(Note::Count(format!("{name}: answered {status}")));
}

fn new_transaction() -> String {
    Uuid::now_v7().simple().to_string()[12..].to_owned()
}
