//! How far this machine's clock is from the database's. Renewals fall due by the machine's: one that
//! is days ahead would charge what is not due yet.

use chrono::{DateTime, Duration, Utc};
use kiwoom_clock::Clock;
use sqlx::PgExecutor;

/// Beyond it nothing is charged by the schedule.
const LIMIT: Duration = Duration::seconds(5);

/// The machine's time before and after the database was asked for its own.
pub struct Comparison {
    before: DateTime<Utc>,
    database: DateTime<Utc>,
    after: DateTime<Utc>,
}

impl Comparison {
    /// Asks for the database's time.
    pub async fn make(clock: &Clock, db: impl PgExecutor<'_>) -> sqlx::Result<Self> {
        let before = clock.host_now();
        let database = sqlx::query_scalar("select clock_timestamp()").fetch_one(db).await?;
        Ok(Self::new(before, database, clock.host_now()))
    }

    /// The database said `database` to a question that was asked between the other two.
    pub fn new(before: DateTime<Utc>, database: DateTime<Utc>, after: DateTime<Utc>) -> Self {
        Self { before, database, after }
    }

    /// By how much the machine is ahead of the database, or behind it when negative, if that is more
    /// than the limit. The time that the question took counts for the machine.
    pub fn skew(&self) -> Option<Duration> {
        let ahead = self.before - self.database;
        let behind = self.database - self.after;
        if ahead > LIMIT {
            Some(ahead)
        } else if behind > LIMIT {
            Some(-behind)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skew(ahead_millis: i64, took_millis: i64) -> Option<i64> {
        let database = DateTime::<Utc>::UNIX_EPOCH;
        let before = database + Duration::milliseconds(ahead_millis);
        let after = before + Duration::milliseconds(took_millis);
        Comparison { before, database, after }.skew().map(|skew| skew.num_milliseconds())
    }

    #[test]
    fn more_than_five_seconds_is_too_much_and_a_slow_answer_is_not() {
        assert_eq!([skew(0, 1), skew(5_000, 1), skew(-5_001, 1), skew(-8_000, 9_000)], [None; 4]);
        assert_eq!([skew(5_001, 1), skew(-6_000, 500)], [Some(5_001), Some(-5_500)]);
    }
}
