//! The database: its schema, the rights of the service's role, and copies of it.

mod least_privilege;
mod migrate_and_start;
mod restored_database;
