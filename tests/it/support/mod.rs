//! What the tests share.

pub mod app;
pub mod backup;
pub mod balancer;
pub mod events;
pub mod gateway;
pub mod long_run;
pub mod office;
pub mod patroni;
pub mod payment_page;
pub mod postgres;
pub mod process;
pub mod production;
pub mod programs;
pub mod receiver;
pub mod refusals;
pub mod sandbox;
pub mod subscriptions;
pub mod tap;
pub mod window;
