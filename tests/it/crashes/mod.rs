//! Processes and connections that die, hang or double: nothing is charged twice, nothing is lost.

mod commits_in_doubt;
mod fencing;
mod idempotency_recovery;
pub mod interrupted_calls;
mod interrupted_renewals;
mod kills_and_failovers;
mod process_and_database_loss;
mod replicas;
mod rolling_restart;
pub mod takeover;
