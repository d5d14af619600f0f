//! Notifications from KiwoomPay: `/webhook/*`. They need no API key; what protects them is the
//! sender's address and that they may only confirm what our own row asked for.

pub mod ingest;
mod judge;
mod list;
mod receive;
pub mod source;
mod store;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::AppState;
pub use store::{Notifications, notifications};

/// The route that needs an API key.
pub fn keyed_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list::list))
}

/// The routes of KiwoomPay.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(receive::kiwoom)).routes(routes!(receive::noti))
}
