//! Subscriptions as the caller sees them: starting, changing, consenting, ending.

mod bad_subscriptions;
mod consents;
pub mod first_charge;
mod price_rises;
mod subscription_changes;
mod subscription_life;
mod subscription_turns;
mod terms;
mod trial_consents;
