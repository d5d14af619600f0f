//! Money in and money back, shared by subscriptions, one-off charges and the hosted window.
//!
//! A charge is three steps and two commits (`charge.rs`):
//!
//! 1. The attempt is written as `sending` with its order number, and committed.
//! 2. The gateway is called once. No transaction and no pooled connection is held meanwhile.
//! 3. The outcome **and** what follows from it for the subscription are recorded in one
//!    transaction (`settle.rs`).
//!
//! A crash after step 1 leaves `sending`. When the process that wrote it is gone, `recovery.rs`
//! makes it `unknown`; it is never sent again. An unknown outcome is settled by a notification or
//! by a person, never by time. A refund (`refund.rs`) has the same three steps.
//!
//! What prevents a double charge is uniqueness, not locks: order numbers are unique, a partial unique
//! index allows one attempt of a charge that has not finally failed, and the segments of a subscription
//! each begin where another ends: no day belongs to two.

pub mod answer;
pub mod cancellation;
pub mod charge;
mod charge_call;
pub mod checkout;
mod ended_cards;
mod intent;
pub mod journaled;
pub mod links;
pub mod lost;
mod planned;
pub mod recovery;
pub mod refund;
pub mod settle;
pub mod store;
mod taken_in;
pub mod told;
pub mod unexpected;

pub use charge_call::{CHARGE_OUTCOMES, ORIGINS};
pub use refund::REFUND_OUTCOMES;
pub(crate) use taken_in::NOT_SENT_PAUSE;
