//! SQL of the pauses, and of the newest event.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgExecutor};
use uuid::Uuid;

use crate::storage::failover_guard::outside::{Mark, Pause};

/// Whether a pause is later than the last resumption, for a condition.
pub const IS_PAUSED: &str = "exists (select from charging_pauses where paused_at > coalesce(
    (select max(resumed_at) from charging_resumptions), '-infinity'))";

/// What the database says at one moment.
#[derive(Debug, sqlx::FromRow)]
pub struct Look {
    /// When, by the database's clock.
    pub looked_at: DateTime<Utc>,
    resumed_at: Option<DateTime<Utc>>,
    paused_at: Option<DateTime<Utc>>,
    reason: Option<String>,
    seq: Option<i64>,
    id: Option<Uuid>,
    /// Whether the event of the mark is there.
    pub holds_mark: bool,
}

impl Look {
    /// The pause that nobody has resumed from.
    pub fn pause(&self) -> Option<Pause> {
        Some(Pause { at: self.paused_at?, reason: self.reason.clone()? })
    }

    /// Whether what was paused or seen then counts yet: nobody has resumed since.
    pub fn stands(&self, at: DateTime<Utc>) -> bool {
        self.resumed_at.is_none_or(|resumed_at| at > resumed_at)
    }

    /// The newest event.
    pub fn newest(&self) -> Option<Mark> {
        Some(Mark { seq: self.seq?, id: self.id?, seen_at: self.looked_at })
    }
}

/// SQL: whether the event `$2` with the number `$1` is there, or was, and is forgotten with all before it
/// (`RETENTION_EVENTS_DAYS`). A database that went back in time still has older ones.
pub const HOLDS_MARK: &str = "(exists (select from events where seq = $1 and events.id = $2)
    or $1 < (select min(seq) from events))";

/// Looks, and for the event of `mark`.
pub async fn look(db: impl PgExecutor<'_>, mark: Option<&Mark>) -> sqlx::Result<Look> {
    let sql = format!(
        "select clock_timestamp() as looked_at, resumed_at, paused_at, reason, seq, id,
            coalesce({HOLDS_MARK}, false) as holds_mark
         from (select max(resumed_at) as resumed_at from charging_resumptions) last
            left join lateral (
                select paused_at, reason from charging_pauses
                where paused_at > coalesce(last.resumed_at, '-infinity')
                order by paused_at desc limit 1) pause on true
            left join lateral (select seq, id from events order by seq desc limit 1) newest on true"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql));
    let query = query.bind(mark.map(|mark| mark.seq)).bind(mark.map(|mark| mark.id));
    query.fetch_one(db).await
}

/// Pauses, for every process.
pub async fn pause(db: impl PgExecutor<'_>, reason: String) -> sqlx::Result<Pause> {
    // The service may not give the time itself.
    let query =
        sqlx::query_scalar("insert into charging_pauses (reason) values ($1) returning paused_at");
    Ok(Pause { at: query.bind(&reason).fetch_one(db).await?, reason })
}

/// Lets charging go on, whatever was paused or seen until now or until `held`, when that is later.
pub async fn resume(
    db: impl PgExecutor<'_>,
    reason: Option<&str>,
    held: Option<DateTime<Utc>>,
) -> sqlx::Result<DateTime<Utc>> {
    let query = sqlx::query_scalar(
        "insert into charging_resumptions (resumed_at, reason)
         select greatest(clock_timestamp(), $2, max(paused_at)), $1 from charging_pauses
         returning resumed_at",
    );
    query.bind(reason).bind(held).fetch_one(db).await
}
