//! What goes to KiwoomPay, how, and how often.

mod edge_return_url;
mod encoding;
mod pace;
pub mod wire_bodies;
