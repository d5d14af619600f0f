//! What a buyer and a developer see: the example page, the payment window and the sandbox's pages
//! in a real browser. `make test-browser` runs it; plain `cargo test` does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../it/app.rs"]
#[expect(dead_code, reason = "shared with the other tests, which use the rest")]
mod app;
#[path = "../it/postgres.rs"]
mod postgres;

mod driver;
mod form;
mod layout;
mod payment;
mod shop;
mod trust;
