//! What needs an operator or takes long: a migration, a database that goes back in time, a right that
//! is taken away, a lock that is lost, a machine whose clock is ahead. They come in turn.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use fastrand::Rng;
use serde_json::json;

use crate::simulate::diary::Note;
use crate::simulate::drive::Driver;
use crate::simulate::trap::Fault;
use crate::simulate::world::ahead::Ahead;
use crate::simulate::{Failure, merchant};

/// At most so many stops of the clock between two.
const MAX_GAP: u32 = 8;
/// Each comes about this often in a run that is not long.
const ROUNDS: u32 = 2;
/// No notification may be due meanwhile: one that a database takes which is then put away is lost.
const NO_NOTIFICATION_WITHIN: TimeDelta = TimeDelta::minutes(2);
/// A service keeps every two seconds what it has seen in the database.
const SEEN: Duration = Duration::from_secs(3);
/// Some passes of the schedule.
const WATCHED: Duration = Duration::from_secs(3);
/// Longer than a process looks for its lock, and than it takes to be taken for dead.
const SILENCE: Duration = Duration::from_secs(14);
/// How long outcomes are refused: the first, and each fourth, longer than a process tries to write
/// one.
const REFUSED: [Duration; 4] = [
    Duration::from_secs(75),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
];
/// A call of the gateway that takes this long is under way when the right is taken away.
const SLOW_CALL_MS: u64 = 800;
const SLOW_CALLS: u64 = 8;
const POLL: Duration = Duration::from_millis(5);

/// Which incident comes when.
pub struct Rota {
    kinds: Vec<&'static str>,
    gap: u32,
    stops: u32,
    dealt: usize,
}

impl Rota {
    /// All of `kinds`, shuffled, again and again, in a run of about so many stops.
    pub fn new(mut kinds: Vec<&'static str>, stops: u32, seed: u64) -> Self {
        Rng::with_seed(seed).shuffle(&mut kinds);
        let count = u32::try_from(kinds.len()).unwrap_or(1).max(1);
        let gap = (stops / (count * ROUNDS)).clamp(1, MAX_GAP);
        Self { kinds, gap, stops: 0, dealt: 0 }
    }

    /// That of the next stop.
    pub fn deal(&mut self) -> Option<&'static str> {
        self.stops += 1;
        if self.kinds.is_empty() || !self.stops.is_multiple_of(self.gap) {
            return None;
        }
        let kind = self.kinds[self.dealt % self.kinds.len()];
        self.dealt += 1;
        Some(kind)
    }

    /// How often all of them have come.
    fn round(&self) -> usize {
        self.dealt.saturating_sub(1) / self.kinds.len().max(1)
    }
}

/// One that goes on.
pub enum Incident {
    /// The data folder is copied, and will be rolled back.
    RollBack,
    /// The database is dumped, and will be restored.
    Restore(Vec<u8>),
    /// A machine whose clock is ahead.
    ClockAhead(Ahead),
    /// A new column, while cards are charged.
    Migrate,
    /// A right is taken away, while cards are charged.
    Refuse(Duration),
    /// The connection of a lock is lost.
    Lock(Fault),
}

