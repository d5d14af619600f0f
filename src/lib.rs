//! Recurring card payments and easy payments through KiwoomPay.

pub mod clock;
pub mod sandbox;
