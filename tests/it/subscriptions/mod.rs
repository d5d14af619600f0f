//! Subscriptions as the caller sees them: starting, changing, consenting, ending.

mod changes;
mod consent_records;
mod first_charge;
mod invalid_requests;
mod merged_customers;
mod metadata;
mod paid_time;
mod paid_time_changes;
mod pauses_and_previews;
mod phases;
mod price_rises;
mod successive_changes;
mod timeline;
mod trial_consents;
mod trials_and_ends;
mod unknown_changes;
mod walks;
