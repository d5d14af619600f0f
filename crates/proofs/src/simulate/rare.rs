//! Counts of the rare states, which prove that a run has reached them: from our own books and logs.

use crate::simulate::load::Transaction;
use crate::simulate::world::World;
use crate::simulate::{Counters, Failure};

/// What is counted in the database.
const QUERIES: &[(&str, &str)] = &[
    (
        "rare: attempts settled by hand",
        "select count(*) from payments where resolve_reason is not null",
    ),
    ("rare: orders paid late", "select count(*) from payments where late"),
    (
        "rare: notifications told more than once",
        "select count(*) from notifications where copies > 1",
    ),
    (
        "rare: card charges confirmed by a notification",
        "select count(*) from notifications n join payments p on p.order_no = n.order_no
         where n.verdict = 'applied' and n.kind = 'payment' and p.kind <> 'checkout'",
    ),
    (
        "rare: refunds learnt from a notification",
        "select count(*) from refunds where origin = 'gateway'",
    ),
    ("rare: refunds unknown at the end", "select count(*) from refunds where state = 'unknown'"),
    (
        "rare: charges that took several attempts",
        "select count(*) from (select from payments where kind = 'subscription'
         group by subscription_id, charge_no having count(*) > 1) charges",
    ),
    (
        "rare: stubs",
        "select count(*) from subscription_segments where kind = 'paid' and reason = 'stub'",
    ),
    (
        "rare: changes at once",
        "select count(distinct (subscription_id, charge_no)) from subscription_segments
         where kind = 'paid' and reason = 'changed'",
    ),
    (
        "rare: changes undone",
        "select count(*) from subscription_charges c where state = 'declined' and not exists (
            select from subscription_segments
            where subscription_id = c.subscription_id and charge_no = c.number)",
    ),
    (
        "rare: credit used",
        "select count(*) from subscription_charges where credit > 0 and state <> 'declined'",
    ),
    (
        "rare: charges that credit paid for whole",
        "select count(*) from subscription_charges where credit > 0 and amount = 0",
    ),
    (
        "rare: charges that changed at once, unknown at the end",
        "select count(*) from subscriptions where undo is not null",
    ),
    (
        "rare: free days given",
        "select coalesce(sum(ends_on - starts_on), 0) from subscription_segments
         where reason = 'extension'",
    ),
    (
        "rare: free periods of a phase",
        "select count(*) from subscription_segments where reason = 'free_phase'",
    ),
    (
        "rare: free for want of a consent",
        "select count(*) from subscription_segments where reason = 'no_consent'",
    ),
    (
        "rare: days without service, paused",
        "select coalesce(sum(ends_on - starts_on), 0) from subscription_segments
         where reason = 'paused'",
    ),
    (
        "rare: days without service, unpaid",
        "select coalesce(sum(ends_on - starts_on), 0) from subscription_segments
         where reason = 'unpaid'",
    ),
    (
        "rare: periods that were over before anybody could charge them",
        "select count(*) from subscription_segments where reason = 'missed'",
    ),
    (
        "rare: charges by the caller",
        "select count(*) from payments
         where kind = 'subscription' and initiated_by = 'merchant'",
    ),
];

/// Messages of the services' logs.
const MESSAGES: &[(&str, &str)] = &[
    ("rare: charges cut short, found unknown", "a charge was cut short"),
    ("rare: refunds cut short, found unknown", "a refund was cut short"),
    ("rare: charges whose answer was lost", "charge outcome unknown"),
    ("rare: refunds whose answer was lost", "refund outcome unknown"),
    ("rare: charges that were not sent", "charge not sent"),
    ("rare: renewals tried again later", "renewal not sent"),
    ("rare: subscriptions left for a later pass", "subscription left for a later pass"),
    ("rare: outcomes kept while they could not be written", "outcome not recorded yet"),
    ("rare: outcomes given up while they could not be written", "outcome not recorded\""),
    ("rare: outcomes recorded from the journal", "outcome recorded from the journal"),
    ("rare: rights found missing", "nothing is sent to KiwoomPay"),
    ("rare: locks taken again", "the lock of this process is gone"),
    ("rare: pauses of the schedule", "scheduled charging is paused"),
    ("rare: intents whose COMMIT was not confirmed", "intent whose commit was not confirmed"),
    ("rare: requests taken over", "a request was taken over"),
    ("rare: steps of the schedule that failed", "a step of the schedule failed"),
    ("rare: Idempotency-Key answers stored later", "answer to an Idempotency-Key not stored"),
];

/// How often each was reached.
pub async fn states(world: &World, ledger: &[Transaction]) -> Result<Counters, Failure> {
    let mut counters = Counters::new();
    for (name, sql) in QUERIES {
        let count: i64 = sqlx::query_scalar(*sql).fetch_one(&world.reach.pool).await?;
        counters.insert((*name).to_owned(), count.unsigned_abs());
    }
    let logs = world.logs();
    for (name, message) in MESSAGES {
        let count = logs.lines().filter(|line| line.contains(message)).count();
        counters.insert((*name).to_owned(), u64::try_from(count)?);
    }
    let given_back = ledger.iter().filter(|t| t.canceled_amount > 0).count();
    counters.insert("gateway transactions given back".to_owned(), u64::try_from(given_back)?);
    Ok(counters)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn sources(dir: &Path) -> String {
        let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        let read = |path: PathBuf| {
            if path.is_dir() {
                sources(&path)
            } else {
                fs::read_to_string(path).unwrap_or_default()
            }
        };
        paths.map(read).collect()
    }

    #[test]
    fn every_message_that_is_counted_is_one_that_the_service_logs() {
        let service = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src"));
        for (name, message) in MESSAGES {
            assert!(service.contains(message), "{name}: {message}");
        }
    }
}
