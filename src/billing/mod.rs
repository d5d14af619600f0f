//! Card subscriptions: `/billing/*`.

pub(crate) mod answers;
pub(crate) mod billing_keys;
pub(crate) mod cards;
pub(crate) mod customer;
pub mod forgotten;
pub(crate) mod overview;
pub(crate) mod payments;
pub mod renewals;
pub(crate) mod store;
pub(crate) mod subscriptions;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::AppState;
use payments::{export, list, pay, proof, quote, refunds};
use subscriptions::{consents, extend, forecast, pauses, recorded, subscribe, timeline, update};

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(cards::register))
        .routes(routes!(billing_keys::list))
        .routes(routes!(billing_keys::delete))
        .routes(routes!(billing_keys::activate))
        .routes(routes!(subscribe::subscribe))
        .routes(routes!(pay::pay))
        .routes(routes!(payments::show))
        .routes(routes!(proof::show))
        .routes(routes!(list::list))
        .routes(routes!(export::payments))
        .routes(routes!(payments::resolve))
        .routes(routes!(quote::show))
        .routes(routes!(refunds::refund))
        .routes(routes!(refunds::list))
        .routes(routes!(refunds::resolve))
        .routes(routes!(subscriptions::cancel))
        .routes(routes!(subscriptions::list))
        .routes(routes!(forecast::show))
        .routes(routes!(overview::show))
        .routes(routes!(customer::show))
        .routes(routes!(customer::erase))
        .routes(routes!(customer::export))
        .routes(routes!(customer::merge))
        .routes(routes!(subscriptions::show, update::update))
        .routes(routes!(timeline::show))
        .routes(routes!(extend::extend))
        .routes(routes!(recorded::record))
        .routes(routes!(consents::record))
        .routes(routes!(consents::list))
        .routes(routes!(pauses::pause))
        .routes(routes!(pauses::resume))
}
