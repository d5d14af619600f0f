//! What the features share of the HTTP API: payments and refunds as a caller reads them.

pub mod answers;
