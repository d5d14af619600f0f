//! What happens: registrations, subscriptions, then month after month with faults and kills.

use std::time::{Duration, Instant};

use chrono::{DateTime, Months, Utc};
use fastrand::Rng;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::world::World;
use super::{Counters, Failure, Options};
use crate::clock::rfc3339_kst;

/// How long work that is due may take before the simulation gives up.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(5);
const SETUP_CONCURRENCY: usize = 8;

/// Test cards of the sandbox and how many of a hundred cards are of each kind.
const CARDS: &[(&str, u8)] = &[
    ("4111111111111111", 82),
    ("4000000000009995", 8),
    ("4000000000000341", 4),
    ("4000000000009979", 2),
    ("4000000000000119", 4),
];

struct Driver<'a> {
    world: &'a mut World,
    options: &'a Options,
    faults: &'a [&'static str],
    counters: &'a mut Counters,
    rng: Rng,
    keys: Vec<String>,
    kills_left: u32,
}

/// Makes the subscriptions, walks the months, and lets everything come to rest.
pub async fn drive(
    world: &mut World,
    options: &Options,
    faults: &[&'static str],
    counters: &mut Counters,
) -> Result<(), Failure> {
    let rng = Rng::with_seed(options.seed);
    let kills_left = options.kill;
    let keys = Vec::new();
    let mut driver = Driver { world, options, faults, counters, rng, keys, kills_left };
    driver.subscribe().await?;
    driver.walk().await?;
    driver.rest().await
}

impl Driver<'_> {
    async fn subscribe(&mut self) -> Result<(), Failure> {
        let plans: Vec<(u32, &str, u32, u32)> = (0..self.options.subs)
            .map(|n| (n, pick_card(&mut self.rng), self.rng.u32(1..=31), self.rng.u32(1..=99)))
            .collect();
        let world = &*self.world;
        let made = stream::iter(plans).map(|plan| subscribe_one(world, plan));
        let made: Vec<Result<String, Failure>> =
            made.buffer_unordered(SETUP_CONCURRENCY).collect().await;
        self.keys = made.into_iter().collect::<Result<_, _>>()?;
        // The order in which answers came is not the seed's doing.
        self.keys.sort_unstable();
        println!("  {} subscriptions made", self.keys.len());
        Ok(())
    }

    async fn walk(&mut self) -> Result<(), Failure> {
        let start = self.now().await?;
        for month in 1..=self.options.months {
            let target = start + Months::new(month);
            while let Some(next) = self.next_due().await?.filter(|at| *at <= target) {
                self.mischief().await?;
                self.set_clock(next).await?;
                self.until_quiet(next).await?;
            }
            self.set_clock(target).await?;
            println!("  month {month} of {}", self.options.months);
        }
        Ok(())
    }

    /// Faults, kills and the merchant's own calls, as the seed has it.
    async fn mischief(&mut self) -> Result<(), Failure> {
        if !self.faults.is_empty() && self.rng.u8(0..100) < 30 {
            let kind = self.faults[self.rng.usize(..self.faults.len())];
            let on = ["CARD-BATCH", "CARD-BATCH", "CARD-BATCH", "CANCEL", "READY"];
            let on =
                if kind == "drop_after_notify" { "CARD-BATCH" } else { on[self.rng.usize(..5)] };
            let fault = json!({"on": on, "kind": kind, "delayMs": 1500, "code": "9115"});
            self.world.sandbox_post("/faults", &fault).await?;
            self.count(&format!("fault {kind}"));
        }
        if self.rng.u8(0..100) < 15 {
            self.pay_and_refund().await?;
        }
        if self.rng.u8(0..100) < 25 && self.kills_left > 0 {
            self.kill_in_the_middle().await?;
        }
        Ok(())
    }

    /// Lets what is due begin, and kills a service some milliseconds into it.
    async fn kill_in_the_middle(&mut self) -> Result<(), Failure> {
        self.kills_left -= 1;
        self.count("kill -9");
        if let Some(next) = self.next_due().await? {
            self.set_clock(next).await?;
        }
        tokio::time::sleep(Duration::from_millis(self.rng.u64(0..60))).await;
        let n = self.rng.usize(..self.world.replicas.len());
        self.world.kill(n).await
    }

    /// A single charge, and a refund of a part of it. Every answer is fine; the verdict counts.
    async fn pay_and_refund(&mut self) -> Result<(), Failure> {
        let key = self.keys[self.rng.usize(..self.keys.len())].clone();
        let amount = self.rng.u32(1000..50_000);
        let customer = customer_of(&self.world.pool, &key).await?;
        let n = self.rng.usize(..self.world.replicas.len());
        let body = json!({
            "billingKey": key, "customerId": customer, "amount": amount, "productName": "단건 결제",
        });
        let answer =
            self.world.client.post(self.world.url(n, "/billing/pay")).json(&body).send().await;
        let status = answer.as_ref().map_or(0, |a| a.status().as_u16());
        let paid: Option<Value> = match answer {
            Ok(answer) => answer.json().await.ok(),
            Err(_) => None,
        };
        self.count(&format!("one-off answered {status}"));
        let Some(id) = paid.as_ref().and_then(|p| p["data"]["id"].as_str()) else { return Ok(()) };
        let refund = json!({"paymentId": id, "amount": self.rng.u32(1..=amount)});
        for n in 0..2 {
            let answer = self.world.client.post(self.world.url(n, "/billing/refund")).json(&refund);
            let status = answer.send().await.map_or(0, |a| a.status().as_u16());
            self.count(&format!("refund answered {status}"));
        }
        Ok(())
    }

    /// Waits until nothing that is due at `now` is left and no charge is under way.
    async fn until_quiet(&mut self, now: DateTime<Utc>) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let query = sqlx::query_scalar(
                "select exists (select from subscriptions where next_attempt_at <= $1)
                     or exists (select from payments where state = 'sending')
                     or exists (select from refunds where state = 'sending')",
            );
            if !query.bind(now).fetch_one::<_>(&self.world.pool).await.unwrap_or(true) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!(
                    "work due at {} does not get done; see {}",
                    rfc3339_kst(now),
                    self.world.dir.display()
                )
                .into());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// No more faults; what is open comes to its end.
    async fn rest(&mut self) -> Result<(), Failure> {
        let clear = self.world.client.delete(format!("{}/faults", self.world.sandbox_url));
        clear.send().await?.error_for_status()?;
        let now = self.now().await?;
        self.until_quiet(now).await
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        let query = "select min(next_attempt_at) from subscriptions
             where next_attempt_at is not null";
        Ok(sqlx::query_scalar(query).fetch_one(&self.world.pool).await?)
    }

    async fn now(&self) -> Result<DateTime<Utc>, Failure> {
        let url = format!("{}/clock", self.world.sandbox_url);
        let answer: Value = self.world.client.get(url).send().await?.json().await?;
        let text = answer["now"].as_str().unwrap_or_default();
        Ok(DateTime::parse_from_rfc3339(text)?.to_utc())
    }

    async fn set_clock(&self, instant: DateTime<Utc>) -> Result<(), Failure> {
        if instant <= self.now().await? {
            return Ok(());
        }
        let body = json!({"now": rfc3339_kst(instant)});
        // Between the look and the post the instant may have passed by itself.
        let posted = self.world.sandbox_post("/clock", &body).await;
        if self.now().await? < instant { posted.map(drop) } else { Ok(()) }
    }

    fn count(&mut self, name: &str) {
        *self.counters.entry(name.to_owned()).or_default() += 1;
    }
}

