//! Behaviour through the real HTTP interface, a real PostgreSQL and the real sandbox.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod anchors;
mod app;
mod auth;
mod bad_http;
mod bad_input;
mod bad_payments;
mod bad_subscriptions;
mod card_walk;
mod config;
mod dunning;
mod hostile_text;
mod idempotency;
mod lists;
mod openapi;
mod postgres;
mod subscription_changes;
mod subscriptions;
