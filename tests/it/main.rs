//! Behaviour through the real HTTP interface, a real PostgreSQL and the real sandbox.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod anchors;
mod app;
mod auth;
mod bad_edges;
mod bad_http;
mod bad_input;
mod bad_payments;
mod bad_subscriptions;
mod cancellations;
mod card_walk;
mod concurrency;
mod config;
mod crash;
mod crash_moments;
mod crash_renewals;
mod crash_schedule;
mod dunning;
mod easypay;
mod fixtures;
mod hostile_text;
mod idempotency;
mod kept_keys;
mod lists;
mod lost;
mod lost_periods;
mod lost_refunds;
mod notifications;
mod openapi;
mod order_names;
mod orders;
mod postgres;
mod process;
mod replicas;
mod searcher;
mod secrecy;
mod senders;
mod step_one;
mod subscription_changes;
mod subscriptions;
mod takeover;
mod unknown;
mod window_flow;
mod wire;
mod wire_bodies;
