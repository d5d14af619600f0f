//! What the schedule charges, on which day, and what follows when it fails.

mod billing_days;
pub mod forecast;
mod intervals;
mod midnight_and_races;
mod replacement_card;
pub mod retries;
mod unknown_periods;
