//! The time-travel guard: scheduled charging pauses when PostgreSQL is not the one it was.
//!
//! A database that was restored from a backup, whose volume was rolled back, or whose replica took
//! over without the last commits, may have lost intents of charges that were sent: charging their
//! periods again would charge twice. Such a database has another system identifier, timeline or oid
//! of its tables, or lacks an event that a process has seen in it. Then nothing is charged by the
//! schedule until an operator has compared the books with KiwoomPay's merchant pages and says so
//! (`kiwoom-billing resume-charging`). What a caller asks for goes on: that is a person's or a
//! merchant's own decision, under his own order number.
//!
//! An operator pauses before a restore himself (`kiwoom-billing pause-charging`). A pause is kept in
//! the database, for every process, and by each process outside it, which the restore does not wipe.

mod charging;
mod identity;
mod object;
mod operator;
mod outside;
mod pauses;
mod skew;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::Duration;
use kiwoom_clock::Clock;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, PgPool};

pub use charging::{Charging, Why};
use object::Object;
pub use outside::Pause;
use outside::{Files, Known, Mark};
pub use skew::Comparison;

use crate::config::Config;

/// What this process knows of it.
#[derive(Debug)]
pub struct Guard {
    clock: Clock,
    files: Files,
    object: Option<Object>,
    known: Mutex<Known>,
    /// One look at a time.
    looking: tokio::sync::Mutex<()>,
    unguarded: AtomicBool,
    /// The pause that was reported last.
    told: Mutex<Option<&'static str>>,
    /// Whether it has been said that `DATA_DIR` takes nothing.
    unkept: AtomicBool,
    /// Whether it has been said that the object cannot be read or written.
    objected: AtomicBool,
}

impl Guard {
    /// With what is kept in `DATA_DIR`, and at `HIGH_WATER_MARK_URL`. `clock`: to compare this
    /// machine's with the database's. An error when the object store's settings cannot be right.
    pub fn open(config: &Config, clock: Clock) -> io::Result<Self> {
        let files = Files::new(&config.data_dir);
        let object = config.high_water_mark_url.as_ref().map(Object::open).transpose()?;
        Ok(Self {
            known: Mutex::new(files.read()),
            clock,
            files,
            object,
            looking: tokio::sync::Mutex::default(),
            unguarded: AtomicBool::new(false),
            told: Mutex::default(),
            unkept: AtomicBool::new(false),
            objected: AtomicBool::new(false),
        })
    }

    /// Whether the schedule may charge now. Raises the alert once for each pause.
    pub async fn may_charge(&self, pool: &PgPool) -> sqlx::Result<bool> {
        let recalled = self.recall(pool).await;
        self.objects(recalled.err().as_ref());
        let charging = self.look(pool).await?;
        let unguarded = charging == Charging::Unguarded;
        if !self.unguarded.swap(unguarded, Ordering::SeqCst) && unguarded {
            tracing::warn!(
                "this database does not say which one it is: run `kiwoom-billing pause-charging` \
                 before a restore, and after a failover compare the books"
            );
        }
        Ok(self.told(&charging))
    }

    /// Raises the alert when it is paused since now.
    fn told(&self, charging: &Charging) -> bool {
        let why = match charging {
            Charging::Paused(why) => Some(why),
            Charging::On | Charging::Unguarded => None,
        };
        let name = why.map(Why::name);
        let before = std::mem::replace(&mut *lock(&self.told), name);
        if let Some(why) = why.filter(|_| before != name) {
            tracing::error!(alert = true, why = why.name(), "scheduled charging is paused: {why}");
        }
        why.is_none()
    }

    /// Whether an intent of the schedule may be committed by `db`'s transaction. A restore or a
    /// failover between a look and the intent is seen here.
    pub async fn may_commit(&self, db: &mut PgConnection) -> sqlx::Result<bool> {
        let known = lock(&self.known).clone();
        if known.pause.is_some() || self.is_unread() {
            return Ok(false);
        }
        let unguarded = self.unguarded.load(Ordering::SeqCst);
        let confirmed = if unguarded { "true" } else { &identity::is_confirmed() };
        let sql = format!(
            "select clock_timestamp(), not {} and ($1::bigint is null or {}) and {confirmed}",
            pauses::IS_PAUSED,
            pauses::HOLDS_MARK
        );
        let mark = known.mark.as_ref();
        let query = sqlx::query_as(AssertSqlSafe(sql)).bind(mark.map(|mark| mark.seq));
        let before = self.clock.host_now();
        let (now, may) = query.bind(mark.map(|mark| mark.id)).fetch_one(&mut *db).await?;
        let skew = Comparison::new(before, now, self.clock.host_now()).skew();
        if let Some(skew) = skew {
            return Ok(self.told(&Charging::Paused(Why::Clock(skew))));
        }
        Ok(may)
    }

