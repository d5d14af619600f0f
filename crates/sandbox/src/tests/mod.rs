//! The sandbox over real HTTP, by a client that was written from the protocol as well.

mod api;
mod contracts;
mod controls;
mod daily_list;
mod faults;
mod gateway;
mod merchant;
mod merchants_programs;
mod notifications;
mod window;

pub use api::TestSandbox;
