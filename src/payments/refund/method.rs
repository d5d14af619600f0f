//! By which PAYMETHOD a payment is cancelled, and what cannot be cancelled by a call (protocol
//! section 2.3).

use crate::kiwoom::BATCH;
use crate::payments::store::{Kind, Payment};
use crate::rules::money::Won;

/// Why no cancellation can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannotSend {
    /// Paid from or into an account: BANKCODE and ACCOUNTNO of the buyer's are needed, which the
    /// service does not take.
    NeedsAccount,
    /// This method is cancelled whole or not at all.
    WholeOnly,
    /// Nobody knows how it is cancelled.
    UnknownMethod,
}

/// PAYMETHOD that was paid with, that of its cancellation, and whether a part can be cancelled.
const METHODS: &[(&str, &str, bool)] = &[
    ("APPLEPAY", "APPLEPAY", true),
    ("CARD", "CARD", true),
    ("CARD-BATCH", BATCH, true),
    // A hand-keyed card.
    ("CARD-SUGI", "CARD", true),
    ("CARDK", CARDK, true),
    ("FOREIGNCARD", "FOREIGNCARD", true),
    ("KAKAOPAY", "KAKAOPAY", true),
    ("MOBILE", "MOBILE", false),
    ("NAVERPAY", "NAVERPAY", true),
    ("PAYCO", "PAYCO", true),
    ("SAMSUNGPAY", "SAMSUNGPAY", true),
];

/// Methods that are cancelled with the buyer's account.
const NEED_ACCOUNT: [&str; 2] = ["BANK", "VACCOUNT"];

/// The other card contract (신용카드K): told of as CARD, cancelled as CARDK.
const CARDK: &str = "CARDK";

/// PAYMETHOD of the cancellation of `amount` of the payment, of an order that offered `offered`.
pub(super) fn cancel_method(
    payment: &Payment,
    offered: &[String],
    amount: Won,
) -> Result<&'static str, CannotSend> {
    let registered_card = matches!(payment.kind, Kind::OneOff | Kind::Subscription)
        && !payment.is_of_window()
        || payment.kind == Kind::Unexpected && payment.billing_key_id.is_some();
    if registered_card {
        return Ok(BATCH);
    }
    let paid_with = match payment.method.as_deref().unwrap_or_default() {
        "CARD" if offered.iter().any(|code| code == CARDK) => CARDK,
        other => other,
    };
    if NEED_ACCOUNT.contains(&paid_with) {
        return Err(CannotSend::NeedsAccount);
    }
    let known = METHODS.iter().find(|row| row.0 == paid_with);
    match known.ok_or(CannotSend::UnknownMethod)? {
        (_, _, false) if amount != payment.amount => Err(CannotSend::WholeOnly),
        (_, method, _) => Ok(method),
    }
}