    /// Looks. The first look at a new database confirms it.
    pub async fn look(&self, pool: &PgPool) -> sqlx::Result<Charging> {
        let _one_at_a_time = self.looking.lock().await;
        let (pause, skew) = self.follow(pool).await?;
        let identity = identity::look(pool).await?;
        let unguarded = identity.is_none();
        if let Some((confirmed, present)) = identity
            && confirmed != present
        {
            let (confirmed, present) = (Box::new(confirmed), Box::new(present));
            return Ok(Charging::Paused(if present.promoted().as_ref() == Some(&*confirmed) {
                Why::Planned { present }
            } else {
                Why::Replaced { confirmed, present }
            }));
        }
        if let Some(pause) = pause {
            return Ok(Charging::Paused(Why::Paused(pause)));
        }
        if self.is_unread() {
            return Ok(Charging::Paused(Why::Unread));
        }
        if let Some(skew) = skew {
            return Ok(Charging::Paused(Why::Clock(skew)));
        }
        Ok(if unguarded { Charging::Unguarded } else { Charging::On })
    }

    fn is_unread(&self) -> bool {
        self.object.as_ref().is_some_and(Object::is_unread)
    }

    /// Compares what the object holds with the database, once: what is missing pauses every process.
    async fn recall(&self, pool: &PgPool) -> sqlx::Result<()> {
        let Some(object) = self.object.as_ref().filter(|object| object.is_unread()) else {
            return Ok(());
        };
        let held = object.read().await?;
        let found = pauses::look(pool, held.mark.as_ref()).await?;
        let pause = held.pause.as_ref().filter(|pause| found.stands(pause.at));
        let mark =
            held.mark.as_ref().filter(|mark| found.stands(mark.seen_at) && !found.holds_mark);
        let reason = pause.map(|pause| pause.reason.clone()).or_else(|| mark.map(behind));
        if let Some(reason) = reason.filter(|_| found.pause().is_none()) {
            pauses::pause(pool, reason).await?;
        }
        object.remember(held);
        Ok(())
    }

    /// Writes what is known into the object, where there is one that was read.
    pub async fn keep(&self) {
        let Some(object) = self.object.as_ref().filter(|object| !object.is_unread()) else {
            return;
        };
        let known = lock(&self.known).clone();
        let kept = object.write(known).await;
        self.objects(kept.err().map(sqlx::Error::Io).as_ref());
    }

    /// Keeps the newest event for the next start, when nothing is written any more.
    pub async fn close(&self, pool: &PgPool) {
        if let Err(error) = self.look(pool).await {
            tracing::debug!(%error, "the database was not looked at");
        }
        self.keep().await;
    }

    fn objects(&self, error: Option<&sqlx::Error>) {
        if !self.objected.swap(error.is_some(), Ordering::SeqCst)
            && let Some(error) = error
        {
            tracing::warn!(%error, "the object at HIGH_WATER_MARK_URL cannot be read or written");
        }
    }

    /// Compares what is known outside the database with what is in it: a pause on either side holds
    /// on both, until it was resumed from; an event that is missing pauses. The pause, and how far the
    /// clocks are apart when that is too far.
    async fn follow(&self, pool: &PgPool) -> sqlx::Result<(Option<Pause>, Option<Duration>)> {
        let known = lock(&self.known).clone();
        let is_unkept = self.unkept.load(Ordering::SeqCst);
        let mut before = if is_unkept { self.files.read() } else { known.clone() };
        if let Some(pause) = self.files.pause() {
            before.pause = Some(pause);
        }
        let mut now = Known { pause: before.pause.clone().or(known.pause), mark: known.mark };
        let asked_at = self.clock.host_now();
        let found = pauses::look(pool, now.mark.as_ref()).await?;
        let skew = Comparison::new(asked_at, found.looked_at, self.clock.host_now()).skew();
        now.pause = now.pause.filter(|pause| found.stands(pause.at));
        now.mark = now.mark.filter(|mark| found.stands(mark.seen_at));
        if now.mark.is_none() {
            before.mark = None;
        }
        let missing = now.mark.clone().filter(|_| !found.holds_mark);
        now.pause = match (found.pause(), now.pause, missing) {
            (Some(pause), ..) => Some(pause),
            (None, Some(held), _) => Some(pauses::pause(pool, held.reason).await?),
            (None, None, Some(mark)) => Some(pauses::pause(pool, behind(&mark)).await?),
            (None, None, None) => None,
        };
        if now.pause.is_none() {
            now.mark = found.newest();
        }
        let pause = now.pause.clone();
        let written = self.files.write(&before, &now);
        if !self.unkept.swap(written.is_err(), Ordering::SeqCst)
            && let Err(error) = written
        {
            tracing::warn!(
                %error,
                "DATA_DIR takes nothing: a database that goes back in time while no process runs is \
                 not noticed"
            );
        }
        *lock(&self.known) = now;
        Ok((pause, skew))
    }
}

fn behind(Mark { seq, id, seen_at }: &Mark) -> String {
    let at = kiwoom_clock::rfc3339_kst(*seen_at);
    format!(
        "{at}에 있던 이벤트 {seq}({id})가 데이터베이스에 없습니다. 이전 시점으로 되돌아갔습니다 (event \
         {seq}, seen at {at}, is missing: the database went back in time)"
    )
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
