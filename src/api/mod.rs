//! What the features share of the HTTP API: payments and refunds as a caller reads them, why no money
//! moved, and how lists are narrowed.

pub mod answers;
pub mod errors;
pub mod filters;
pub mod refunds;
pub mod spreadsheet;
pub mod statuses;
