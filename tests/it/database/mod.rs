//! The database: its schema, the rights of the service's role, and copies of it.

mod concurrent_indexes;
mod environment;
mod fitness;
mod ids_in_one_form;
mod least_privilege;
mod mark_object;
mod migrate_and_start;
mod mixed_versions;
mod paid_time_migration;
mod paid_time_rows;
mod planned_failover;
mod plans;
mod restored_database;
mod rights;
mod rolled_back_database;
mod schema_changes;
mod unreachable;
