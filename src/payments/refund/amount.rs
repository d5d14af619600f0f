//! How much a refund gives back.

use chrono::NaiveDate;
use sqlx::postgres::PgConnection;

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
/// be.
pub(super) async fn parts_of(
    db: &mut PgConnection,
    payment: &Payment,
    request: &Request,
    today: NaiveDate,
) -> Result<(Won, i64), RefundError> {
    let amount = amount_of(payment, request, today)?;
    let refunded = store::refunded_tax_free(db, payment.id).await?;
    let (left, tax_free) = (payment.refundable(), payment.tax_free_amount - refunded);
    Ok((amount, tax_free_of(left, tax_free, amount, request.tax_free_amount)?))
}

fn amount_of(payment: &Payment, request: &Request, today: NaiveDate) -> Result<Won, RefundError> {
    check_state(payment)?;
    let left = payment.refundable();
    let amount = match request.wanted {
        Wanted::Exactly(amount) => amount.get(),
        Wanted::All => left,
        Wanted::Unused(basis) => {
            pro_rata::quote(payment.paid(), basis, today).ok_or(RefundError::NoPeriod)?.won
        }
    };
    let amount = Won::new(amount).filter(|amount| amount.get() <= left);
    amount.ok_or(RefundError::ExceedsBalance)
}

/// The tax-free part in won of a refund of `amount`, when `left` can still be refunded and `tax_free`
/// of the tax-free part has not gone back: what is `wanted`, else as little as there can be. Pure.
fn tax_free_of(
    left: i64,
    tax_free: i64,
    amount: Won,
    wanted: Option<i64>,
) -> Result<i64, RefundError> {
    let tax_free_left = tax_free.clamp(0, left);
    let least = (amount.get() - (left - tax_free_left)).max(0);
    let most = tax_free_left.min(amount.get());
    let part = wanted.unwrap_or(least);
    (least..=most).contains(&part).then_some(part).ok_or(RefundError::TaxFreeMisfit)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tax_free_part_fits_what_is_left_of_both_parts() {
        // Left, tax-free of it, refund, asked for; the part, or none that fits.
        let cases = [
            (11_000, 3_000, 11_000, None, Some(3_000)),
            (11_000, 3_000, 8_000, None, Some(0)),
            (11_000, 3_000, 8_001, None, Some(1)),
            (11_000, 3_000, 5_000, Some(3_000), Some(3_000)),
            (11_000, 3_000, 5_000, Some(3_001), None),
            (11_000, 3_000, 2_000, Some(2_001), None),
            (11_000, 3_000, 10_000, Some(1_999), None),
            (11_000, 3_000, 10_000, Some(2_000), Some(2_000)),
            (11_000, 0, 5_000, None, Some(0)),
            (11_000, 0, 5_000, Some(1), None),
            (11_000, 11_000, 5_000, None, Some(5_000)),
            (11_000, 11_000, 5_000, Some(4_999), None),
            // More of it has gone back than the books expect: nothing is left.
            (11_000, -1, 11_000, None, Some(0)),
            (2_000, 3_000, 2_000, None, Some(2_000)),
        ];
        for (left, tax_free, amount, wanted, expected) in cases {
            let part = tax_free_of(left, tax_free, Won::new(amount).unwrap(), wanted);
            assert_eq!(part.ok(), expected, "{left} {tax_free} {amount} {wanted:?}");
        }
    }
}
