//! How much a refund gives back.

use chrono::NaiveDate;

use super::{RefundError, Request};
use crate::money::Won;
use crate::payments::order::State;
use crate::payments::pro_rata::{self, Basis};
use crate::payments::store::Payment;

/// How much is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// All that is left.
    All,
    /// This much.
    Exactly(Won),
    /// What has not been used.
    Unused(Basis),
}

impl From<Option<Won>> for Wanted {
    fn from(amount: Option<Won>) -> Self {
        amount.map_or(Self::All, Self::Exactly)
    }
}

/// The amount to refund on the date `today` in Korea, or why it cannot be.
pub(super) fn amount_of(
    payment: &Payment,
    request: &Request,
    today: NaiveDate,
) -> Result<Won, RefundError> {
    check_state(payment)?;
    let left = payment.refundable();
    let amount = match request.wanted {
        Wanted::Exactly(amount) => amount.get(),
        Wanted::All => left,
        Wanted::Unused(basis) => {
            pro_rata::quote(payment, basis, today).ok_or(RefundError::NoPeriod)?.won
        }
    };
    let amount = Won::new(amount).filter(|amount| amount.get() <= left);
    let amount = amount.ok_or(RefundError::ExceedsBalance)?;
    let within = request.tax_free_amount <= amount.get();
    within.then_some(amount).ok_or(RefundError::TaxFreeExceedsAmount)
}

/// Whether a payment in its state can be refunded at all.
pub fn check_state(payment: &Payment) -> Result<(), RefundError> {
    match payment.state {
        State::Approved => Ok(()),
        State::Unknown | State::Sending => Err(RefundError::OutcomeUnknown),
        State::Ready | State::Declined | State::Expired | State::Closed | State::Mismatch => {
            Err(RefundError::NotAllowed)
        }
    }
}
