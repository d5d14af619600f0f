//! What became of the call of a refund.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::kiwoom::codes;
use crate::kiwoom::{Cancellation, GatewayError};
use crate::payments::store::{Payment, Refund};

/// What became of the call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundOutcome {
    /// Money went back.
    Refunded {
        /// TRXID.
        transaction_id: Option<String>,
        /// When.
        refunded_at: DateTime<Utc>,
    },
    /// The gateway said no.
    Declined {
        /// RESULTCODE.
        code: String,
        /// ERRORMESSAGE.
        message: String,
    },
    /// The answer was lost: the amount stays held.
    Unknown,
    /// Proven: nothing was sent.
    NotSent,
}

pub(super) fn outcome_of(
    ctx: &Context,
    answer: Result<Cancellation, GatewayError>,
) -> (RefundOutcome, Option<GatewayError>) {
    match answer {
        Ok(Cancellation { transaction_id, canceled_at }) => {
            let refunded_at = canceled_at.unwrap_or_else(|| ctx.clock.now());
            (RefundOutcome::Refunded { transaction_id, refunded_at }, None)
        }
        Err(GatewayError::Refused { code, message, .. }) => {
            (RefundOutcome::Declined { code, message }, None)
        }
        Err(error @ GatewayError::Unknown(_)) => (RefundOutcome::Unknown, Some(error)),
        Err(error) => (RefundOutcome::NotSent, Some(error)),
    }
}

/// What becomes of a refund, in metrics.
pub const REFUND_OUTCOMES: [&str; 4] = ["refunded", "declined", "unknown", "not_sent"];

pub(super) fn log(refund: &Refund, payment: &Payment, outcome: &RefundOutcome) {
    let (id, order_no) = (refund.id, &payment.order_no);
    let label = match outcome {
        RefundOutcome::Refunded { .. } => {
            tracing::info!(%id, order_no, "refunded");
            "refunded"
        }
        RefundOutcome::Declined { code, .. } if code == codes::NEEDS_DEPOSIT => {
            tracing::error!(alert = true, %id, order_no, "refund refused: the settlement balance at \
                KiwoomPay is too low; deposit the amount today (입금후취소)");
            "declined"
        }
        RefundOutcome::Declined { code, .. } => {
            tracing::warn!(%id, order_no, code, "refund refused");
            "declined"
        }
        RefundOutcome::Unknown => {
            tracing::error!(alert = true, %id, order_no, "refund outcome unknown: find out before any retry");
            "unknown"
        }
        RefundOutcome::NotSent => {
            tracing::warn!(%id, order_no, "refund not sent");
            "not_sent"
        }
    };
    metrics::counter!("kiwoom_billing_refunds_total", "outcome" => label).increment(1);
}
