//! What a subscription charges for. Pure: no clock, no I/O; dates are days in Korea, amounts won.
//!
//! A subscription is a row of segments of service time that adjoin: paid, free, open or none. The
//! next charge is for a segment that begins where the last one ends. The anchor only decides where
//! a segment ends.
//!
//! ```text
//! Subscription::new → due(day) → next() → begin a charge → settle(outcome) → segments
//!                     forecast = the same steps on a copy, every charge approved
//! ```

mod advance;
mod cadence;
mod change;
mod consent;
mod forecast;
mod late;
mod lost;
mod money;
mod next;
mod quote;
mod refund;
mod segment;
mod settle;
mod stop;
mod subscription;
#[cfg(test)]
mod tests;
mod undo;
mod views;

pub use cadence::{Cadence, Interval, Period};
pub use change::{Change, Preview, When};
pub use consent::{CONSENT_DAYS, Consent};
pub use forecast::Planned;
pub use money::Money;
pub use next::{Next, Planning};
pub use quote::Quote;
pub use segment::{Charge, ChargeState, Counts, Kind, Rate, Reason, Segment};
pub use settle::Outcome;
pub use subscription::{
    FirstPeriod, Phase, Proration, Refused, Start, Status, Subscription, Terms,
};
pub use undo::Undo;
