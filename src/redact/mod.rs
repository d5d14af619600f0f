//! The one place that says what may not be shown: card numbers, API keys, and paths that hold them.

pub mod cards;
pub mod keys;
pub mod paths;
