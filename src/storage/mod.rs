//! What is kept: the database, the keys that encrypt it, whether it is the one it was and whose it
//! is, which processes use it, and the outcomes that it did not take.

pub mod database;
pub mod environment;
pub mod failover_guard;
pub mod live_processes;
pub mod outcome_journal;
pub mod vault;
