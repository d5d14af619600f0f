//! What every request passes through, from the outside in.

pub mod auth;
pub mod envelope;
pub mod headers;
pub mod idempotency;
