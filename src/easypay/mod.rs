//! Easy pay through the hosted window: `/easypay/*`.

mod answers;
mod cancel;
mod checkout;
mod example;
mod methods;

use axum::Router;
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
}

/// Pages for browsers. The example is there only where `SDK_EXAMPLE_ENABLED` says so.
pub fn pages(ctx: &AppState) -> Router<AppState> {
    let pages = Router::new().route("/easypay/return", get(example::returned));
    if ctx.config.sdk_example_enabled {
        pages.route("/easypay/sdk-example", get(example::show))
    } else {
        pages
    }
}
