//! Cards: registered, brought along from an older system, charged.

pub mod bad_input;
mod card_walk;
mod import;
