//! The books by movement of money: what came and what went, and the sums of days and months.
//!
//! Movements are written by triggers of the database (`migrations/0022_movements.sql`), with what they
//! record. Nothing here writes one.

mod close;
mod export;
mod movements;
mod store;
mod summary;
mod workbook;

pub use close::close;
pub use movements::Kind;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::AppState;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(movements::list))
        .routes(routes!(export::csv))
        .routes(routes!(export::xlsx))
        .routes(routes!(summary::show))
}
