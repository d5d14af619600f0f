//! Card subscriptions: `/billing/*`.

pub(crate) mod answers;
pub(crate) mod changes;
pub(crate) mod charges;
pub(crate) mod consents;
mod due;
mod export;
mod forecast;
pub(crate) mod keys;
mod leases;
mod limits;
pub(crate) mod payments;
mod proof;
mod quote;
pub(crate) mod refunds;
pub mod renewals;
mod rises;
pub(crate) mod store;
pub(crate) mod subscribe;
pub(crate) mod subscriptions;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::AppState;

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(keys::register))
        .routes(routes!(keys::list))
        .routes(routes!(keys::delete))
        .routes(routes!(subscribe::subscribe))
        .routes(routes!(charges::pay))
        .routes(routes!(payments::show))
        .routes(routes!(proof::show))
        .routes(routes!(payments::list))
        .routes(routes!(export::payments))
        .routes(routes!(payments::resolve))
        .routes(routes!(quote::show))
        .routes(routes!(refunds::refund))
        .routes(routes!(refunds::list))
        .routes(routes!(refunds::resolve))
        .routes(routes!(subscriptions::cancel))
        .routes(routes!(subscriptions::list))
        .routes(routes!(forecast::show))
        .routes(routes!(subscriptions::show, changes::update))
        .routes(routes!(consents::record))
        .routes(routes!(consents::list))
        .routes(routes!(subscriptions::pause))
        .routes(routes!(subscriptions::resume))
}
