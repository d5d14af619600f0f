//! What the schedule charges, on which day, and what follows when it fails.

mod billing_days;
mod forecast;
mod frozen_transaction;
mod intervals;
mod many_at_once;
mod midnight_and_races;
mod replacement_card;
mod result_codes;
mod retries;
mod skewed_clock;
mod unknown_periods;

use chrono::NaiveDate;
use serde_json::{Value, json};

/// What a subscription shows of its next retry.
pub fn retry(attempt: usize, day: NaiveDate) -> Value {
    json!({"attempt": attempt, "nextAt": format!("{day}T10:00:00.000+09:00")})
}
