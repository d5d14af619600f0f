//! Subscriptions as the caller sees them: starting, changing, consenting, ending.

mod changes;
mod consent_records;
mod first_charge;
mod invalid_requests;
mod pauses_and_previews;
mod price_rises;
mod successive_changes;
mod timeline;
mod trial_consents;
mod trials_and_ends;
mod walks;
