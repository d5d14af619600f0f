//! Differences of every kind against the sandbox's own ledger: exactly the provable ones are settled.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kiwoom_sandbox::{CONTRACTS, CPID, Contract};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::sandbox::lose;
use crate::support::subscriptions::APPROVED;
use crate::support::window::{ALL_ON, answered, paid, prepare, status, tell};

const RETIRED: &Contract = &CONTRACTS[3];

/// A service that waits one second for the gateway, and had another contract before.
pub async fn start() -> TestApp {
    let retired = format!("{}:{}", RETIRED.cpid, RETIRED.auth_key);
    let settings = [("KIWOOM_TIMEOUT_SECS", "1"), ("KIWOOM_RETIRED_CONTRACTS", &*retired)];
    TestApp::at_noon(&[ALL_ON, &settings].concat()).await
}

/// A payment of the books; its answer.
pub async fn charged(app: &TestApp, key: &str) -> Value {
    app.pay(key).await.data(200)
}

/// A charge whose answer is lost; its order number.
pub async fn unknown(app: &TestApp, key: &str, fault: &str) -> String {
    lose(app, "CARD-BATCH", fault).await;
    app.pay(key).await.data(202)["orderId"].as_str().unwrap().to_owned()
}

async fn refund(app: &TestApp, payment: &Value, fault: Option<&str>) {
    let part = json!({"paymentId": payment["id"], "amount": 4000});
    if let Some(fault) = fault {
        lose(app, "CANCEL", fault).await;
    }
    let reply = app.post("/billing/refund", &part).await;
    reply.data(if fault.is_some() { 202 } else { 200 });
}

