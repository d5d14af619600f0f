//! Orders of the payment window.

pub mod order_lifecycle;
mod orders;
mod window_flow;
