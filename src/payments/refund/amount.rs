//! How much a refund gives back.

use chrono::NaiveDate;
use sqlx::postgres::PgConnection;

use crate::kiwoom::tax;
use crate::payments::refund::{RefundError, Request};
use crate::payments::store::{self, Payment};
use crate::rules::money::Won;
use crate::rules::payment_state::State;
use crate::rules::pro_rata::{self, Basis};

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

/// The amount to refund on the date `today` in Korea and its tax-free part, in won, or why it cannot
/// be. Both parts go back in proportion to what has not been used; of an amount that the caller names,
/// the taxable part goes back first, unless the caller names the tax-free part too.
pub(super) async fn parts_of(
    db: &mut PgConnection,
    payment: &Payment,
    request: &Request,
    today: NaiveDate,
) -> Result<(Won, i64), RefundError> {
    check_state(payment)?;
    let paid = payment.paid(store::refunded_tax_free(db, payment.id).await?);
    let (amount, in_proportion) = match request.wanted {
        Wanted::Exactly(amount) => (amount.get(), None),
        Wanted::All => (paid.left.whole, None),
        Wanted::Unused(basis) => {
            let quote = pro_rata::quote(paid, basis, today).ok_or(RefundError::NoPeriod)?;
            (quote.won, Some(quote.tax_free))
        }
    };
    let amount = Won::new(amount).filter(|amount| amount.get() <= paid.left.whole);
    let amount = amount.ok_or(RefundError::ExceedsBalance)?;
    check_mixed(payment, amount)?;
    let parts = paid.left.parts_of(amount.get());
    let part = request.tax_free_amount.or(in_proportion).unwrap_or(*parts.start());
    if parts.contains(&part) { Ok((amount, part)) } else { Err(RefundError::TaxFreeMisfit) }
}

/// Of a payment that is taxed in part only, no part can go back where KiwoomPay does not take
/// TAXFREEAMT: nobody could say which part it was.
pub fn check_mixed(payment: &Payment, amount: Won) -> Result<(), RefundError> {
    let method = payment.method.as_deref();
    let told = method.is_none_or(tax::is_taken_by_cancellation);
    if payment.is_mixed() && amount < payment.amount && !told {
        return Err(RefundError::MixedInPart);
    }
    Ok(())
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
