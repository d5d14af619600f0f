//! The database: the private server of development.

pub mod private;
