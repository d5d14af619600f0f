//! Behaviour through the real HTTP interface, a real PostgreSQL and the real sandbox.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod app;
mod bad_http;
mod bad_input;
mod bad_payments;
mod bad_subscriptions;
mod card_walk;
mod concurrency;
mod crash;
mod crash_schedule;
mod easypay;
mod fixtures;
mod lost;
mod lost_periods;
mod lost_refunds;
mod notifications;
mod postgres;
mod process;
mod replicas;
mod searcher;
mod secrecy;
mod unknown;
mod wire;
