//! The answer to a charge, kept for its `Idempotency-Key` in the transaction of the outcome.

use std::sync::{Arc, OnceLock};

use sqlx::postgres::PgConnection;

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

impl Answer {
    /// Keeps the answer; its body, when the claim still stood.
    pub(super) async fn keep(
        &self,
        ctx: &Context,
        db: &mut PgConnection,
        paid: &Payment,
    ) -> sqlx::Result<Option<Vec<u8>>> {
        let body = (self.body)(ctx, paid.clone());
        Ok(self.claim.answer(db, 200, &body).await?.then_some(body))
    }
}
