//! What is kept of an answer that holds a secret.

use axum::body::{Bytes, to_bytes};
use axum::response::Response;

/// Extension of an answer: the body that is kept for its `Idempotency-Key` in place of its own.
#[derive(Clone)]
pub struct KeptInstead(Bytes);

impl KeptInstead {
    /// The body of this answer.
    pub async fn new(answer: Response) -> Self {
        Self(to_bytes(answer.into_body(), usize::MAX).await.unwrap_or_default())
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0
    }
}
