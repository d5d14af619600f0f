//! The database: its schema, the rights of the service's role, and copies of it.

pub mod database_start;
mod least_privilege;
mod time_travel;
