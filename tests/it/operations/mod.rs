//! What an operator sets, builds, runs and reads.

mod config;
mod container;
mod edge_logs;
mod supply;
