//! Renewals that the books have lost, as after a restore of the database.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::of_kind;
use crate::support::app::TestApp;
use crate::support::backup::Backup;
use crate::support::subscriptions::{APPROVED, SHORT_AT_FIRST};

/// A service whose schedule moves only with the clock.
async fn start() -> TestApp {
    TestApp::with(&[("SCHEDULER_INTERVAL_SECS", "3600")]).await
}

async fn subscribe(app: &TestApp, card: &str) -> Value {
    let key = app.register(card).await;
    app.subscribe(&key, 15).await
}

/// The charges that the ledger holds.
async fn charges(app: &TestApp) -> usize {
    app.ledger().await.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_only_the_gateway_knows_is_paid_for_its_period_and_not_charged_again() {
    let app = start().await;
    let made = subscribe(&app, APPROVED).await;
    let first = made["nextBillingDate"].clone();
    let backup = Backup::take(&app).await;
    app.advance_to_charge(&first).await;
    assert_eq!(charges(&app).await, 1);
    let before = app.subscription(&made["id"]).await;
    backup.restore(&app).await;

    let dry = app.command(&["--date", first.as_str().unwrap(), "--json"]).await.report(3);
    assert_eq!(of_kind(&dry, "only_at_kiwoompay")[0]["provable"], true, "{dry}");
    assert_eq!(app.books().await.len(), 0, "nothing is recorded");
    let today = ["--date", first.as_str().unwrap(), "--settle", "--json", "--reason", "복원"];
    let done = app.command(&today).await.report(0);
    assert_eq!(of_kind(&done, "only_at_kiwoompay")[0]["settled"], true, "{done}");
    let again = app.command(&today).await.report(0);
    assert_eq!((&again["matching"], &again["differences"]), (&json!(1), &json!([])));

    let after = app.subscription(&made["id"]).await;
    assert_eq!(after, before, "as it was before the restore");
    let payments = app.get("/billing/payments").await.data(200)["items"].clone();
    assert_eq!(payments.as_array().unwrap().len(), 1);
    assert_eq!(payments[0]["status"], "approved");
    assert_eq!(payments[0]["period"], before["currentPeriod"]);
    assert_eq!(payments[0]["transactionId"], app.ledger().await[0]["transactionId"]);
    app.until_published().await;
    let trail = app.get("/audit?actor=reconcile").await.data(200)["items"].clone();
    let paid = trail.as_array().unwrap().iter().find(|e| e["action"] == "payment.approved");
    assert_eq!(paid.unwrap()["reason"], "복원", "{trail}");

    app.advance_days(3).await;
    assert_eq!(charges(&app).await, 1, "not charged again");
    app.advance_to_charge(&after["nextBillingDate"]).await;
    assert_eq!(charges(&app).await, 2, "the next period is");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_and_the_periods_that_were_lost_together_are_each_recorded() {
    let app = start().await;
    let made = subscribe(&app, SHORT_AT_FIRST).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    assert_eq!(app.status(&made["id"]).await, "past_due");
    let backup = Backup::take(&app).await;
    // The retry is approved; the next period is declined, and its retry approved.
    app.advance_days(40).await;
    let before = app.subscription(&made["id"]).await;
    let ledger = app.ledger().await;
    assert_eq!((ledger.len(), &before["status"]), (2, &json!("active")));
    backup.restore(&app).await;
    let mut list = "transactionId,orderNo,amount,at\n".to_owned();
    for paid in ledger.iter().rev() {
        let text = |name: &str| paid[name].as_str().unwrap().to_owned();
        let at = text("approvedAt")[..19].replace('T', " ");
        writeln!(list, "{},{},9900,{at}", text("transactionId"), text("orderNo")).unwrap();
    }
    assert!(list.contains("-2,9900"), "a second attempt: {list}");
    let done = app.reconcile("?settle=true", list.clone()).await.data(200);
    assert_eq!(done["remaining"], json!({}), "{done}");
    assert_eq!(app.subscription(&made["id"]).await, before);
    let again = app.reconcile("?settle=true", list).await.data(200);
    assert_eq!((&again["matching"], &again["differences"]), (&json!(2), &json!([])));
    app.advance_days(1).await;
    assert_eq!(charges(&app).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_subscription_does_not_prove_is_listed_and_says_why() {
    let app = start().await;
    let made = subscribe(&app, APPROVED).await;
    let day = made["nextBillingDate"].as_str().unwrap().to_owned();
    let backup = Backup::take(&app).await;
    app.advance_to(&format!("{day}T10:00:00+09:00")).await;
    let paid = app.ledger().await[0].clone();
    backup.restore(&app).await;
    let id = paid["transactionId"].as_str().unwrap();
    let order = paid["orderNo"].as_str().unwrap();
    let start = day.replace('-', "");
    let line = |order: &str, amount: i64, at: &str| {
        format!("transactionId,orderNo,amount,at\n{id},{order},{amount},{at}\n")
    };
    let at = format!("{start}100000");
    let given_back = line(order, 9900, &at) + &format!("{id},{order},-9900,{start}110000\n");
    for (list, why) in [
        (line(order, 9901, &at), "other_amount"),
        (line(order, 9900, "20200101100000"), "other_period"),
        (line(&order.replace(&start, &format!("{}16", &start[..6])), 9900, &at), "other_period"),
        (line("SUB01a210f67c5a7d0fa1b2c3d4e5f60718-20261215-1", 9900, &at), "no_subscription"),
        (given_back, "given_back"),
    ] {
        let books = app.books().await;
        let report = app.reconcile("?settle=true", list).await.data(200);
        let found = &of_kind(&report, "only_at_kiwoompay")[0];
        assert_eq!((&found["why"], &found["provable"]), (&json!(why), &json!(false)), "{report}");
        assert_eq!(app.books().await, books, "{why}");
    }
    // Charged again meanwhile, under the same number: the lost charge is one too many.
    app.pay_period(&made["id"]).await.data(200);
    let second = app.ledger().await[1]["transactionId"].as_str().unwrap().to_owned();
    let list = line(order, 9900, &at) + &format!("{second},{order},9900,{at}\n");
    let books = app.books().await;
    let report = app.reconcile("?settle=true", list).await.data(200);
    assert_eq!(report["matching"], 1, "{report}");
    assert_eq!(of_kind(&report, "other_transaction")[0]["transactionId"], id, "{report}");
    let other = line(&order.replace("-1", "-9"), 9900, &at);
    let report = app.reconcile("?settle=true", other).await.data(200);
    assert_eq!(of_kind(&report, "only_at_kiwoompay")[0]["why"], "period_taken", "{report}");
    assert_eq!(app.books().await, books);
}

/// A renewal at `won` that a restore has lost is recorded, whatever is said of its price: the
/// subscription after it.
async fn recorded(app: &TestApp, made: &Value, won: i64) -> Value {
    let paid = app.ledger().await[0].clone();
    assert_eq!(paid["amount"], won);
    let at = paid["approvedAt"].as_str().unwrap()[..19].replace('T', " ");
    let (id, order) = (paid["transactionId"].as_str().unwrap(), paid["orderNo"].as_str().unwrap());
    let list = format!("transactionId,orderNo,amount,at\n{id},{order},{won},{at}\n");
    let done = app.reconcile("?settle=true", list).await.data(200);
    assert_eq!(of_kind(&done, "only_at_kiwoompay")[0]["settled"], true, "{done}");
    assert_eq!(done["remaining"], json!({}), "{done}");
    let after = app.subscription(&made["id"]).await;
    assert_eq!(
        (&after["coverage"], &after["paidThrough"]),
        (&json!("paid"), &made["nextCharge"]["periodEnd"])
    );
    after
}

/// A subscription ten days before its first charge.
async fn soon(app: &TestApp) -> Value {
    let made = subscribe(app, APPROVED).await;
    let first: chrono::NaiveDate = made["nextBillingDate"].as_str().unwrap().parse().unwrap();
    let before = (first - chrono::Days::new(10)).max(app.today());
    if before > app.today() {
        app.advance_to(&format!("{before}T12:00:00+09:00")).await;
    }
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_is_proven_by_the_price_that_was_valid_for_it() {
    // A rise with its consent was charged; the consent may be lost as well.
    for consent_is_lost in [false, true] {
        let app = start().await;
        let made = soon(&app).await;
        app.raise(&made["id"], 19_800).await;
        let mut backup = Backup::take(&app).await;
        app.consent(&made["id"], 19_800).await.data(201);
        if !consent_is_lost {
            backup = Backup::take(&app).await;
        }
        app.advance_to_charge(&made["nextBillingDate"]).await;
        let before = app.subscription(&made["id"]).await;
        backup.restore(&app).await;
        assert_eq!(recorded(&app, &made, 19_800).await, before);
    }
    // One without a consent was dropped on its day.
    let app = start().await;
    let made = soon(&app).await;
    app.raise(&made["id"], 19_800).await;
    let backup = Backup::take(&app).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let before = app.subscription(&made["id"]).await;
    backup.restore(&app).await;
    assert_eq!(recorded(&app, &made, 9900).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_was_asked_for_since_waits_for_the_next_period() {
    for (amount, consents) in [(19_800, true), (5000, false)] {
        let app = start().await;
        let made = soon(&app).await;
        let backup = Backup::take(&app).await;
        app.advance_to_charge(&made["nextBillingDate"]).await;
        backup.restore(&app).await;
        app.change(&made["id"], &json!({ "amount": amount })).await.data(200);
        if consents {
            app.consent(&made["id"], amount).await.data(201);
        }
        let after = recorded(&app, &made, 9900).await;
        assert_eq!(after["nextCharge"]["amount"], amount);
        app.advance_to_charge(&after["nextCharge"]["date"]).await;
        assert_eq!(app.ledger().await[1]["amount"], amount);
    }
}
