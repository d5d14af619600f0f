//! Who wants a subscription charged, and why nothing was.

use kiwoom_paid_time::Refused;

use crate::api::errors::link_open;
use crate::billing::cards::inactive;
use crate::billing::renewals::leases::Lease;
use crate::billing::store::BillingKey;
use crate::billing::subscriptions::refusal;
use crate::http::error::{ApiError, Code};
use crate::payments::charge::{self, Waiting};
use crate::payments::store::InitiatedBy;
use crate::rules::ids::PaymentLinkId;
use crate::rules::payment_state::Obstacle;
use crate::storage::vault::VaultError;

/// Who wants a charge.
#[derive(Clone, Copy)]
pub enum By {
    /// A caller, who waits for the answer.
    Merchant,
    /// The schedule, for as long as it has the subscription to itself.
    Schedule(Lease),
}

/// Why nothing was charged.
#[derive(Debug)]
pub enum NotCharged {
    /// There is no such subscription.
    NotFound,
    /// Its status allows no charge.
    NotActive,
    /// Nothing is to be charged.
    NotDue,
    /// The model refuses what was asked for.
    Refused(Refused),
    /// The last charge forbids another.
    Forbidden(Obstacle),
    /// This payment page link is to be paid, or cancelled first.
    LinkOpen(PaymentLinkId),
    /// Its billing key changed while the charge was prepared.
    OtherKey,
    /// There is no such billing key.
    NoKey,
    /// The card of its billing key was ended for good: no money is asked of it.
    KeyInactive(Box<BillingKey>),
    /// The billing key cannot be read.
    Unreadable(VaultError),
    /// The schedule has the subscription no longer to itself.
    LeaseLost,
    /// The failover guard pauses the schedule.
    Paused,
    /// The charge itself came to nothing.
    Charge(charge::NotCharged),
    /// The database.
    Database(sqlx::Error),
}

impl From<By> for InitiatedBy {
    fn from(by: By) -> Self {
        match by {
            By::Merchant => Self::Merchant,
            By::Schedule(_) => Self::Scheduler,
        }
    }
}

impl From<By> for Waiting {
    fn from(by: By) -> Self {
        match by {
            By::Merchant => Self::Caller,
            By::Schedule(_) => Self::Schedule,
        }
    }
}

impl From<charge::NotCharged> for NotCharged {
    fn from(reason: charge::NotCharged) -> Self {
        Self::Charge(reason)
    }
}

impl From<sqlx::Error> for NotCharged {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Refused> for NotCharged {
    fn from(reason: Refused) -> Self {
        Self::Refused(reason)
    }
}

impl From<NotCharged> for ApiError {
    fn from(reason: NotCharged) -> Self {
        match reason {
            NotCharged::NotFound => Code::SubscriptionNotFound.into(),
            NotCharged::NotActive => Code::SubscriptionNotActive.into(),
            NotCharged::NotDue | NotCharged::Forbidden(Obstacle::Paid) => {
                Code::AlreadyCharged.into()
            }
            NotCharged::Refused(reason) => refusal(reason),
            NotCharged::Forbidden(Obstacle::Unknown) => Code::OutcomeUnknown.into(),
            NotCharged::Forbidden(Obstacle::UnderWay)
            | NotCharged::OtherKey
            | NotCharged::LeaseLost
            | NotCharged::Paused => Code::ChargeInProgress.into(),
            NotCharged::LinkOpen(id) => link_open(id),
            NotCharged::NoKey => Code::BillingKeyNotFound.into(),
            NotCharged::KeyInactive(key) => inactive(&key),
            NotCharged::Unreadable(error) => error.into(),
            NotCharged::Charge(reason) => reason.into(),
            NotCharged::Database(error) => error.into(),
        }
    }
}
