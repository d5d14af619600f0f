//! Requests into types that cannot be wrong, answers and errors into what a caller reads.

pub mod answer;
pub mod description;
pub mod error;
pub mod extract;
pub mod fields;
pub mod json;