impl Driver<'_> {
    /// Before the clock moves.
    pub async fn begin_incident(&mut self, name: &'static str) -> Result<Incident, Failure> {
        Ok(match name {
            "roll_back" => {
                self.quietly().await?;
                self.world.snapshot().await?;
                self.world.until_charging().await?;
                self.world.traps.suspend(false);
                Incident::RollBack
            }
            "restore" => Incident::Restore(self.world.dump().await?),
            "clock_ahead" => {
                self.quietly().await?;
                let ahead = self.world.start_ahead().await?;
                self.world.traps.suspend(false);
                Incident::ClockAhead(ahead)
            }
            "migrate" => Incident::Migrate,
            "refuse" => {
                let slow = json!({
                    "on": "CARD-BATCH", "kind": "delay_after", "delayMs": SLOW_CALL_MS,
                    "times": SLOW_CALLS,
                });
                self.world.reach.sandbox_post("/faults", &slow).await?;
                Incident::Refuse(REFUSED[self.rota.round() % REFUSED.len()])
            }
            "lock_silent" => Incident::Lock(Fault::LockSilent(SILENCE)),
            _ => Incident::Lock(Fault::LockCut),
        })
    }

    /// While cards are charged.
    pub async fn during(&mut self, incident: &mut Incident) -> Result<(), Failure> {
        match incident {
            Incident::Migrate => {
                let number = self.diary.counters.get("migrations under load").copied();
                self.until_sending().await?;
                self.world.migrate(number.unwrap_or(0)).await?;
                self.count("migrations under load");
            }
            Incident::Refuse(time) => self.refuse(*time).await?,
            Incident::Lock(fault) => {
                self.until_sending().await?;
                for n in 0..self.world.reach.replicas() {
                    self.world.traps.inject(n, *fault, None);
                }
            }
            Incident::RollBack | Incident::Restore(_) | Incident::ClockAhead(_) => {}
        }
        Ok(())
    }

    /// When the work is done.
    pub async fn end_incident(&mut self, incident: Incident) -> Result<(), Failure> {
        match incident {
            Incident::RollBack => {
                self.back_in_time().await?;
                self.world.roll_back().await?;
                self.watch("data folder rolled back").await?;
                self.world.roll_forward().await?;
                self.go_on("data folder rolled back").await
            }
            Incident::Restore(dump) => {
                self.back_in_time().await?;
                self.world.restore(&dump).await?;
                self.watch("dump restored").await?;
                self.world.undo_restore().await?;
                self.go_on("dump restored").await
            }
            Incident::ClockAhead(ahead) => {
                self.quietly().await?;
                let sent = self.world.stop_ahead(ahead).await?;
                if sent > 0 {
                    let found = format!("{sent} charges by a machine whose clock is ahead");
                    self.diary.note(Note::NotPaused(found));
                }
                self.count("machines whose clock is 20 days ahead");
                self.world.traps.suspend(false);
                Ok(())
            }
            Incident::Migrate | Incident::Refuse(_) | Incident::Lock(_) => Ok(()),
        }
    }

    fn count(&mut self, name: &str) {
        self.diary.note(Note::Count(name.to_owned()));
    }

    /// Nothing happens to the services, and what has happened is repaired.
    async fn quietly(&mut self) -> Result<(), Failure> {
        self.world.traps.suspend(true);
        self.world.tend(&mut self.diary.counters).await
    }

    /// All services have seen what is in the database; then nothing happens to them, and nothing is
    /// told, while it is another one.
    async fn back_in_time(&mut self) -> Result<(), Failure> {
        self.quietly().await?;
        self.world.until_charging().await?;
        tokio::time::sleep(SEEN).await;
        while let Some(due) = self.world.next_notification().await? {
            let now = merchant::now(&self.world.reach).await?;
            if due > now + NO_NOTIFICATION_WITHIN {
                break;
            }
            merchant::set_clock(&self.world.reach, due).await?;
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// The schedule pauses everywhere, and sends nothing of what is due in the older database.
    async fn watch(&mut self, name: &str) -> Result<(), Failure> {
        let before = self.world.charges_sent().await?;
        self.all_paused(name).await;
        tokio::time::sleep(WATCHED).await;
        let sent = self.world.charges_sent().await? - before;
        if sent > 0 {
            self.diary.note(Note::NotPaused(format!("{name}: {sent} charges sent")));
        }
        self.count(name);
        Ok(())
    }

    async fn all_paused(&mut self, name: &str) {
        for n in self.world.not_paused().await {
            self.diary.note(Note::NotPaused(format!("{name}: service-{n} charges on")));
        }
    }

    /// The newer database is back. Everybody waits for the operator, who says that charging goes on.
    async fn go_on(&mut self, after: &str) -> Result<(), Failure> {
        self.all_paused(&format!("after {after}")).await;
        self.world.resume_charging().await?;
        self.world.traps.suspend(false);
        Ok(())
    }

    /// A card is being charged, or nothing is due any more.
    async fn until_sending(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + WATCHED;
        while Instant::now() < deadline {
            let query = "select exists (select from payments where state = 'sending')";
            let sending = sqlx::query_scalar(query).fetch_one(&self.world.reach.pool).await;
            if sending.unwrap_or(false) {
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// No outcome can be written for a time. When that is longer than the processes try, an operator
    /// starts them again: what they could not write is in their journals.
    async fn refuse(&mut self, time: Duration) -> Result<(), Failure> {
        self.quietly().await?;
        self.until_sending().await?;
        self.world.let_outcomes_be_written(false).await?;
        tokio::time::sleep(time).await;
        self.world.let_outcomes_be_written(true).await?;
        self.count("outcomes refused for a time");
        if time == REFUSED[0] {
            self.count("outcomes refused for longer than a minute");
            self.world.restart_services().await?;
        }
        self.world.traps.suspend(false);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_incident_comes_in_turn() {
        let mut rota = Rota::new(vec!["a", "b", "c"], 72, 7);
        let dealt: Vec<_> = (0..72).filter_map(|_| rota.deal()).collect();
        assert_eq!(dealt.len(), 9);
        for round in dealt.chunks(3) {
            let mut round = round.to_vec();
            round.sort_unstable();
            assert_eq!(round, ["a", "b", "c"]);
        }
        assert_eq!(rota.round(), 2);
        assert!((0..72).all(|_| Rota::new(Vec::new(), 72, 7).deal().is_none()));
    }
}
