//! Whether anything was lost, and whether the processes grew.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::process::Failure;
use crate::soak::Sizes;
use crate::soak::load::Load;
use crate::soak::stage::Stage;

/// From this growth on, in percent, it fails.
const GROWTH: f64 = 5.0;
/// Until the last events are delivered: after the receiver was away, tries have pauses.
const DELIVERED_WITHIN: Duration = Duration::from_mins(5);

#[derive(Deserialize)]
struct Ledger {
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    order_no: String,
    calls: u32,
}

/// Prints both; whether all is well.
pub async fn judge(stage: &Stage, load: &Load, sizes: &[Sizes]) -> Result<bool, Failure> {
    let grew = growth(sizes)?;
    let lost = lost(stage, load).await?;
    for problem in &lost {
        println!("  {problem}");
    }
    let is_good = lost.is_empty() && grew.iter().all(|percent| *percent < GROWTH);
    println!("verdict: {}", if is_good { "clean" } else { "FAILED" });
    Ok(is_good)
}

/// Of each process, in percent: the middle value of the last tenth against that of the tenth that ends the
/// first quarter.
fn growth(sizes: &[Sizes]) -> Result<Vec<f64>, Failure> {
    let (count, tenth) = (sizes.len(), sizes.len() / 10);
    let quarter = count / 4;
    let parts = (sizes.get(quarter - tenth.min(quarter)..quarter), sizes.get(count - tenth..));
    let (Some(before @ [_, ..]), Some(after @ [_, ..])) = parts else {
        return Err("too short: three minutes at least".into());
    };
    let grew = (0..before[0].len()).map(|service| {
        let (before, after) = (median(before, service), median(after, service));
        let percent = (after - before) / before * 100.0;
        println!("  service {service}: {before} KiB, then {after} KiB: {percent:+.1} %");
        percent
    });
    Ok(grew.collect())
}

fn median(sizes: &[Sizes], service: usize) -> f64 {
    let mut of_one: Vec<u32> =
        sizes.iter().map(|all| u32::try_from(all[service]).unwrap_or(u32::MAX)).collect();
    of_one.sort_unstable();
    f64::from(of_one[of_one.len() / 2])
}

/// What is missing on either side, or there twice.
async fn lost(stage: &Stage, load: &Load) -> Result<Vec<String>, Failure> {
    let mut problems = Vec::new();
    let mut require = |what: &str, count: i64| {
        if count != 0 {
            problems.push(format!("{count} {what}"));
        }
    };
    let waiting = until_delivered(stage).await?;
    let events = count(stage, "select count(*) from events").await?;
    let told = stage.receiver.ids.lock().unwrap_or_else(PoisonError::into_inner).len();
    require("deliveries still wait or were given up", waiting);
    require("events never reached the receiver", events - i64::try_from(told)?);
    let unanswered = load.unanswered.load(Ordering::Relaxed);
    require("requests were never answered", i64::try_from(unanswered)?);

    let ledger: Ledger =
        reqwest::get(format!("{}/ledger", stage.sandbox_url)).await?.json().await?;
    let query = "select order_no, state from payments where state in ('approved', 'unknown')";
    let books: Vec<(String, String)> = sqlx::query_as(query).fetch_all(&stage.pool).await?;
    let books: HashMap<_, _> = books.into_iter().collect();
    let charged: Vec<_> = ledger.transactions.iter().map(|t| t.order_no.as_str()).collect();
    let missing = charged.iter().filter(|order| !books.contains_key(**order)).count();
    require("charges are not in the books", i64::try_from(missing)?);
    let twice = ledger.transactions.iter().filter(|t| t.calls > 1).count();
    let orders: std::collections::HashSet<_> = charged.iter().collect();
    require("charges were made twice", i64::try_from(twice + charged.len() - orders.len())?);
    let made_up = books
        .iter()
        .filter(|(order, state)| *state == "approved" && !orders.contains(&order.as_str()));
    require("payments in the books were never charged", i64::try_from(made_up.count())?);

    let answered = load.answered.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let ids: Vec<_> = answered.iter().filter(|(_, status)| *status == 200).collect();
    let ids: Vec<_> =
        ids.into_iter().filter_map(|(id, _)| id.split_once('_')?.1.parse().ok()).collect();
    let ids: Vec<uuid::Uuid> = ids;
    let query = "select (select count(*) from payments where id = any($1) and state = 'approved')
        + (select count(*) from refunds where id = any($1) and state = 'refunded')";
    let kept: i64 = sqlx::query_scalar(query).bind(&ids).fetch_one(&stage.pool).await?;
    require("answers of success are not in the books", i64::try_from(ids.len())? - kept);
    let unknown = books.values().filter(|state| *state == "unknown").count();
    println!(
        "  {} answers, {} charges, {unknown} unknown, {events} events",
        answered.len(),
        charged.len()
    );
    Ok(problems)
}

/// How many are left when nothing more is to be waited for.
async fn until_delivered(stage: &Stage) -> Result<i64, Failure> {
    let began = Instant::now();
    loop {
        let left = "select (select count(*) from event_deliveries where state <> 'delivered')
            + (select count(*) from events
                where position > (select coalesce(max(position), 0) from event_data)
                or position > (select min(position) from webhook_endpoints))";
        let left = count(stage, left).await?;
        if left == 0 || began.elapsed() > DELIVERED_WITHIN {
            return Ok(left);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn count(stage: &Stage, sql: &'static str) -> Result<i64, Failure> {
    Ok(sqlx::query_scalar(sql).fetch_one(&stage.pool).await?)
}
