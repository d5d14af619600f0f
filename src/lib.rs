//! Recurring card payments and easy payments through KiwoomPay.
//!
//! The modules in reading order: what a request is made of, money, then the features.

// How the process starts and what it is made of.
pub mod commands;
pub mod config;
pub mod context;
pub mod serve;
pub mod service;

// What every request passes through.
pub mod actor;
pub mod address;
pub mod answer;
pub mod api_keys;
pub mod app;
pub mod auth;
pub mod description;
pub mod error;
pub mod extract;
pub mod headers;
pub mod health;
pub mod idempotency;
pub mod request_id;
pub mod shown;

// Features.
pub mod billing;
pub mod easypay;
pub mod events;
pub mod import;
pub mod scheduler;
pub mod webhook;

// Money: the core that the features share, the gateway, and when it may be called.
pub mod card_testing;
pub mod kiwoom;
pub mod pace;
pub mod payments;

// Leaves.
pub mod clock;
pub mod clock_file;
pub mod core_dumps;
pub mod database;
pub mod ids;
pub mod instance;
pub mod limit;
pub mod money;
pub mod schedule;
pub mod secret_file;
pub mod telemetry;
pub mod timeline;
pub mod vault;

// KiwoomPay's side of the wire, for development and tests.
pub mod sandbox;

// What only the fuzz targets see.
#[doc(hidden)]
pub mod fuzzing;

// The proofs, with real processes: of the money, with faults and a verdict; of what is kept secret.
pub mod process;
pub mod self_check;
pub mod simulate;
