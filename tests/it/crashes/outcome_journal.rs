//! Outcomes that the database does not take, for whatever reason: waited out, kept in `DATA_DIR`, and
//! recorded by another process when their own is gone.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kiwoom_billing::storage::outcome_journal::OutcomeJournal;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::{begin, delay_after};
use crate::support::app::{Reply, one_off};
use crate::support::postgres::SERVICE;
use crate::support::process::{ONCE, Process, World};

/// A start that comes before PostgreSQL has seen the death records in one of its first passes.
const AGAIN: [(&str, &str); 2] = [("SCHEDULER_ENABLED", "false"), ("SCHEDULER_INTERVAL_SECS", "1")];

/// What the database refuses while this holds: the outcome of a charge and of a refund.
async fn refuse(owner: &mut PgConnection, refused: bool) {
    let (word, whom) = if refused { ("revoke", "from") } else { ("grant", "to") };
    for table in ["payments", "refunds"] {
        let sql = format!("{word} update (state) on {table} {whom} {SERVICE}");
        owner.execute(AssertSqlSafe(sql)).await.unwrap();
    }
}

/// Waits until the journal has a line.
async fn until_kept(dir: &Path) -> String {
    for _ in 0..1000 {
        let files = fs::read_dir(dir.join("outcomes")).into_iter().flatten().flatten();
        let journals = files.map(|file| file.path());
        let journals = journals.filter(|path| path.extension() == Some("jsonl".as_ref()));
        let kept: String = journals.map(|path| fs::read_to_string(path).unwrap()).collect();
        if kept.ends_with('\n') {
            return kept;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no outcome was kept in {}", dir.display());
}

async fn payment(service: &Process, order_no: &str) -> Value {
    service.get(&format!("/billing/payment/{order_no}")).await.data(200)
}

fn order(key: &str) -> Value {
    let mut body = one_off(key);
    body["orderId"] = json!("KEPT-1");
    body
}

/// A world whose service, with these settings, has charged and may not record it: the outcome is in the
/// journal.
async fn charged_unrecorded(
    settings: &[(&str, &str)],
) -> (World, Arc<Process>, PgConnection, String) {
    let world = World::start().await;
    let service = Arc::new(world.service("service", settings).await);
    let key = service.register().await;
    let mut owner = world.owner().await;
    world.fault(delay_after("CARD-BATCH", 1_000)).await;
    begin(&world, &service, "/billing/pay", order(&key), |ledger| ledger.len() == 1).await;
    refuse(&mut owner, true).await;
    let kept = until_kept(&world.dir).await;
    assert!(kept.contains("KEPT-1") && !kept.contains("4111"), "{kept}");
    (world, service, owner, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_was_refused_until_the_process_died_is_recorded_by_the_next_start() {
    let (world, service, mut owner, key) = charged_unrecorded(&[]).await;
    service.signal("KILL");
    refuse(&mut owner, false).await;

    let service = world.service("again", &AGAIN).await;
    let approved = |reply: &Reply| reply.data(200)["status"] == "approved";
    let ask = || service.get("/billing/payment/KEPT-1");
    let approved = service.until(ask, approved).await.data(200);
    assert_eq!(approved["transactionId"], world.ledger().await[0]["transactionId"]);
    let repeated = service.try_post("/billing/pay", ONCE, &order(&key)).await.unwrap().data(200);
    assert_eq!(repeated["id"], approved["id"]);
    assert_eq!(world.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_too() {
    let world = World::start().await;
    let service = Arc::new(world.service("service", &[]).await);
    let key = service.register().await;
    service.post("/billing/pay", &order(&key)).await.data(200);
    let mut owner = world.owner().await;
    world.fault(delay_after("CANCEL", 1_000)).await;
    let body = json!({"orderId": "KEPT-1", "amount": 3000});
    begin(&world, &service, "/billing/refund", body, |l| l[0]["canceledAmount"] == 3000).await;
    refuse(&mut owner, true).await;
    until_kept(&world.dir).await;
    service.signal("KILL");
    refuse(&mut owner, false).await;

    let service = world.service("again", &AGAIN).await;
    let refunded = |reply: &Reply| reply.data(200)["items"][0]["status"] == "refunded";
    service.until(|| service.get("/billing/refunds"), refunded).await;
    assert_eq!(payment(&service, "KEPT-1").await["refundableAmount"], 6900);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_has_settled_since_stands() {
    let (world, service, mut owner, _) = charged_unrecorded(&[]).await;
    service.signal("KILL");
    owner
        .execute(
            "update payments set state = 'declined', failure_code = 'SETTLED',
                failure_message = 'by hand', resolve_reason = 'looked up' where order_no = 'KEPT-1'",
        )
        .await
        .unwrap();
    refuse(&mut owner, false).await;
    let service = world.service("again", &AGAIN).await;
    assert_eq!(payment(&service, "KEPT-1").await["status"], "declined");
    // Money was taken all the same: a person has to know.
    let transaction = world.ledger().await[0]["transactionId"].as_str().unwrap().to_owned();
    let told = |line: &str| line.contains("alert=true") && line.contains(&transaction);
    assert!(service.output().lines().any(told), "{}", service.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_failover_lost_is_written_again_with_its_outcome() {
    let world = World::start().await;
    let service = Arc::new(world.service("service", &[]).await);
    let key = service.register().await;
    world.fault(delay_after("CARD-BATCH", 1_500)).await;
    begin(&world, &service, "/billing/pay", order(&key), |ledger| ledger.len() == 1).await;
    let mut owner = world.owner().await;
    owner.execute("delete from payments where order_no = 'KEPT-1'").await.unwrap();
    let ask = || service.get("/billing/payment/KEPT-1");
    let reply = service.until(ask, |reply| reply.status == 200).await;
    let found = reply.data(200);
    assert_eq!((&found["amount"], &found["customerId"]), (&json!(9900), &json!("user123")));
    let approved = |reply: &Reply| reply.data(200)["status"] == "approved";
    service.until(ask, approved).await;
    assert!(service.output().contains("written again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn money_of_a_lost_row_whose_order_number_was_used_again_can_be_given_back() {
    let (world, service, mut owner, _) = charged_unrecorded(&[]).await;
    service.signal("KILL");
    refuse(&mut owner, false).await;
    // The intent is lost, and the caller has paid under its number since.
    let again =
        "update payments set id = gen_random_uuid(), state = 'approved', method = 'CARD-BATCH',
        transaction_id = 'AAA26112912000000001', approved_at = now(), settled_at = now()
        where order_no = 'KEPT-1'";
    assert_eq!(owner.execute(again).await.unwrap().rows_affected(), 1);

    let service = world.service("again", &AGAIN).await;
    let taken = world.ledger().await[0]["transactionId"].as_str().unwrap().to_owned();
    let ask = || service.get("/billing/payments");
    let kept = service.until(ask, |reply| reply.text.contains(&taken)).await.data(200);
    let list = kept["items"].as_array().unwrap();
    let kept = list.iter().find(|paid| paid["transactionId"] == *taken);
    let kept = kept.unwrap_or_else(|| panic!("{list:?}"));
    assert_eq!((&kept["unexpected"], &kept["amount"]), (&json!("already_paid"), &json!(9900)));
    let refund = json!({"transactionId": taken, "reason": "두 번 결제"});
    service.post("/billing/refund", &refund).await.data(200);
    let ledger = world.ledger().await;
    assert_eq!(ledger[0]["canceledAmount"], 9900, "{ledger:?}");
    assert_eq!(payment(&service, "KEPT-1").await["refundableAmount"], 9900);
}

/// How many payments of this status the list holds, and how many outcomes health says are unknown.
async fn listed(service: &Process, status: &str) -> (usize, Value) {
    let list = service.get(&format!("/billing/payments?status={status}")).await.data(200);
    let ready = service.ready().await;
    (list["items"].as_array().unwrap().len(), ready["unknownOutcomes"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_has_ended_without_a_record_counts_as_unknown_until_it_is_recorded() {
    let world = World::start().await;
    let service = Arc::new(world.service("service", &[]).await);
    let key = service.register().await;
    let mut owner = world.owner().await;
    world.fault(delay_after("CARD-BATCH", 3_000)).await;
    begin(&world, &service, "/billing/pay", order(&key), |ledger| ledger.len() == 1).await;
    assert_eq!(listed(&service, "pending").await, (1, json!(0)));
    // As when the time of a call is over, while the row takes no outcome.
    owner.execute("update payments set call_ends_by = now()").await.unwrap();
    owner.execute("begin; select from payments for update").await.unwrap();
    assert_eq!(listed(&service, "pending").await, (0, json!(1)));
    assert_eq!(listed(&service, "unknown").await, (1, json!(1)));
    let settle = json!({"outcome": "declined", "reason": "looked up"});
    let id = payment(&service, "KEPT-1").await["id"].as_str().unwrap().to_owned();
    let settled = service.post(&format!("/billing/payment/{id}/resolve"), &settle).await;
    assert_eq!(settled.error(409)["code"], "charge_in_progress");
    assert_eq!(payment(&service, "KEPT-1").await["status"], "unknown");
    let metrics = service.get("/metrics").await.text;
    assert!(metrics.contains("kiwoom_billing_unknown_outcomes 1"), "{metrics}");
    owner.execute("commit").await.unwrap();
    let approved = |reply: &Reply| reply.data(200)["status"] == "approved";
    service.until(|| service.get("/billing/payment/KEPT-1"), approved).await;
    assert_eq!(listed(&service, "unknown").await, (0, json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_takes_nothing_is_said_in_health_until_it_does() {
    let world = World::start().await;
    let service = world.service("service", &[]).await;
    assert_eq!(service.ready().await["outcomeJournal"], Value::Null);
    let outcomes = world.dir.join("outcomes");
    fs::remove_dir_all(&outcomes).unwrap();
    fs::write(&outcomes, "in the way").unwrap();
    let is = |word: Value| move |reply: &Reply| reply.data(200)["outcomeJournal"] == word;
    service.until(|| service.get("/health/ready"), is(json!("unwritable"))).await;
    assert_eq!(service.output().matches("DATA_DIR cannot be written").count(), 1);
    fs::remove_file(&outcomes).unwrap();
    service.until(|| service.get("/health/ready"), is(Value::Null)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_has_given_up_it_records_itself_when_the_database_takes_it() {
    let settings = [("SCHEDULER_INTERVAL_SECS", "1")];
    let (world, service, mut owner, _) = charged_unrecorded(&settings).await;
    // A minute.
    for _ in 0..600 {
        if service.output().contains("outcome not recorded alert=true") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    refuse(&mut owner, false).await;
    let approved = |reply: &Reply| reply.data(200)["status"] == "approved";
    service.until(|| service.get("/billing/payment/KEPT-1"), approved).await;
    assert!(service.output().contains("outcome recorded from the journal"));
    assert_eq!(world.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_cannot_be_used_is_reported_and_holds_nothing_up() {
    let world = World::start().await;
    let outcomes = world.dir.join("outcomes");
    fs::create_dir_all(&outcomes).unwrap();
    let torn = b"\n{\"id\":\"01a2\xed\x95\n{\"id\":\"01a22576-fb59-75b1-bb25-8a7733be9359\",\"outcome\":{\"later\":1}}\n";
    fs::write(outcomes.join("999999-a.jsonl"), torn).unwrap();
    let service = world.service("service", &[("SCHEDULER_INTERVAL_SECS", "1")]).await;
    let key = service.register().await;
    service.post("/billing/pay", &order(&key)).await.data(200);
    let told = ["was cut short", "an outcome in the journal cannot be read"];
    assert!(told.iter().all(|text| service.output().contains(text)), "{}", service.output());
    assert_eq!(fs::read(outcomes.join("999999-a.jsonl")).unwrap(), torn);
}

/// Not through HTTP: the journal as two processes with one `DATA_DIR` use it. The first has lost its way to the
/// database for longer than ten seconds, so that the second records what it has left; it is alive, and keeps on.
#[tokio::test]
async fn an_outcome_that_is_kept_while_another_process_records_those_before_it_stays() {
    let dir = std::env::temp_dir().join(format!("outcomes-{}", uuid::Uuid::now_v7()));
    let (cut_off, other) = (OutcomeJournal::open(&dir, 7), OutcomeJournal::open(&dir, 8));
    let (first, second) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    cut_off.keep(first, json!({"approved": 1})).await.unwrap();
    let left = other.left(&[8]).pop().unwrap();
    // While it records the first one:
    cut_off.keep(second, json!({"approved": 2})).await.unwrap();
    left.done().unwrap();
    let left = other.left(&[8]);
    let kept = left.iter().any(|left| left.outcomes.contains_key(&second));
    fs::remove_dir_all(dir).unwrap();
    assert!(kept, "the second one is nowhere");
}
