//! What an operator sets, builds, runs and reads.

mod check;
mod config;
mod container;
mod contracts;
mod deployments;
mod directions;
mod erasure;
mod figures;
mod log_injection;
mod retention;
mod sandbox_command;
mod supply_chain;
mod traces;
mod wrong_folder;
