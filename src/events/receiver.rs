//! The merchant's backend, as a delivery reaches it: signed by the Standard Webhooks scheme.

use std::time::Duration;

use reqwest::{Client, redirect};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};
use url::Url;

use crate::kiwoom::outgoing::through;
use crate::rules::forward_proxy::ForwardProxy;
use kiwoom_clock::Clock;

const TIMEOUT: Duration = Duration::from_secs(10);

/// See the module.
pub struct Receiver {
    client: Client,
    url: Url,
    signers: Vec<Webhook>,
}

impl Receiver {
    /// Each delivery has a signature under each of `signers`.
    pub fn new(
        url: Url,
        proxy: Option<&ForwardProxy>,
        signers: Vec<Webhook>,
    ) -> reqwest::Result<Self> {
        // A redirect would carry events to a host that nobody named.
        let client = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none());
        let client = client.user_agent("kiwoom-billing");
        let client = through(&url, proxy, client)?.build()?;
        Ok(Self { client, url, signers })
    }

    /// Posts an event; the status of the answer, or why there was none. The receiver lives in real time,
    /// whatever the sandbox's clock shows: it refuses a signature that is five minutes off.
    pub async fn send(&self, id: &str, body: String) -> Result<u16, String> {
        let now = Clock::system().now().timestamp();
        let signatures = self.signers.iter().map(|signer| signer.sign(id, now, body.as_bytes()));
        let signatures: Result<Vec<_>, _> = signatures.collect();
        let signatures = signatures.map_err(|error| error.to_string())?.join(" ");
        let request = self.client.post(self.url.clone()).body(body);
        let request = request
            .header("content-type", "application/json")
            .header(HEADER_WEBHOOK_ID, id)
            .header(HEADER_WEBHOOK_TIMESTAMP, now.to_string())
            .header(HEADER_WEBHOOK_SIGNATURE, signatures);
        let answer = request.send().await;
        answer.map(|answer| answer.status().as_u16()).map_err(|error| match error {
            error if error.is_timeout() => "timeout".to_owned(),
            error if error.is_connect() => "no connection".to_owned(),
            error => error.without_url().to_string(),
        })
    }
}
