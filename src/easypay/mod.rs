//! Easy pay through the hosted window: `/easypay/*`.

pub(crate) mod answers;
pub(crate) mod cancel;
pub(crate) mod checkout;
mod example;
mod html;
pub(crate) mod links;
pub mod methods;
mod options;
mod resolve;
mod return_url;

use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::AppState;

/// Routes that need an API key.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(methods::list))
        .routes(routes!(checkout::prepare))
        .routes(routes!(checkout::status))
        .routes(routes!(cancel::cancel))
        .routes(routes!(resolve::resolve))
        .merge(links::routes())
}

/// Pages for browsers. The example is there only where `SDK_EXAMPLE_ENABLED` says so.
pub fn pages(ctx: &AppState) -> OpenApiRouter<AppState> {
    let pages = OpenApiRouter::new()
        .routes(routes!(example::returned))
        // For customers: no part of the API.
        .route("/easypay/pay/{token}", get(links::page::show).post(links::page::open));
    if ctx.config.sdk_example_enabled { pages.routes(routes!(example::show)) } else { pages }
}
