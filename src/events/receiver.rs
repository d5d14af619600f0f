//! The merchant's backend, as a delivery reaches it: signed by the Standard Webhooks scheme.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};
use url::Url;

use crate::access::trace::{TRACEPARENT, Trace};
use crate::events::public_only::{PRIVATE, PublicOnly, is_private};
use crate::kiwoom::outgoing::{causes, through};
use crate::rules::forward_proxy::ForwardProxy;
use kiwoom_clock::Clock;

const TIMEOUT: Duration = Duration::from_secs(10);

/// What deliveries go through, and how far they may reach.
#[derive(Clone, Copy)]
pub struct Route<'a> {
    /// Instead of straight there. It then finds out the addresses, and decides which of them it reaches.
    pub proxy: Option<&'a ForwardProxy>,
    /// Whether an address of this machine or of a private network may be reached.
    pub private: bool,
}

/// See the module.
pub struct Receiver {
    client: Client,
    url: Url,
    signers: Vec<Webhook>,
    is_refused: bool,
}

impl Receiver {
    /// Each delivery has a signature under each of `signers`.
    pub fn new(url: Url, route: Route<'_>, signers: Vec<Webhook>) -> reqwest::Result<Self> {
        // A redirect would carry events to a host that nobody named.
        let client = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none());
        let client = client.user_agent("kiwoom-billing");
        let client = through(&url, route.proxy, client)?;
        let client = reaching(client, route).build()?;
        let is_refused = !route.private && is_private(&url);
        Ok(Self { client, url, signers, is_refused })
    }

    /// Posts an event; the status of the answer, or why there was none. The receiver lives in real time,
    /// whatever the sandbox's clock shows: it refuses a signature that is five minutes off.
    pub async fn send(&self, id: &str, body: String, trace: Option<Trace>) -> Result<u16, String> {
        if self.is_refused {
            return Err(PRIVATE.to_owned());
        }
        let now = Clock::system().now().timestamp();
        let signatures = self.signers.iter().map(|signer| signer.sign(id, now, body.as_bytes()));
        let signatures: Result<Vec<_>, _> = signatures.collect();
        let signatures = signatures.map_err(|error| error.to_string())?.join(" ");
        let mut request = self.client.post(self.url.clone()).body(body);
        if let Some(trace) = trace {
            request = request.header(TRACEPARENT, trace.to_string());
        }
        let request = request
            .header("content-type", "application/json")
            .header(HEADER_WEBHOOK_ID, id)
            .header(HEADER_WEBHOOK_TIMESTAMP, now.to_string())
            .header(HEADER_WEBHOOK_SIGNATURE, signatures);
        let answer = request.send().await;
        answer.map(|answer| answer.status().as_u16()).map_err(failure)
    }
}

fn reaching(client: ClientBuilder, route: Route<'_>) -> ClientBuilder {
    if route.private || route.proxy.is_some() {
        return client;
    }
    client.dns_resolver(PublicOnly)
}

/// Why there was no answer.
fn failure(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "timeout".to_owned();
    }
    let is_connect = error.is_connect();
    let text = causes(error);
    match text {
        text if text.ends_with(PRIVATE) => PRIVATE.to_owned(),
        _ if is_connect => "no connection".to_owned(),
        text => text,
    }
}
