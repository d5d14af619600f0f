//! Orders of the payment window.

mod links;
mod mixed_orders;
mod notification_faults;
mod order_lifecycle;
mod prepare_and_cancel;
mod resolve;
mod window_options;
