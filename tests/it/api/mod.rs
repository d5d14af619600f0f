//! What holds for every route: the description, repeated requests, the envelope, bad and slow clients.

mod bad_edges;
mod bad_http;
mod edge_headers;
mod edge_slow;
mod hostile_text;
mod idempotency;
mod openapi;
mod overload;
mod slow_clients;
