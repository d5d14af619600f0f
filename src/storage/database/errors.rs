//! What an error of the database means: for whoever waits, and for the caller.

use crate::http::error::{ApiError, Code};

impl From<sqlx::Error> for ApiError {
    /// A query that failed for a reason its caller did not foresee. Logged here, once.
    fn from(error: sqlx::Error) -> Self {
        if is_database_down(&error) {
            tracing::warn!(%error, "database not available");
            return Code::DatabaseUnavailable.into();
        }
        // Ids are new each time, but for a request that another process has taken over.
        let constraint = error.as_database_error().and_then(|e| e.constraint());
        if constraint.is_some_and(|name| name.ends_with("_pkey")) {
            tracing::warn!(%error, "another process has taken this request over");
            return Code::RequestInProgress.into();
        }
        tracing::error!(%error, "unexpected database error");
        Code::Internal.into()
    }
}

/// Whether the server could not be reached, is going away or could not do it just now, as opposed to
/// refusing the statement: the same statement may succeed later.
pub fn is_database_down(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // Class 08 connection, 40 deadlock, 53 resources, 55 lock not available, 57 operator
        // intervention (shutdown, starting up); 25006 a standby that is about to be promoted.
        sqlx::Error::Database(e) => e.code().is_some_and(|code| {
            ["08", "25006", "40", "53", "55", "57"].iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

/// Whether the server knows no such function or does not let us call it.
pub fn is_forbidden(error: &sqlx::Error) -> bool {
    has_code(error, &["42501", "42883"])
}

/// Whether PostgreSQL refused with one of these SQLSTATEs.
pub fn has_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| codes.contains(&&*code))
}
