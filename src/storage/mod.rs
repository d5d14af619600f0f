//! What is kept: the database, the keys that encrypt it, whether it is the one it was and whose it
//! is, and which processes use it.

pub mod database;
pub mod environment;
pub mod failover_guard;
pub mod live_processes;
pub mod vault;
