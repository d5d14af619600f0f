//! Notifications from KiwoomPay.

mod answers_and_effects;
mod cancellations;
mod decoding;
mod failures;
mod kinds;
mod leniency;
mod missed_cancellations;
mod refund_notices;
mod senders_and_settlement;
mod told_meanwhile;
mod unexpected_payments;
