//! Processes and connections that die, hang or double: nothing is charged twice, nothing is lost.

mod changes_at_once;
mod commits_in_doubt;
mod fencing;
mod idempotency_recovery;
mod interrupted_calls;
mod interrupted_renewals;
mod kills_and_failovers;
mod living_processes;
mod lost_intents;
mod outcome_journal;
mod patroni;
mod poolers;
mod process_and_database_loss;
mod replicas;
mod rolling_restart;
mod takeover;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp, one_off};
use crate::support::process::{ONCE, Process, World};
use crate::support::subscriptions::APPROVED;

pub const SECRET: (&str, &str) =
    ("BILLING_KEY_SECRET", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");

/// The process that will be taken for dead and has the sandbox, and the one that takes over.
/// Neither has a schedule unless it is asked for.
pub async fn two(settings: &[(&str, &str)]) -> (TestApp, TestApp) {
    let all = [&[SECRET, ("SCHEDULER_ENABLED", "false")], settings].concat();
    let one = TestApp::with(&all).await;
    let gateway = format!("{}/sandbox", one.base);
    let more = [("KIWOOM_BASE_URL", gateway.as_str()), ("DATABASE_MAX_CONNECTIONS", "10")];
    let other = one.replica(&more).await;
    (one, other)
}

/// The answer to a request under the key of [`ONCE`].
pub async fn once(app: &TestApp, path: &str, body: &Value) -> Reply {
    let request = app.request(Method::POST, path).header("Idempotency-Key", "once");
    app.send(request.json(body)).await
}

/// Where the lock of the process's number is held, while it is.
const HOLDERS: &str = "select pid from pg_locks where locktype = 'advisory'
    and objid::bigint = $1::bigint
    and database = (select oid from pg_database where datname = current_database())";

/// Cuts the connection that tells PostgreSQL that `app` is alive, as if that had been long ago. It is
/// back two seconds later.
pub async fn take_for_dead(app: &TestApp, seen_by: &TestApp) {
    // After a start of the server nobody counts as dead for ten seconds.
    let sql = "select pg_sleep(greatest(0, 10.1
        - extract(epoch from clock_timestamp() - pg_postmaster_start_time())))";
    sqlx::query(sql).execute(&seen_by.service.ctx.pool).await.unwrap();
    let sql = format!(
        "with long_ago as (
            update processes set seen_at = now() - interval '1 hour' where number = $1::bigint)
         select pg_terminate_backend(pid, 5000) from ({HOLDERS}) holders"
    );
    let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
    let number = i64::from(app.service.ctx.instance.number());
    let cut: Vec<bool> = query.bind(number).fetch_all(&seen_by.service.ctx.pool).await.unwrap();
    assert_eq!(cut, [true]);
}

/// Has `other` take a request of [`ONCE`] over from `slow`, which it takes for dead. When `slow` had its
/// lock back before `other` looked, as on a busy machine, it is cut off again.
pub async fn take_over(slow: &TestApp, other: &TestApp, path: &str, body: &Value) -> Reply {
    for _ in 0..10 {
        take_for_dead(slow, other).await;
        let reply = once(other, path, body).await;
        let is_early = reply.status == 409 && reply.error(409)["code"] == "request_in_progress";
        if !is_early {
            return reply;
        }
    }
    panic!("the lock was always back");
}

/// Waits until PostgreSQL knows again that `app` is alive, and until it has just said so: it looks
/// again two seconds later.
pub async fn until_alive(app: &TestApp, seen_by: &TestApp) {
    let number = i64::from(app.service.ctx.instance.number());
    let sql = format!(
        "select extract(epoch from seen_at)::text from processes
         where number = $1::bigint and exists ({HOLDERS})"
    );
    let mut first = None;
    for _ in 0..1000 {
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(&*sql)).bind(number);
        let seen: Option<String> = query.fetch_optional(&seen_by.service.ctx.pool).await.unwrap();
        if seen.is_some() && first.is_some() && seen != first {
            return;
        }
        first = first.or(seen);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the lock is not taken again");
}

/// A charge, a subscription and a refund that can be made: path and body.
pub async fn one_of_each(app: &TestApp) -> [(&'static str, Value); 3] {
    let key = app.register(APPROVED).await;
    let paid = app.pay(&key).await.data(200);
    let mut subscribe = one_off(&key);
    let more = json!({"planId": "monthly", "cycleDay": 15, "chargeNow": true});
    subscribe.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    [
        ("/billing/pay", one_off(&key)),
        ("/billing/subscribe", subscribe),
        ("/billing/refund", json!({"paymentId": paid["id"], "amount": 4000})),
    ]
}

/// The fault that the gateway does what it is asked to and answers late.
pub fn delay_after(on: &str, millis: u32) -> Value {
    json!({"on": on, "kind": "delay_after", "delayMs": millis})
}

/// Starts a call that the gateway answers late, and waits until the gateway has done it.
pub async fn begin(
    world: &World,
    service: &Arc<Process>,
    path: &'static str,
    body: Value,
    done: impl Fn(&[Value]) -> bool,
) {
    let caller = service.clone();
    tokio::spawn(async move { drop(caller.try_post(path, ONCE, &body).await) });
    for _ in 0..500 {
        if done(&world.ledger().await) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the gateway was not called");
}

/// Waits until this many payments are unknown; them.
pub async fn unknown(service: &Process, count: usize) -> Vec<Value> {
    let reply = service
        .until(
            || service.get("/billing/payments?status=unknown"),
            |reply| reply.data(200)["items"].as_array().unwrap().len() == count,
        )
        .await;
    reply.data(200)["items"].as_array().unwrap().clone()
}
