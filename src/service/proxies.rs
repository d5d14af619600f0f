//! Looks at what the proxies in front of the service do with `X-Forwarded-For`, by requests through
//! `PUBLIC_URL` as anybody would send them.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};

use crate::context::{AppState, Context};
use crate::kiwoom::outgoing::through;

/// A proxy may be set up anew at any time.
const INTERVAL: Duration = Duration::from_mins(10);
/// While a proxy is disbelieved, which costs notifications.
const SOON: Duration = Duration::from_secs(10);
/// The first pause after a request that did not come back, of growing ones: a balancer does not know of
/// a process that has just begun, and sends requests to other ones too.
const AT_FIRST: Duration = Duration::from_secs(1);
/// The pause at which it is said that the process cannot find out: after a minute.
const WARNED: Duration = Duration::from_secs(64);
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs until the service is told to stop. Does nothing without `TRUSTED_PROXIES` or where
/// `PROXY_PROBE_ENABLED` is off.
pub async fn probe(ctx: AppState) {
    if !ctx.forwarding.has_proxies() || !ctx.config.proxy_probe_enabled {
        return;
    }
    let Some(public) = &ctx.config.public_url else {
        return tracing::warn!("without PUBLIC_URL it is not known what TRUSTED_PROXIES do");
    };
    let client = Client::builder().redirect(redirect::Policy::none()).timeout(PATIENCE);
    let client = match through(public, None, client).and_then(ClientBuilder::build) {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "the proxies cannot be looked at"),
    };
    let mut growing = AT_FIRST;
    loop {
        let arrived = ask(&ctx, &client).await;
        if !arrived && growing == WARNED {
            tracing::warn!(
                url = ctx.public_url,
                "no request of this process came back to it through PUBLIC_URL and TRUSTED_PROXIES: \
                 whether the proxies set X-Forwarded-For themselves is not known",
            );
        }
        let pause = match ctx.forwarding.passing_on() {
            0 if arrived => INTERVAL,
            0 => growing,
            _ => SOON,
        };
        growing = if arrived { AT_FIRST } else { (growing * 2).min(INTERVAL) };
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