/// What the script leaves behind: orders and transactions by what became of them.
#[derive(Default)]
struct Script {
    /// Order and transaction of lost notifications, and the status that the order is to have.
    unheard: Vec<(String, String, &'static str)>,
    /// Order numbers of charges whose answer was lost, made and not made.
    unknown: [Vec<String>; 2],
    /// Payments with an unknown refund, made and not made.
    refunds: [Vec<Value>; 2],
    /// Payments cancelled in the merchant pages, and how much of each.
    canceled: Vec<(Value, i64)>,
    /// Lines by hand, after the sandbox's own. One that names no CPID is of the contract in use.
    lines: Vec<String>,
    /// Payments whose lines the list does not have.
    hidden: Vec<Value>,
}

async fn lost_notices(app: &TestApp, script: &mut Script) {
    for n in 0..10 {
        let order = format!("LOST-{n}");
        let transaction = app.pay_unheard(&order, Some("KAKAOPAY")).await;
        let status = match n {
            0..5 => "paid",
            5..8 => {
                let failed = paid(&order, &format!("f{n}"), 9900) + "&RESULTCODE=9115";
                answered(&tell(app, &failed).await, 200);
                "paid"
            }
            _ => {
                app.post("/easypay/cancel", &json!({"orderId": order})).await.data(200);
                "canceled"
            }
        };
        script.unheard.push((order, transaction, status));
    }
}

async fn unknown_outcomes(app: &TestApp, key: &str, script: &mut Script) {
    for fault in ["drop_after", "truncate", "wrong_token", "no_result_code", "html", "garbage"] {
        let order = unknown(app, key, fault).await;
        script.unknown[0].push(order);
    }
    for fault in ["drop_before", "redirect", "drop_before"] {
        let order = unknown(app, key, fault).await;
        script.unknown[1].push(order);
    }
    for (n, fault) in [(0, "drop_after"), (0, "truncate"), (0, "html"), (1, "drop_before")] {
        let payment = charged(app, key).await;
        refund(app, &payment, Some(fault)).await;
        script.refunds[n].push(payment);
    }
}

async fn cancellations(app: &TestApp, key: &str, script: &mut Script) {
    for amounts in [&[9900][..], &[9900], &[9900], &[1000], &[1000, 2500], &[1000, 1500, 2000]] {
        let payment = charged(app, key).await;
        for amount in amounts {
            app.cancel_unheard(&payment["transactionId"], *amount).await;
            // Two of one amount in one second would be one line.
            app.advance_secs(1).await;
        }
        script.canceled.push((payment, amounts.iter().sum()));
    }
    // One of ours and one of the merchant pages, of the same amount two minutes apart.
    let payment = charged(app, key).await;
    refund(app, &payment, None).await;
    app.advance_secs(120).await;
    app.cancel_unheard(&payment["transactionId"], 4000).await;
    script.canceled.push((payment, 8000));
}

async fn by_hand(app: &TestApp, key: &str, script: &mut Script) {
    for n in 0..6 {
        prepare(app, &format!("AMOUNT-{n}")).await;
        script.lines.push(format!("S|DAY120000|cMP9000000000000000{n}|AMOUNT-{n}|9901"));
        script.lines.push(format!("S|DAY120000|cMP9100000000000000{n}|THEIRS-{n}|9900"));
    }
    for n in 0..2 {
        prepare(app, &format!("CPID-{n}")).await;
        let line = format!("S|DAY120000|cMP9600000000000000{n}|CPID-{n}|9900|{}", RETIRED.cpid);
        script.lines.push(line);
    }
    let payment = charged(app, key).await;
    let order = payment["orderId"].as_str().unwrap();
    script.lines.push(format!("S|DAY120000|cMP92000000000000000|{order}|9900"));
    let gone = "SUB01a210f67c5a7d0fa1b2c3d4e5f60718-20261215-1";
    script.lines.push(format!("S|DAY120000|cMP93000000000000000|{gone}|9900"));
    // More than was paid, and two sales of one transaction.
    script.lines.push("C|DAY130000|cMP94000000000000000|X-1|10000".to_owned());
    script.lines.push("S|DAY120000|cMP94000000000000000|X-1|9900".to_owned());
    script.lines.push("S|DAY120000|cMP95000000000000000|X-2|9900".to_owned());
    script.lines.push("S|DAY120000|cMP95000000000000000|X-3|9900".to_owned());
    for _ in 0..3 {
        script.hidden.push(charged(app, key).await);
    }
}

/// The list as CSV: cancellations before their sales, every third line twice, empty lines and a total,
/// and lines of another merchant.
fn csv(script: &Script, listed: &[String]) -> String {
    let day = &listed[0].split('|').nth(1).unwrap()[..8];
    let is_hidden = |line: &str| {
        script.hidden.iter().any(|p| line.contains(p["transactionId"].as_str().unwrap()))
    };
    let mut lines: Vec<String> = listed.iter().filter(|line| !is_hidden(line)).cloned().collect();
    lines.extend(script.lines.iter().map(|line| line.replace("DAY", day)));
    lines.sort();
    let mut text = "type,at,transactionId,orderNo,amount,cpid\n".to_owned();
    for (n, line) in lines.iter().enumerate() {
        let line = line.replace('|', ",");
        let copies = if n % 3 == 0 { 2 } else { 1 };
        let cpid = if line.ends_with(RETIRED.cpid) { String::new() } else { format!(",{CPID}") };
        text += &format!("{line}{cpid}\n").repeat(copies);
        if n % 10 == 0 {
            let id = line.split(',').nth(2).unwrap();
            writeln!(text, "\n,,,,,\nS,{day}120000,{id},OTHER-{n},5000,CTOTHER").unwrap();
        }
    }
    text + "합계,,,,123456,\n"
}

fn counted(report: &Value) -> BTreeMap<String, (usize, usize)> {
    let mut counted = BTreeMap::<String, (usize, usize)>::new();
    for difference in report["differences"].as_array().unwrap() {
        let kind = difference["kind"].as_str().unwrap().to_owned();
        let (provable, all) = counted.entry(kind).or_default();
        *provable += usize::from(difference["provable"] == true);
        *all += 1;
    }
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_differences_exactly_the_provable_ones_are_settled_once() {
    let app = start().await;
    let key = app.register(APPROVED).await;
    let mut script = Script::default();
    for _ in 0..5 {
        charged(&app, &key).await;
    }
    lost_notices(&app, &mut script).await;
    unknown_outcomes(&app, &key, &mut script).await;
    cancellations(&app, &key, &mut script).await;
    by_hand(&app, &key, &mut script).await;
    app.advance_days(1).await;
    let list = csv(&script, &app.listed().await);

    let books = app.books().await;
    let dry = app.reconcile("", list.clone()).await.data(200);
    assert_eq!(app.books().await, books, "nothing is changed");
    let expected = [
        ("canceled_there", (10, 10)),
        ("contradiction", (0, 4)),
        ("only_at_kiwoompay", (0, 7)),
        ("only_in_books", (0, 3)),
        ("other_amount", (0, 6)),
        ("other_transaction", (0, 1)),
        ("unknown_here", (9, 9)),
        ("unpaid_here", (10, 10)),
    ];
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(kind, counts)| (kind.to_owned(), counts)).collect();
    assert_eq!(counted(&dry), expected, "{dry}");
    assert_eq!(dry["differences"].as_array().map(Vec::len), Some(50));
    assert_eq!(dry["settle"], false);
    assert!(dry["ignored"]["doubles"].as_u64().unwrap() > 10, "{}", dry["ignored"]);
    assert!(dry["ignored"]["otherMerchants"].as_u64().unwrap() > 3, "{}", dry["ignored"]);
    assert_eq!(dry["ignored"]["skipped"], 1);

    let done = app.reconcile("?settle=true&reason=nightly", list.clone()).await.data(200);
    assert_eq!(counted(&done), expected);
    let differences = done["differences"].as_array().unwrap();
    assert!(differences.iter().all(|d| d["settled"] == d["provable"]), "{done}");
    settled(&app, &script).await;
    in_the_trail(&app).await;

    let books = app.books().await;
    let again = app.reconcile("?settle=true", list).await.data(200);
    assert_eq!(app.books().await, books, "nothing more to settle");
    let left = |report: &Value| {
        let left = report["differences"].as_array().unwrap().iter();
        let left = left.filter(|d| d["settled"] == false);
        left.map(|d| (d["kind"].clone(), d["transactionId"].clone())).collect::<Vec<_>>()
    };
    assert_eq!((left(&again), left(&again).len()), (left(&done), 21));
    assert!(again["differences"].as_array().unwrap().iter().all(|d| d["provable"] == false));
}

async fn settled(app: &TestApp, script: &Script) {
    for (order, transaction, expected) in &script.unheard {
        let order = status(app, order).await;
        assert_eq!(order["status"], *expected, "{order}");
        let money = if *expected == "paid" { &order } else { &order["unexpectedPayments"][0] };
        assert_eq!(money["transactionId"], *transaction, "{order}");
        assert_eq!(money["method"], "KAKAOPAY", "{order}");
    }
    for (orders, expected) in script.unknown.iter().zip(["approved", "unknown"]) {
        for order in orders {
            let payment = app.get(&format!("/billing/payment/{order}")).await.data(200);
            assert_eq!(payment["status"], expected, "{payment}");
        }
    }
    for (payments, expected) in script.refunds.iter().zip(["refunded", "unknown"]) {
        for payment in payments {
            let id = payment["id"].as_str().unwrap();
            let refunds = app.get(&format!("/billing/refunds?paymentId={id}")).await.data(200);
            assert_eq!(refunds["items"].as_array().unwrap().len(), 1);
            assert_eq!(refunds["items"][0]["status"], expected, "{refunds}");
        }
    }
    for (payment, canceled) in &script.canceled {
        let id = payment["id"].as_str().unwrap();
        let payment = app.get(&format!("/billing/payment/{id}")).await.data(200);
        assert_eq!(payment["refundableAmount"], 9900 - canceled, "{payment}");
    }
    for n in 0..6 {
        assert_eq!(status(app, &format!("AMOUNT-{n}")).await["status"], "expired");
    }
    for n in 0..2 {
        assert_eq!(status(app, &format!("CPID-{n}")).await["status"], "expired");
    }
    for payment in &script.hidden {
        let id = payment["id"].as_str().unwrap();
        let payment = app.get(&format!("/billing/payment/{id}")).await.data(200);
        assert_eq!(payment["status"], "approved");
    }
    let declined = app.get("/billing/payments?status=declined").await.data(200);
    assert_eq!(declined["items"], json!([]), "nothing is declined by absence");
}

async fn in_the_trail(app: &TestApp) {
    app.until_published().await;
    let trail = app.get("/audit?limit=100").await.data(200)["items"].clone();
    let trail = trail.as_array().unwrap().iter().filter(|entry| entry["reason"] == "nightly");
    let actions: BTreeMap<String, usize> = trail.fold(BTreeMap::new(), |mut actions, entry| {
        assert_eq!(entry["actor"], "open");
        *actions.entry(entry["action"].as_str().unwrap().to_owned()).or_default() += 1;
        actions
    });
    assert_eq!(actions["order.paid"], 8, "{actions:?}");
    assert_eq!(actions["payment.approved"], 6, "{actions:?}");
    // Made in the merchant pages, and ours whose answers were lost.
    assert_eq!(actions["refund.succeeded"], 13, "{actions:?}");
}
