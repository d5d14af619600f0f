//! The answer to a charge, kept for its `Idempotency-Key` in the transaction of the outcome.

use std::sync::{Arc, OnceLock};

use crate::context::Context;
use crate::payments::store::Payment;
use crate::payments::store::claims::Claim;

/// Where whoever holds a claim finds the body that was kept with it, once that is committed.
pub type Kept = Arc<OnceLock<Vec<u8>>>;

/// How a charge that is approved is answered.
#[derive(Clone)]
pub struct Answer {
    /// The right to answer.
    pub claim: Claim,
    /// The body of the answer, whose status is 200.
    pub body: fn(&Context, Payment) -> Vec<u8>,
    /// Is told of the body.
    pub kept: Kept,
}
