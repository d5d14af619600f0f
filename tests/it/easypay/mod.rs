//! Orders of the payment window.

mod notification_faults;
mod order_lifecycle;
mod prepare_and_cancel;
