//! One more service, on a machine whose clock is days ahead: what it takes for due is not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Days;
use tokio::sync::mpsc::unbounded_channel;

use super::{READY_POLL, READY_TIMEOUT, World};
use crate::process::{Process, free_port};
use crate::simulate::tap::Side;
use crate::simulate::trap::Traps;
use crate::simulate::{Failure, merchant};
use kiwoom_billing::service::clock_file;
use kiwoom_clock::Clock;

const DAYS_AHEAD: u64 = 20;
/// The secret of development, which all processes on one database share.
const SECRET: &str = "billing_key_secret";
const AHEAD: Duration = Duration::from_hours(24 * DAYS_AHEAD);

/// A service that is ahead.
pub struct Ahead {
    process: Process,
    /// The number that its calls are marked with.
    number: i32,
}

impl World {
    /// Starts it. The clock of its machine is ahead of everybody's, and so of PostgreSQL's.
    pub async fn start_ahead(&self) -> Result<Ahead, Failure> {
        let dir = self.dir.join("ahead");
        std::fs::create_dir_all(dir.join("sandbox"))?;
        std::fs::copy(self.dir.join(SECRET), dir.join(SECRET))?;
        let clock = Clock::system();
        clock.advance_to(merchant::now(&self.reach).await? + Days::new(DAYS_AHEAD));
        clock_file::save(&dir.join("sandbox"), &clock)?;
        let (reports, _) = unbounded_channel();
        let traps = Traps::new(1, reports);
        let side = Side { replica: 0, traps, stalled: Arc::default(), behind: AHEAD };
        let port = free_port()?;
        let recipe = self.recipe(side, "service-ahead".to_owned(), port, &dir).await?;
        let process = Process::start(recipe)?;
        let url = format!("http://127.0.0.1:{port}/health/ready");
        let deadline = Instant::now() + READY_TIMEOUT;
        while !self.reach.is_answered(&url).await {
            if Instant::now() > deadline {
                return Err(format!("{url} does not answer; see {}", self.dir.display()).into());
            }
            tokio::time::sleep(READY_POLL).await;
        }
        let query = sqlx::query_scalar("select max(number) from processes");
        Ok(Ahead { process, number: query.fetch_one(&self.reach.pool).await? })
    }

    /// Stops it. How many charges it has sent.
    pub async fn stop_ahead(&self, mut ahead: Ahead) -> Result<i64, Failure> {
        ahead.process.terminate()?;
        ahead.process.ended(READY_TIMEOUT).await.ok_or("service-ahead does not end")?;
        let query = sqlx::query_scalar("select count(*) from payments where sender = $1");
        Ok(query.bind(ahead.number).fetch_one(&self.reach.pool).await?)
    }
}
