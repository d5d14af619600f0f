//! The forecast and the preview are what happens: what they said is kept, and where nothing came in
//! between it is held against what came.

use std::collections::HashMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use fastrand::Rng;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use crate::simulate::Failure;
use crate::simulate::diary::{Diary, Note};
use crate::simulate::merchant::{self, Subscriber};
use crate::simulate::reach::Reach;
use kiwoom_clock::kst;

/// Forecasts that are asked for at a stop, and how many days ahead.
const ASKED_AT_A_STOP: usize = 3;
const DAYS_AHEAD: u64 = 60;

/// The next charge of some subscriptions, by the number of the subscriber.
#[derive(Default)]
pub struct Foretold(HashMap<usize, Expected>);

struct Expected {
    subscription: Uuid,
    told_at: DateTime<Utc>,
    on: NaiveDate,
    charge: Charge,
}

#[derive(Debug, PartialEq, Eq, FromRow)]
struct Charge {
    amount: i64,
    period_start: NaiveDate,
    period_end: NaiveDate,
}

#[derive(FromRow)]
struct Made {
    #[sqlx(flatten)]
    charge: Charge,
    created_at: DateTime<Utc>,
}

impl Foretold {
    /// Something is asked of these subscribers: what was foretold of them does not hold any more.
    pub fn forget(&mut self, whom: impl Iterator<Item = usize>) {
        for who in whom {
            self.0.remove(&who);
        }
    }

    /// Something happens to all.
    pub fn forget_all(&mut self) {
        self.0.clear();
    }

    /// Holds what was foretold for days up to `now` against what was charged, and asks again for some.
    pub async fn follow(
        &mut self,
        reach: &Reach,
        subscribers: &[Subscriber],
        now: DateTime<Utc>,
        diary: &mut Diary,
    ) -> Result<(), Failure> {
        let today = kst(now).date_naive();
        let due = self.0.iter().filter(|(_, expected)| expected.on <= today);
        let due: Vec<usize> = due.map(|(who, _)| *who).collect();
        for who in due {
            // PostgreSQL may be down just now: then another time.
            if let Ok(Some(note)) = came(reach, &self.0[&who], today).await {
                self.0.remove(&who);
                diary.note(note);
            }
        }
        let mut rng = Rng::with_seed(now.timestamp().unsigned_abs());
        for _ in 0..ASKED_AT_A_STOP {
            let who = rng.usize(..subscribers.len());
            let subscription = subscribers[who].subscription.0;
            if !self.0.contains_key(&who) && is_settled(reach, subscription).await.unwrap_or(false)
            {
                let told_at = merchant::now(reach).await?;
                let expected = ask(reach, subscription, told_at).await;
                self.0.extend(expected.map(|expected| (who, expected)));
            }
        }
        Ok(())
    }
}

/// Whether nothing of it is unknown: an unknown outcome may be settled either way.
async fn is_settled(reach: &Reach, subscription: Uuid) -> sqlx::Result<bool> {
    let query = sqlx::query_scalar(
        "select undo is null and not exists (select from payments
            where subscription_id = subscriptions.id and state in ('sending', 'unknown'))
         from subscriptions where id = $1",
    );
    query.bind(subscription).fetch_one(&reach.pool).await
}

async fn ask(reach: &Reach, subscription: Uuid, told_at: DateTime<Utc>) -> Option<Expected> {
    let until = kst(told_at).date_naive() + Days::new(DAYS_AHEAD);
    let path = format!("/billing/forecast?subscriptionId={subscription}&until={until}");
    let page = merchant::get(reach, &path).await?;
    let first = &page["items"][0]["charges"][0];
    let day = |value: &Value| value.as_str()?.parse::<NaiveDate>().ok();
    let charge = Charge {
        amount: first["amount"].as_i64()?,
        period_start: day(&first["period"]["start"])?,
        period_end: day(&first["period"]["end"])?,
    };
    Some(Expected { subscription, told_at, on: day(&first["date"])?, charge })
}

/// What to note of it; `None` as long as it can still come.
async fn came(reach: &Reach, expected: &Expected, today: NaiveDate) -> sqlx::Result<Option<Note>> {
    let Expected { subscription, told_at, on, charge } = expected;
    let query = sqlx::query_as(
        "select amount, period_start, period_end, created_at from payments
         where subscription_id = $1 and kind = 'subscription' and created_at > $2
         order by id limit 1",
    );
    let made: Option<Made> =
        query.bind(subscription).bind(told_at).fetch_optional(&reach.pool).await?;
    let told = format!("{subscription}: {charge:?} on {on}, said at {told_at}");
    if let Some(Made { charge: made, created_at }) = made {
        let day = kst(created_at).date_naive();
        let true_to_word = made == *charge && day == *on;
        return Ok(Some(if true_to_word {
            Note::Count("forecasts that came true".to_owned())
        } else {
            Note::Otherwise(format!("{told}; came {made:?} on {day}"))
        }));
    }
    if charge.amount == 0 {
        let query = sqlx::query_scalar(
            "select exists (select from subscription_charges
                where subscription_id = $1 and amount = 0 and first_tried_on = $2)",
        );
        if query.bind(subscription).bind(on).fetch_one(&reach.pool).await? {
            return Ok(Some(Note::Count("forecasts of 0 won that came true".to_owned())));
        }
    }
    if today == *on {
        return Ok(None);
    }
    // A card that was ended for good is not asked any more.
    let query = sqlx::query_scalar(
        "select k.inactive_at is not null from subscriptions s
         join billing_keys k on k.id = s.billing_key_id where s.id = $1",
    );
    let is_ended: bool = query.bind(subscription).fetch_one(&reach.pool).await?;
    Ok(Some(if is_ended {
        Note::Count("forecasts for a card that was ended".to_owned())
    } else {
        Note::Otherwise(format!("{told}; nothing came"))
    }))
}

/// A change that was previewed and then made. The revisions of the row and the days before the preview
/// and after the change tell whether anybody else wrote it meanwhile, or a day went by.
pub struct Previewed<'a> {
    pub subscription: Uuid,
    pub revisions: (i32, i32),
    pub days: (NaiveDate, NaiveDate),
    pub preview: &'a Value,
    pub made: &'a Value,
}

impl Previewed<'_> {
    /// What to note of it.
    pub fn note(&self) -> Note {
        let (told, made) = (&self.preview["data"]["preview"], &self.made["data"]);
        let payment = &made["payment"];
        // The intent of a charge is written first.
        let own = if payment.is_object() { 2 } else { 1 };
        if self.revisions.1 - self.revisions.0 != own || self.days.0 != self.days.1 {
            return Note::Count("previews that something came after".to_owned());
        }
        let paid = payment["amount"].as_i64().unwrap_or(0);
        let next = &made["nextCharge"];
        if told["total"] == paid && told["nextCharges"][0] == *next {
            return Note::Count("previews that came true".to_owned());
        }
        let id = self.subscription;
        Note::Otherwise(format!("{id}: preview {told}; charged {paid}, then {next}"))
    }
}
