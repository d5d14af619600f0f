//! Charges and refunds, and their outcomes that nobody knows.

mod bad_payments;
mod concurrency;
mod lost_refunds;
mod order_names;
mod pro_rata;
mod proof;
mod step_one;
mod tax;
mod unknown;
