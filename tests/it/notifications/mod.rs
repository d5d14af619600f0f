//! Notifications from KiwoomPay.

mod answers_and_effects;
mod cancellations;
mod decoding;
mod senders_and_settlement;
