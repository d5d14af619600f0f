//! What an operator sees of the services, and tells them.

use std::process::Command;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{READY_POLL, READY_TIMEOUT, World};
use crate::simulate::{Failure, merchant};
use kiwoom_billing::storage::database::private::DATABASE;

/// Within this time every process knows that its database is not the one it was.
const NOTICED_WITHIN: Duration = Duration::from_secs(15);
/// KiwoomPay tells again for so long (protocol section 4), some notifications at once.
const LAST_RESEND: TimeDelta = TimeDelta::minutes(40);
const MOST_RESENDS: usize = 30;
/// Until a notification is taken.
const TOLD: Duration = Duration::from_millis(20);

impl World {
    /// Waits until every service says that its schedule is paused. Those that do not in time.
    pub async fn not_paused(&self) -> Vec<usize> {
        let deadline = Instant::now() + NOTICED_WITHIN;
        let mut open: Vec<usize> = (0..self.services.len()).collect();
        while !open.is_empty() && Instant::now() < deadline {
            let mut still = Vec::new();
            for n in open {
                if self.charging(n).await.as_deref() != Some("paused") {
                    still.push(n);
                }
            }
            open = still;
            tokio::time::sleep(READY_POLL).await;
        }
        open
    }

    /// Waits until every service charges by its schedule. What it has seen in the database is kept
    /// outside it by then.
    pub async fn until_charging(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + READY_TIMEOUT;
        for n in 0..self.services.len() {
            while self.charging(n).await.as_deref() != Some("on") {
                if Instant::now() > deadline {
                    let dir = self.dir.display();
                    return Err(format!("service-{n} does not charge again; see {dir}").into());
                }
                tokio::time::sleep(READY_POLL).await;
            }
        }
        Ok(())
    }

    /// What health says of the schedule, when it says anything.
    async fn charging(&self, n: usize) -> Option<String> {
        let url = self.reach.url(n, "/health/ready");
        let answer: Value = self.reach.client.get(url).send().await.ok()?.json().await.ok()?;
        answer["data"]["scheduledCharging"].as_str().map(str::to_owned)
    }

    /// `kiwoom-billing resume-charging`, on another machine.
    pub async fn resume_charging(&self) -> Result<(), Failure> {
        let mut command = Command::new(&self.program);
        command.args(["resume-charging", "--reason", "결제 기록 대조 완료"]).env_clear();
        command.env("DATABASE_URL", self.private()?.url(DATABASE));
        command.env("DATA_DIR", self.dir.join("operator")).current_dir(&self.dir);
        let done = command.output()?;
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&done.stderr).into_owned().into());
        }
        self.until_charging().await
    }

    /// How many charges have reached the gateway, declined ones too.
    pub async fn charges_sent(&self) -> Result<u64, Failure> {
        let url = format!("{}/calls", self.reach.sandbox_url);
        let calls: Value = self.reach.client.get(url).send().await?.json().await?;
        Ok(calls["counters"]["CARD-BATCH"].as_u64().unwrap_or(0))
    }

    /// When the gateway sends the next notification.
    pub async fn next_notification(&self) -> Result<Option<DateTime<Utc>>, Failure> {
        let url = format!("{}/notifications", self.reach.sandbox_url);
        let shown: Value = self.reach.client.get(url).send().await?.json().await?;
        let pending = shown["pending"].as_array().ok_or("no list of notifications")?;
        let due = pending.iter().filter_map(|notice| notice["due"].as_str());
        let due = due.filter_map(|text| DateTime::parse_from_rfc3339(text).ok());
        Ok(due.min().map(|due| due.to_utc()))
    }

    /// Lets the gateway tell again what was not taken, when it would: after a longer move of the clock
    /// all of it would come at once, and later than KiwoomPay tells anything.
    pub async fn told_again(&self, to: DateTime<Utc>) -> Result<(), Failure> {
        let until = to.min(merchant::now(&self.reach).await? + LAST_RESEND);
        for _ in 0..MOST_RESENDS {
            let Some(due) = self.next_notification().await?.filter(|due| *due < until) else {
                return Ok(());
            };
            merchant::set_clock(&self.reach, due).await?;
            merchant::until_followed(&self.reach, due).await;
            tokio::time::sleep(TOLD).await;
        }
        Ok(())
    }

    /// Tells every service to stop, in order, and starts it again.
    pub async fn restart_services(&mut self) -> Result<(), Failure> {
        for n in 0..self.services.len() {
            self.services[n].terminate()?;
            if self.services[n].ended(READY_TIMEOUT).await.is_none() {
                return Err(format!("service-{n} does not end; see {}", self.dir.display()).into());
            }
            self.revive(n).await?;
        }
        Ok(())
    }
}
