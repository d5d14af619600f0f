//! Behaviour through the real HTTP interface, a real PostgreSQL and the real sandbox.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod api;
mod books;
mod cards;
mod console;
mod crashes;
mod database;
mod easypay;
mod events;
mod lists;
mod model;
mod notifications;
mod operations;
mod payments;
mod reconciliation;
mod renewals;
mod secrets;
mod subscriptions;
mod support;
mod wire;
