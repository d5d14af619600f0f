//! Events for the merchant's backend, and the audit trail.

mod audit_trail;
mod delivery;
mod notices;
mod read_after_write;
mod same_as_answers;
