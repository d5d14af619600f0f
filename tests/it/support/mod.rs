//! What the tests share.

pub mod app;
pub mod gateway;
pub mod long_run;
pub mod lost_answers;
pub mod postgres;
pub mod process;
pub mod production;
pub mod receiver;
