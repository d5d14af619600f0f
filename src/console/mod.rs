//! The console at `/console`, for the people who run the service.
//!
//! It is a client of the API: each page and each action calls the API's own router in this process
//! ([`api`]), as the API key that signed in. So scopes, validation, limits, idempotency and the audit
//! trail are the API's, and the console knows no table but its own sessions.
//!
//! A page is a function of [`frame::Console`]: it asks the API, fills a template and returns
//! [`frame::Page`]. An action takes a [`form::Form`] too, calls the API, and sends the browser on.

pub mod api;
mod assets;
pub mod failed;
pub mod form;
pub mod frame;
mod front;
mod guard;
pub mod language;
mod pages;
pub mod session;
pub mod shown;
mod sign_in;

use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{get, post};

use crate::context::AppState;

pub use assets::routes as assets;
pub use front::routes as front;

/// What every page of the console is handed.
#[derive(Clone)]
pub struct Shared {
    ctx: AppState,
    /// The API's routes with their layers, as they are served.
    api: Router,
}

/// The routes, to be nested at `/console`. `api` are those of the service.
pub fn routes(ctx: AppState, api: Router) -> Router {
    let shared = Shared { ctx, api };
    let signed_in = Router::new()
        .merge(pages::routes())
        .route("/sign-out", post(sign_in::leave))
        .fallback(failed::nowhere)
        .method_not_allowed_fallback(failed::wrong_method)
        .layer(from_fn_with_state(shared.clone(), guard::admit));
    Router::new()
        .route("/sign-in", get(sign_in::ask).post(sign_in::enter))
        .route("/language", get(sign_in::language))
        .merge(signed_in)
        .layer(map_response(frame::protect))
        .with_state(shared)
}
