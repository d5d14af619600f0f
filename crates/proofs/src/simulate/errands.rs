//! Runs the errands of one stop, one after the other, while the services work off what is due.

use chrono::NaiveDate;

use crate::simulate::diary::Note;
use crate::simulate::merchant::{self, Subscriber, Terms};
use crate::simulate::plan::Errand;
use crate::simulate::reach::Reach;
use crate::simulate::{Failure, buyer};
use kiwoom_billing::rules::ids::SubscriptionId;

/// What came of an errand.
#[derive(Debug)]
pub struct Done {
    /// Whose it was.
    pub who: Option<usize>,
    /// His new subscription.
    pub subscription: Option<SubscriptionId>,
    /// What is to be noted.
    pub notes: Vec<Note>,
}

/// Whose errand it is.
pub fn who(errand: &Errand) -> Option<usize> {
    match errand {
        Errand::OneOff { who, .. }
        | Errand::Cancel { who, .. }
        | Errand::Pause { who }
        | Errand::Resume { who }
        | Errand::Change { who, .. }
        | Errand::PayOpen { who } => Some(*who),
        Errand::Order { .. } | Errand::Settle => None,
    }
}

/// Runs them. `subscribers` has the subscriber of each errand.
pub async fn run(
    reach: Reach,
    errands: Vec<Errand>,
    subscribers: Vec<Subscriber>,
    today: NaiveDate,
) -> Result<Vec<Done>, Failure> {
    let mut done = Vec::new();
    for (errand, subscriber) in errands.into_iter().zip(subscribers) {
        let who = who(&errand);
        let mut notes = Vec::new();
        let subscription = run_one(&reach, errand, &subscriber, today, &mut notes).await?;
        done.push(Done { who, subscription, notes });
    }
    Ok(done)
}

async fn run_one(
    reach: &Reach,
    errand: Errand,
    subscriber: &Subscriber,
    today: NaiveDate,
    notes: &mut Vec<Note>,
) -> Result<Option<SubscriptionId>, Failure> {
    match errand {
        Errand::OneOff { amount, refunds, .. } => {
            merchant::one_off(reach, subscriber, (amount, &refunds), notes).await;
        }
        Errand::Order { amount, mishap, cancel } => {
            buyer::order(reach, amount, mishap, cancel, notes).await?;
        }
        Errand::Cancel { at_period_end, day, amount, .. } => {
            let terms = Terms { day, amount };
            return Ok(merchant::cancel(reach, subscriber, at_period_end, terms, notes).await);
        }
        Errand::Pause { .. } => merchant::pause(reach, subscriber, today, notes).await,
        Errand::Resume { .. } => merchant::resume(reach, subscriber, today, notes).await,
        Errand::Change { day, amount, .. } => {
            merchant::change(reach, subscriber, Terms { day, amount }, notes).await;
        }
        Errand::PayOpen { .. } => merchant::pay_open(reach, subscriber, today, notes).await,
        Errand::Settle => merchant::settle(reach, notes).await?,
    }
    Ok(None)
}
