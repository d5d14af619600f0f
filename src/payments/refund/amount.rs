//! How much a refund gives back. Pure: the payment and the paid time of its subscription in, won out.

use chrono::NaiveDate;
use kiwoom_paid_time::{ChargeState, Kind, Subscription};

use crate::kiwoom::tax;
use crate::payments::refund::{RefundError, Request};
use crate::payments::store::Payment;
use crate::rules::money::Won;
use crate::rules::payment_state::State;
use crate::rules::pro_rata::{self, Basis, Paid, Parts, Quote, Unused};

/// How much is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// All that is left.
    All,
    /// This much.
    Exactly(Won),
    /// What has not been used.
    Unused(Basis),
    /// This much of the subscription's credit balance that the payment's days were credited to.
    Credit(Won),
}

impl From<Option<Won>> for Wanted {
    fn from(amount: Option<Won>) -> Self {
        amount.map_or(Self::All, Self::Exactly)
    }
}

/// The amount to refund on the date `today` in Korea and its tax-free part, in won; `None` when all is
/// used. `tax_free_gone` won of its tax-free part have gone back or are on their way back. Both parts go
/// back in proportion to what has not been used; of an amount that the caller names, the taxable part
/// goes back first, unless the caller names the tax-free part too. Credit is taken out of `paid_time`,
/// the subscription whose days it paid for.
pub(super) fn parts_of(
    payment: &Payment,
    tax_free_gone: i64,
    paid_time: Option<&mut Subscription>,
    request: &Request,
    today: NaiveDate,
) -> Result<Option<(Won, i64)>, RefundError> {
    check_state(payment)?;
    let mut left = payment.refundable_parts(tax_free_gone);
    let (amount, in_proportion) = match request.wanted {
        Wanted::Exactly(amount) => (amount.get(), None),
        Wanted::All => (left.whole, None),
        Wanted::Unused(basis) => {
            let quote = quote(payment, tax_free_gone, paid_time.as_deref(), basis, today);
            let quote = quote.ok_or(RefundError::NoPeriod)?;
            if quote.won == 0 {
                return Ok(None);
            }
            (quote.won, Some(quote.tax_free))
        }
        Wanted::Credit(won) => {
            let charge = charge_no(payment).ok_or(RefundError::ExceedsBalance)?;
            let taken = paid_time.and_then(|paid| paid.refund_credit(charge, won.get()));
            let taken = taken.ok_or(RefundError::ExceedsBalance)?;
            left.whole += taken.won;
            left.tax_free += taken.tax_free;
            (taken.won, Some(taken.tax_free))
        }
    };
    let amount = Won::new(amount).filter(|amount| amount.get() <= left.whole);
    let amount = amount.ok_or(RefundError::ExceedsBalance)?;
    check_mixed(payment, amount)?;
    let parts = left.parts_of(amount.get());
    let part = request.tax_free_amount.or(in_proportion).unwrap_or(*parts.start());
    if parts.contains(&part) { Ok(Some((amount, part))) } else { Err(RefundError::TaxFreeMisfit) }
}

/// What of `payment` has not been used. By days these are the days of the segments that its charge paid
/// for, at their price; `None` when it paid for no days.
pub fn quote(
    payment: &Payment,
    tax_free_gone: i64,
    paid_time: Option<&Subscription>,
    basis: Basis,
    today: NaiveDate,
) -> Option<Quote> {
    let left = payment.refundable_parts(tax_free_gone);
    let (whole, tax_free) = (payment.amount.get(), payment.tax_free_amount);
    let gone_whole = payment.refunded_amount + payment.refunding_amount;
    let (price, gone, measured) = match basis {
        // What was credited has been given back too.
        Basis::Uses(uses) => {
            let gone = Parts { whole: whole - left.whole, tax_free: tax_free - left.tax_free };
            (Parts { whole, tax_free }, gone, uses.unused())
        }
        Basis::Days(as_of) => {
            let (price, measured) = days(paid_time?, charge_no(payment)?, as_of.unwrap_or(today))?;
            (price, Parts { whole: gone_whole, tax_free: tax_free_gone }, measured)
        }
    };
    Some(pro_rata::quote(Paid { price, gone, left }, measured))
}

/// The days that an approved charge paid for, at the end of `as_of`, and their price.
fn days(paid: &Subscription, charge: u32, as_of: NaiveDate) -> Option<(Parts, Unused)> {
    paid.find_charge(charge).filter(|charge| charge.state == ChargeState::Approved)?;
    let quote = paid.quote(charge, as_of).filter(|quote| quote.days > 0)?;
    let charged = paid.segments_of(charge).filter(|segment| segment.kind != Kind::Free);
    let price = charged.fold(kiwoom_paid_time::Money::ZERO, |sum, segment| sum + segment.price);
    let measured = Unused { total: quote.days, unused: quote.unused, as_of: Some(as_of) };
    Some((Parts { whole: price.won, tax_free: price.tax_free }, measured))
}

/// The number of the charge that it is an attempt of.
pub(super) fn charge_no(payment: &Payment) -> Option<u32> {
    payment.charge_no.and_then(|number| u32::try_from(number).ok())
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