async fn customer_of(pool: &sqlx::PgPool, key: &str) -> Result<String, Failure> {
    let id = crate::ids::BillingKeyId::parse(key);
    let query = sqlx::query_scalar("select customer_id from billing_keys where id = $1");
    Ok(query.bind(id).fetch_one(pool).await?)
}

fn pick_card(rng: &mut Rng) -> &'static str {
    let mut ticket = rng.u8(0..100);
    for (number, share) in CARDS {
        if ticket < *share {
            return number;
        }
        ticket -= share;
    }
    CARDS[0].0
}

async fn subscribe_one(
    world: &World,
    (n, card, day, thousands): (u32, &str, u32, u32),
) -> Result<String, Failure> {
    let replica = usize::try_from(n)?;
    let customer = format!("customer-{n}");
    let card = json!({
        "cardNumber": card, "expireDate": "3012", "cardPassword": "12", "birthDate": "901231",
        "customerName": "홍길동", "customerId": customer,
    });
    let register = world.client.post(world.url(replica, "/billing/register")).json(&card);
    let answer: Value = register.send().await?.error_for_status()?.json().await?;
    let key = answer["data"]["billingKey"].as_str().unwrap_or_default().to_owned();
    let plan = json!({
        "billingKey": key, "customerId": customer, "planId": "monthly", "cycleDay": day,
        "amount": thousands * 1000, "productName": "월간 구독",
    });
    let subscribe = world.client.post(world.url(replica, "/billing/subscribe")).json(&plan);
    subscribe.send().await?.error_for_status()?;
    Ok(key)
}
