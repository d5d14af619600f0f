//! Behaviour through the real HTTP interface, a real PostgreSQL and the real sandbox.

mod app;
mod card_walk;
mod postgres;
