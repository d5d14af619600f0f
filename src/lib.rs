//! Recurring card payments and easy payments through KiwoomPay.
//!
//! The rooms from the top down. Each may use those below it, and no others
//! (`tests/it/operations/directions.rs` holds them to it):
//!
//! commands → service → console (which knows features by their HTTP API alone) → features (billing, easypay, webhook, reconciliation, books; events, which may read
//! every feature's answers) → api, layers → payments → context, access → config, kiwoom, storage → http →
//! redact, tables → rules.

// The program: its subcommands, and the running service.
pub mod commands;
pub mod service;

// For people: a client of the API in the same process.
pub mod console;

// Features.
pub mod billing;
pub mod books;
pub mod easypay;
pub mod events;
pub mod reconciliation;
pub mod webhook;

// What the features share of the HTTP API, and what every request passes through.
pub mod api;
pub mod layers;

// Money.
pub mod payments;

// What everything is handed, and who may ask for it.
pub mod access;
pub mod context;

// The outside: settings, the gateway, the database.
pub mod config;
pub mod kiwoom;
pub mod storage;

// Requests and answers, files as tables, what may be shown, and the rules. No I/O.
pub mod http;
pub mod redact;
pub mod rules;
pub mod tables;
