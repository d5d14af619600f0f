//! What an operator sets, builds, runs and reads.

mod check;
mod config;
mod container;
mod contracts;
mod directions;
mod figures;
mod log_injection;
mod supply_chain;
mod wrong_folder;
