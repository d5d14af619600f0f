//! What a buyer and a developer see: the example page, the payment window and the sandbox's pages
//! in a real browser. `make test-browser` runs it; plain `cargo test` does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod console;
mod console_pages;
mod docs_page;
mod driver;
mod exchange;
mod form;
mod hostile;
mod layout;
mod looks;
mod payment;
mod sandbox_page;
mod service;
mod shop;
mod trust;
