//! Looks at what the proxies in front of the service do with `X-Forwarded-For`, by requests through
//! `PUBLIC_URL` as anybody would send them.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};

use crate::context::{AppState, Context};
use crate::kiwoom::outgoing::through;

/// A proxy may be set up anew at any time.
const INTERVAL: Duration = Duration::from_secs(10 * 60);
/// While a proxy is disbelieved, which costs notifications.
const SOON: Duration = Duration::from_secs(10);
/// A balancer does not know of a process that has just begun: it is asked again at growing intervals,
/// from this one on.
const AT_FIRST: Duration = Duration::from_secs(1);
/// The pause at which it is said that the process cannot find out: after about a minute.
const WARNED: Duration = Duration::from_secs(32);
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs until the service is told to stop. Does nothing without proxies or `PUBLIC_URL`.
pub async fn probe(ctx: AppState) {
    let public = ctx.config.public_url.as_ref().filter(|_| ctx.forwarding.has_proxies());
    let Some(public) = public else { return };
    let client = Client::builder().redirect(redirect::Policy::none()).timeout(PATIENCE);
    let client = match through(public, None, client).and_then(ClientBuilder::build) {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "the proxies cannot be looked at"),
    };
    let mut pause = AT_FIRST;
    loop {
        let arrived = ask(&ctx, &client).await;
        pause = match ctx.forwarding.passing_on() {
            0 if arrived => INTERVAL,
            0 => (pause * 2).min(INTERVAL),
            _ => SOON,
        };
        if !arrived && pause == WARNED {
            tracing::warn!(
                url = ctx.public_url,
                "no request of this process came back to it through PUBLIC_URL and TRUSTED_PROXIES: \
                 whether the proxies set X-Forwarded-For themselves is not known",
            );
        }
        tokio::select! {
            () = ctx.draining.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Whether the request came back to this process: behind a balancer it may reach another one.
async fn ask(ctx: &Context, client: &Client) -> bool {
    let before = ctx.forwarding.arrived();
    let url = format!("{}/health/live", ctx.public_url);
    if let Err(error) = client.get(url).headers(ctx.forwarding.probe()).send().await {
        tracing::debug!(error = %error.without_url(), "PUBLIC_URL was not reached");
    }
    ctx.forwarding.arrived() > before
}
