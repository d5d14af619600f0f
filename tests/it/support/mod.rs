//! What the tests share.

pub mod app;
pub mod gateway;
pub mod lost;
pub mod postgres;
pub mod process;
pub mod production;
pub mod receiver;
pub mod walk;
