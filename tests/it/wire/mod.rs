//! What goes to KiwoomPay, how, and how often.

mod encoding;
mod forward_proxy;
mod names;
mod pace;
mod request_bodies;
mod return_urls;
