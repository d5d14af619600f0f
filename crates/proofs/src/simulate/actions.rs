//! Runs the actions of one stop, one after the other, while the services do what is due.

use chrono::NaiveDate;

use crate::simulate::diary::Note;
use crate::simulate::merchant::{self as calls, Subscriber};
use crate::simulate::plan::Action;
use crate::simulate::reach::Reach;
use crate::simulate::subscriptions::Merchant;
use crate::simulate::{Failure, buyer, told};
use kiwoom_billing::rules::ids::SubscriptionId;

/// What came of an action.
#[derive(Debug)]
pub struct Done {
    /// The subscriber's number.
    pub who: Option<usize>,
    /// The subscriber's new subscription.
    pub subscription: Option<SubscriptionId>,
    /// What is to be noted.
    pub notes: Vec<Note>,
}

/// The number of the subscriber who acts.
pub fn who(action: &Action) -> Option<usize> {
    match action {
        Action::OneOff { who, .. }
        | Action::Cancel { who, .. }
        | Action::Pause { who, .. }
        | Action::Resume { who }
        | Action::Change { who, .. }
        | Action::ChangeNow { who, .. }
        | Action::Interval { who, .. }
        | Action::Consent { who }
        | Action::Extend { who, .. }
        | Action::Refund { who, .. }
        | Action::PayOpen { who } => Some(*who),
        Action::Order { .. }
        | Action::ClosedOrder { .. }
        | Action::NoMoney { .. }
        | Action::FalseFailures
        | Action::Settle => None,
    }
}

/// Runs them. `subscribers` has the subscriber of each action.
pub async fn run(
    reach: Reach,
    actions: Vec<Action>,
    subscribers: Vec<Subscriber>,
    today: NaiveDate,
) -> Result<Vec<Done>, Failure> {
    let mut done = Vec::new();
    for (action, subscriber) in actions.into_iter().zip(subscribers) {
        let who = who(&action);
        let mut notes = Vec::new();
        let subscription = run_one(&reach, action, &subscriber, today, &mut notes).await?;
        done.push(Done { who, subscription, notes });
    }
    Ok(done)
}

async fn run_one(
    reach: &Reach,
    action: Action,
    subscriber: &Subscriber,
    today: NaiveDate,
    notes: &mut Vec<Note>,
) -> Result<Option<SubscriptionId>, Failure> {
    let mut merchant = Merchant { reach, who: subscriber, today, notes };
    match action {
        Action::OneOff { amount, refunds, .. } => {
            calls::one_off(reach, subscriber, (amount, &refunds), merchant.notes).await;
        }
        Action::Order { amount, mishap, cancel } => {
            buyer::order(reach, amount, mishap, cancel, merchant.notes).await?;
        }
        Action::Cancel { at_period_end, terms, .. } => {
            return Ok(merchant.cancel(at_period_end, terms).await);
        }
        Action::Pause { days, at_period_end, .. } => merchant.pause(days, at_period_end).await,
        Action::Resume { .. } => merchant.resume().await,
        Action::Change { day, price, .. } => merchant.change(day, price).await,
        Action::ChangeNow { amount, up, .. } => merchant.change_now(amount, up).await,
        Action::Interval { anchor, now, .. } => merchant.interval(anchor, now).await,
        Action::Consent { .. } => merchant.consent().await,
        Action::Extend { days, .. } => merchant.extend(days).await,
        Action::Refund { percent, tax_free_first, .. } => {
            merchant.refund(percent, tax_free_first).await;
        }
        Action::PayOpen { .. } => merchant.pay_open().await,
        Action::ClosedOrder { amount } => {
            buyer::closed_order(reach, amount, merchant.notes).await?;
        }
        Action::NoMoney { amount } => told::no_money(reach, amount, merchant.notes).await?,
        Action::FalseFailures => told::false_failures(reach, merchant.notes).await?,
        Action::Settle => calls::settle(reach, merchant.notes).await?,
    }
    Ok(None)
}
