//! What goes to KiwoomPay, how, and how often.

mod encoding;
mod names;
mod pace;
mod request_bodies;
mod return_urls;
