//! Charges and refunds, and their outcomes that nobody knows.

mod cancel_methods;
mod concurrent_requests;
mod contracts;
mod counted_work;
mod credit_refunds;
mod invalid_requests;
mod merchant_settings;
mod order_ids;
mod pro_rata_refunds;
mod proof;
mod ready_call;
mod tax_free_amounts;
mod unknown_charges;
mod unknown_refunds;
