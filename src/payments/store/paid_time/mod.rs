//! SQL of subscriptions and their paid time: the row, its segments, its charges and its phases.
//!
//! ```text
//! lock → act on `loaded.paid` and on the row → save → (intent of a payment) → commit
//! ```
//!
//! The row is written in one statement, so that it is one event.

mod columns;
mod derived;
mod intent;
mod legacy;
mod read;
mod row;
mod tables;
pub(crate) mod text;
mod told;
mod write;

use chrono::{DateTime, NaiveDate, Utc};
use kiwoom_clock::kst;
use kiwoom_paid_time::Subscription;
use sqlx::postgres::PgConnection;

use crate::rules::ids::SubscriptionId;
use crate::rules::schedule::Rules;
use crate::rules::subscription_state::Status;

pub use intent::Intent;
pub use row::{Identity, Labels, Row, cadence};
pub use told::Told;
pub use write::{insert, save};

/// A row of `subscriptions` with its paid time, read at one moment.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The row.
    pub row: Row,
    /// What it is charged for.
    pub paid: Subscription,
    /// The paid time as it is stored.
    stored: Box<Subscription>,
}

impl Loaded {
    /// A subscription that is not stored yet: [`insert`] stores it.
    pub fn new(new: Identity, status: Status, paid: Subscription, now: DateTime<Utc>) -> Self {
        let today = kst(now).date_naive();
        let mut row = Row::new(new, status, today);
        row.next_billing_date = today.max(paid.covered_to());
        derived::derive(&mut row, &paid, now);
        Self { row, stored: Box::new(paid.clone()), paid }
    }

    /// Goes on from `day` after a pause: in place of the model's own, since rows from before paid time
    /// go on at the next anchor day.
    pub fn resume(&mut self, day: NaiveDate) {
        if self.row.legacy_pause {
            self.row.legacy_pause = false;
            legacy::resume(&mut self.paid, day);
        } else {
            self.paid.resume(day);
        }
        if let Some(end) = self.row.end_date.filter(|_| self.row.legacy_end) {
            self.paid.end_date = Some(legacy::end_date(&self.paid, end));
            self.stored.end_date = self.paid.end_date;
        }
    }

    /// Its price or its days are about to be changed: from now on its end date and its pause mean what
    /// they do for new subscriptions.
    pub fn drop_old_meaning(&mut self) {
        if std::mem::take(&mut self.row.legacy_end) {
            self.paid.end_date = self.row.end_date;
        }
        if std::mem::take(&mut self.row.legacy_pause) {
            legacy::drop_pause(&mut self.paid);
        }
    }

    /// Writes into the row what the paid time says at `now`, as [`save`] does.
    pub fn derive(&mut self, now: DateTime<Utc>) {
        derived::derive(&mut self.row, &self.paid, now);
    }
}

/// The subscription, locked until the transaction ends; `incomplete` ones too.
pub async fn lock(
    db: &mut PgConnection,
    id: SubscriptionId,
    rules: &Rules,
) -> sqlx::Result<Option<Loaded>> {
    lock_known(db, id, None, rules).await
}

/// As [`lock`]; what is `known` of it is read again only when somebody has written it since.
pub async fn lock_known(
    db: &mut PgConnection,
    id: SubscriptionId,
    known: Option<Loaded>,
    rules: &Rules,
) -> sqlx::Result<Option<Loaded>> {
    let query = sqlx::query_scalar("select revision from subscriptions where id = $1 for update");
    let Some(revision) = query.bind(id).fetch_optional(&mut *db).await? else { return Ok(None) };
    locked(db, id, (known, revision), rules).await
}

/// The subscription whose row was locked and has this revision.
pub async fn locked(
    db: &mut PgConnection,
    id: SubscriptionId,
    (known, revision): (Option<Loaded>, i32),
    rules: &Rules,
) -> sqlx::Result<Option<Loaded>> {
    match known.filter(|known| known.row.revision == revision) {
        Some(known) => Ok(Some(known)),
        // A statement of its own: what a lock had waited for is to be seen in all tables.
        None => find(db, id, rules).await,
    }
}

/// The subscription; `incomplete` ones too.
pub async fn find(
    db: &mut PgConnection,
    id: SubscriptionId,
    rules: &Rules,
) -> sqlx::Result<Option<Loaded>> {
    read::one(db, id, rules).await
}

/// Rows with their paid time, in the same order; without those that are gone by now.
pub async fn load_all(
    db: &mut PgConnection,
    rows: Vec<Row>,
    rules: &Rules,
) -> sqlx::Result<Vec<Loaded>> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    read::all(db, &ids, rules).await
}

/// The subscriptions with these ids, in the same order; without those that are gone by now.
pub async fn find_all(
    db: &mut PgConnection,
    ids: &[SubscriptionId],
    rules: &Rules,
) -> sqlx::Result<Vec<Loaded>> {
    read::all(db, ids, rules).await
}
