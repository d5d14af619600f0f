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
mod crash_moments;
mod crash_renewals;
mod easypay;
mod fixtures;
mod notifications;
mod postgres;
mod process;
mod search;
mod secrecy;
mod takeover;
mod unknown;
mod unknown_charges;
mod unknown_refunds;
mod wire;
