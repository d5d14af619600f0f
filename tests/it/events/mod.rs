//! Events for the merchant's backend, and the audit trail.

mod audit_trail;
mod bad_receivers;
mod claim;
mod delivery;
mod delivery_settings;
mod endpoints;
mod from_before;
mod listen;
mod notices;
mod read_after_write;
mod same_as_answers;
mod test_events;
