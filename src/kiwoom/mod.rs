//! KiwoomPay's wire protocol. Knows no order and no database.
//!
//! Every server-to-server call is two steps: `POST {base}/pay/ready` gives a RETURNURL and a TOKEN,
//! and the real request goes to the RETURNURL with that TOKEN (protocol section 2). The first step
//! moves no money and may be retried. Once the second has been sent there is no second try:
//! KiwoomPay has neither an idempotency key nor a look-up, so an answer that is lost leaves the
//! outcome unknown. [`GatewayError`] says how far a call got, and that is all that the rest of the
//! service needs to know about the network.
//!
//! Names on the wire are upper case and stay inside this module.

mod answers;
pub mod card;
mod card_mistake;
pub mod charset;
mod client;
pub mod codes;
pub mod daily_list;
mod error;
mod exchange;
#[doc(hidden)]
pub mod fuzzing;
pub mod notification;
pub mod outgoing;
pub mod pace;
mod probe;
mod receipt;
pub mod set_up;
mod spelling;
pub mod tax;
pub mod text;
pub mod window;
mod wire;

pub use answers::{Approval, Cancellation, Registered};
pub use client::{BATCH, CancelOrder, ChargeOrder, Endpoints, KEYGEN, KiwoomClient, Registration};
pub use error::GatewayError;
pub use exchange::Ticket;
