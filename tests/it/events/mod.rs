//! Events for the merchant's backend, and the audit trail.

mod audit_trail;
mod delivery;
mod notices;
mod same_as_answers;
