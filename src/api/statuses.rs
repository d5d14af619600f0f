//! The statuses of payments, refunds and notifications, of a row and as a condition on its columns.

use crate::http::description::words;
use crate::payments::store::{Payment, Refund, RefundState};
use crate::rules::payment_state::State;

words!(
    /// The status of a payment.
    PaymentStatus,
    PAYMENT_STATUSES.iter().map(|row| row.0)
);
words!(
    /// The status of a refund.
    RefundStatus,
    REFUND_STATUSES.iter().map(|row| row.0)
);
words!(
    /// What an answer says of an outcome that is not known.
    NotKnown,
    ["unknown"]
);

/// The status that a payment is answered with.
pub fn payment_status(payment: &Payment) -> &'static str {
    match payment.state {
        State::Sending if payment.overdue => "unknown",
        State::Sending | State::Ready => "pending",
        State::Declined if payment.merchant_setting.is_some() => "refused",
        State::Declined | State::Closed | State::Expired => "declined",
        State::Unknown | State::Mismatch => "unknown",
        State::Approved if payment.refunded_amount == 0 => "approved",
        State::Approved if payment.refunded_amount < payment.amount.get() => "partially_refunded",
        State::Approved => "refunded",
    }
}

/// The status that a refund is answered with.
pub fn refund_status(refund: &Refund) -> &'static str {
    match refund.state {
        RefundState::Sending if refund.overdue => "unknown",
        RefundState::Sending => "pending",
        RefundState::Refunded => "refunded",
        RefundState::Declined => "declined",
        RefundState::Unknown => "unknown",
    }
}

/// Each status of a payment as a condition on its columns.
pub const PAYMENT_STATUSES: &[(&str, &str)] = &[
    (
        "pending",
        "(state = 'ready' or (state = 'sending' and not coalesce(call_ends_by < now(), false)))",
    ),
    ("approved", "state = 'approved' and refunded_amount = 0"),
    ("declined", "state in ('declined', 'expired', 'closed') and merchant_setting is null"),
    ("refused", "state = 'declined' and merchant_setting is not null"),
    (
        "unknown",
        "(state in ('unknown', 'mismatch') or (state = 'sending' and call_ends_by < now()))",
    ),
    (
        "partially_refunded",
        "state = 'approved' and refunded_amount > 0 and refunded_amount < amount",
    ),
    ("refunded", "state = 'approved' and refunded_amount > 0 and refunded_amount = amount"),
];

/// Each status of a refund as a condition on its columns.
pub const REFUND_STATUSES: &[(&str, &str)] = &[
    ("pending", "state = 'sending' and not coalesce(call_ends_by < now(), false)"),
    ("refunded", "state = 'refunded'"),
    ("declined", "state = 'declined'"),
    ("unknown", "(state = 'unknown' or (state = 'sending' and call_ends_by < now()))"),
];

/// Of the notifications: kept, settling nothing, and left to a person.
pub const LEFT_TO_A_PERSON: &str = "verdict in
    ('unexpected', 'review', 'unknown_kind', 'unknown_order', 'amount', 'contradiction')";
