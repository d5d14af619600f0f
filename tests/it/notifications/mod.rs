//! Notifications from KiwoomPay.

pub mod answers_and_effects;
mod cancellations;
mod fixtures;
mod senders;
