//! The pages, one file for each entry of the navigation.

#![expect(clippy::struct_field_names, reason = "fields are named as in the answers of the API")]

mod answers;
mod audit;
mod books;
mod customers;
mod events;
mod notifications;
mod orders;
mod payments;
mod reconciliation;
mod refunds;
mod status;
mod subscriptions;
mod today;
mod words;

use axum::Router;

use crate::console::Shared;

/// The routes of all pages, within `/console`.
pub fn routes() -> Router<Shared> {
    Router::new()
        .merge(today::routes())
        .merge(payments::routes())
        .merge(orders::routes())
        .merge(refunds::routes())
        .merge(notifications::routes())
        .merge(subscriptions::routes())
        .merge(customers::routes())
        .merge(books::routes())
        .merge(events::routes())
        .merge(reconciliation::routes())
        .merge(audit::routes())
        .merge(status::routes())
}
