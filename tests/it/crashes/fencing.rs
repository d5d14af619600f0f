//! Who has lost the right to send does not send: a lease that is another's by now, and a process
//! that was stopped between its intent and its call.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::task::JoinHandle;

use super::two;
use crate::support::app::{Reply, one_off};
use crate::support::process::{Process, World};

const CARD: &str = "4111111111111111";
/// Longer than may lie between the intent and the call.
const STOPPED: Duration = Duration::from_secs(4);

async fn execute(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_whose_lease_is_anothers_by_now_is_left_to_the_other() {
    let (one, other) = two(&[("SCHEDULER_ENABLED", "true")]).await;
    let key = one.register(CARD).await;
    one.subscribe(&key, 15).await;
    let readies = one.calls("READY").await;
    one.fault(json!({"on": "READY", "kind": "delay_before", "delayMs": 1000})).await;
    let moved = async {
        one.until_called("READY", readies + 1).await;
        let pool = &one.service.ctx.pool;
        let owner = other.service.ctx.instance.number();
        let sql = "update subscriptions set leased_by = $1, leased_until = now() + interval '3 s'";
        sqlx::query(sql).bind(owner).execute(pool).await.unwrap();
    };
    // The walk ends when what was due is done: the other's lease has to run out first.
    tokio::join!(one.advance_days(31), moved);
    assert_eq!(one.ledger().await.len(), 1);
    assert_eq!(one.calls("CARD-BATCH").await, 1);
    assert_eq!(one.calls("READY").await, readies + 2, "the first ticket was not used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_whose_lease_has_run_out_is_not_sent_with_it() {
    let (one, _other) = two(&[("SCHEDULER_ENABLED", "true")]).await;
    let key = one.register(CARD).await;
    one.subscribe(&key, 15).await;
    let readies = one.calls("READY").await;
    one.fault(json!({"on": "READY", "kind": "delay_before", "delayMs": 1000})).await;
    let moved = async {
        one.until_called("READY", readies + 1).await;
        let sql = "update subscriptions set leased_until = now() - interval '1 s'";
        sqlx::query(sql).execute(&one.service.ctx.pool).await.unwrap();
    };
    tokio::join!(one.advance_days(31), moved);
    assert_eq!(one.ledger().await.len(), 1);
    assert_eq!(one.calls("CARD-BATCH").await, 1);
    assert_eq!(one.calls("READY").await, readies + 2, "the first ticket was not used");
}

/// A service, another beside it, and a database in which commits of intents take a second.
struct Paused {
    world: World,
    service: Arc<Process>,
    db: PgConnection,
}

impl Paused {
    async fn start() -> Self {
        let world = World::start().await;
        let service = Arc::new(world.service("service", &[]).await);
        let db = world.owner().await;
        Self { world, service, db }
    }

    /// From now on the commit of a new row of `table` takes a second.
    async fn slow_commits(&mut self, table: &str) {
        let sql = format!(
            "create function wait() returns trigger language plpgsql as
                $$ begin perform pg_sleep(1); return null; end $$;
             create constraint trigger slow_commit after insert on {table}
                deferrable initially deferred for each row execute function wait()"
        );
        execute(&mut self.db, &sql).await;
    }

    fn post(&self, path: &'static str, body: Value) -> JoinHandle<Reply> {
        let service = self.service.clone();
        tokio::spawn(async move { service.post(path, &body).await })
    }

    /// Waits until an intent is being committed (nothing else sleeps), and stops the process there.
    async fn stop_in_commit(&mut self) {
        let sql = "select exists (select from pg_stat_activity
            where datname = current_database() and wait_event = 'PgSleep')";
        for _ in 0..2000 {
            if sqlx::query_scalar(sql).fetch_one(&mut self.db).await.unwrap() {
                return self.service.signal("STOP");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no commit is seen");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_stopped_after_its_intent_does_not_send_the_charge() {
    let mut paused = Paused::start().await;
    let key = paused.service.register().await;
    paused.slow_commits("payments").await;
    // A commit that just takes a second is no reason.
    paused.service.post("/billing/pay", &one_off(&key)).await.data(200);
    let paying = paused.post("/billing/pay", one_off(&key));
    paused.stop_in_commit().await;
    tokio::time::sleep(STOPPED).await;
    paused.service.signal("CONT");
    paying.await.unwrap().fails(502, "gateway_unavailable");
    assert_eq!(paused.world.calls("CARD-BATCH").await, 1);
    let payments = paused.service.get("/billing/payments").await.data(200);
    assert_eq!(payments["items"].as_array().unwrap().len(), 1, "nothing is left: {payments}");
    assert_eq!(paused.world.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_stopped_after_its_intent_does_not_send_the_refund() {
    let mut paused = Paused::start().await;
    let key = paused.service.register().await;
    let payment = paused.service.post("/billing/pay", &one_off(&key)).await.data(200);
    paused.slow_commits("refunds").await;
    let refund = json!({"paymentId": payment["id"], "amount": 1000});
    paused.service.post("/billing/refund", &refund).await.data(200);
    let refunding = paused.post("/billing/refund", refund);
    paused.stop_in_commit().await;
    tokio::time::sleep(STOPPED).await;
    paused.service.signal("CONT");
    refunding.await.unwrap().fails(502, "gateway_unavailable");
    assert_eq!(paused.world.calls("CANCEL").await, 1);
    let path = format!("/billing/payment/{}", payment["id"].as_str().unwrap());
    assert_eq!(paused.service.get(&path).await.data(200)["refundableAmount"], 8900);
    assert_eq!(paused.world.ledger().await[0]["canceledAmount"], 1000);
}

/// Taken for dead, its charge is listed as unknown; a person finds out that it was not made.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_found_out_meanwhile_stands() {
    let mut paused = Paused::start().await;
    let key = paused.service.register().await;
    // Whoever only stands still may send for one time-out yet.
    let settings = [("SCHEDULER_INTERVAL_SECS", "1"), ("KIWOOM_TIMEOUT_SECS", "5")];
    let other = paused.world.service("other", &settings).await;
    paused.slow_commits("payments").await;
    let paying = paused.post("/billing/pay", one_off(&key));
    paused.stop_in_commit().await;
    let list = || other.get("/billing/payments?status=pending");
    let one = |reply: &Reply| reply.data(200)["items"].as_array().unwrap().len() == 1;
    other.until(list, one).await;
    execute(
        &mut paused.db,
        "select pg_terminate_backend(pid, 5000) from pg_locks where locktype = 'advisory'
            and objid::bigint = (select sender from payments where state = 'sending')
            and database = (select oid from pg_database where datname = current_database());
         update processes set seen_at = now() - interval '1 hour'
         where number = (select sender from payments where state = 'sending')",
    )
    .await;
    let list = || other.get("/billing/payments?status=unknown");
    let unknown = other.until(list, one).await.data(200)["items"][0].clone();
    let path = format!("/billing/payment/{}/resolve", unknown["id"].as_str().unwrap());
    let found = json!({"outcome": "declined", "reason": "가맹점 관리자에서 확인"});
    let settled = other.settle_by_hand(&path, &found).await.data(200);
    assert_eq!(settled["status"], "declined");
    tokio::time::sleep(STOPPED).await;
    paused.service.signal("CONT");
    let reply = paying.await.unwrap();
    reply.fails(402, "payment_declined");
    assert_eq!(paused.world.calls("CARD-BATCH").await, 0);
    let path = format!("/billing/payment/{}", unknown["id"].as_str().unwrap());
    assert_eq!(other.get(&path).await.data(200)["status"], "declined");
    assert!(paused.world.ledger().await.is_empty());
}
