//! What holds for every route: the description, repeated requests, the envelope, bad and slow clients.

mod as_callers_send_it;
mod early_answers;
mod examples;
mod idempotency;
mod idle_connections;
mod injection;
mod invalid_dates_and_references;
mod lists_apart;
mod malformed_requests;
mod openapi;
mod overload;
mod repeated_fields;
mod security_headers;
mod stalled_requests;
