//! `MERCHANT_WEBHOOK_*`, `WEBHOOK_ENDPOINT_*`: where events are delivered, which, and how they are signed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use standardwebhooks::Webhook;
use url::Url;

use crate::config::read::Reader;
use crate::rules::event_types::{TYPES, named};
use crate::rules::forward_proxy::ForwardProxy;

/// Bytes of the shortest secret, by the Standard Webhooks specification.
const MIN_BYTES: usize = 24;
const SECRET: &str = "whsec_ and at least 24 bytes in base64";

/// How deliveries leave this machine, whoever named the receiver.
#[derive(Clone, Debug)]
pub struct Deliveries {
    /// `MERCHANT_WEBHOOK_PROXY_URL`: what they go through.
    pub proxy: Option<ForwardProxy>,
    /// `WEBHOOK_ENDPOINT_PRIVATE_ADDRESSES`: whether endpoints of the API may be on this machine or in a
    /// private network; default in development only.
    pub private_endpoints: bool,
}

impl Deliveries {
    pub(super) fn read(r: &mut Reader, production: bool) -> Self {
        Self {
            proxy: r.forward_proxy("MERCHANT_WEBHOOK_PROXY_URL"),
            private_endpoints: r.switch("WEBHOOK_ENDPOINT_PRIVATE_ADDRESSES", !production),
        }
    }
}

/// The receiver of the settings, and how its deliveries are signed.
#[derive(Clone, Debug)]
pub struct MerchantWebhook {
    /// Where.
    pub url: Url,
    /// `MERCHANT_WEBHOOK_EVENTS`: the types that are delivered; without it all, also one that this
    /// version does not know.
    pub types: Option<Vec<&'static str>>,
    secret: SecretString,
    /// `MERCHANT_WEBHOOK_PREVIOUS_SECRET`.
    previous_secret: Option<SecretString>,
}

impl MerchantWebhook {
    /// Both or neither; https in production.
    pub(super) fn read(r: &mut Reader, production: bool) -> Option<Self> {
        let url = r.url("MERCHANT_WEBHOOK_URL");
        let url = match url {
            Some(url) if production && url.scheme() != "https" => {
                r.wrong("MERCHANT_WEBHOOK_URL", "an https URL")
            }
            url => url,
        };
        let name = "MERCHANT_WEBHOOK_SECRET";
        let present = match secret(r, name) {
            None if url.is_some() && r.text(name).is_none() => r.missing(name, SECRET),
            present => present,
        };
        let previous_secret = secret(r, "MERCHANT_WEBHOOK_PREVIOUS_SECRET");
        let types = types(r);
        Some(Self { url: url?, types, secret: present?, previous_secret })
    }

    /// Sign by the Standard Webhooks scheme: while the secret is replaced, with the one of before too.
    pub fn signers(&self) -> Option<Vec<Webhook>> {
        let secrets = std::iter::once(&self.secret).chain(&self.previous_secret);
        secrets.map(|secret| Webhook::new(secret.expose_secret()).ok()).collect()
    }

    /// Whether deliveries are signed with the secret of before too.
    pub fn is_replaced(&self) -> bool {
        self.previous_secret.is_some()
    }
}

fn secret(r: &mut Reader, name: &'static str) -> Option<SecretString> {
    match r.text(name) {
        Some(text) if is_secret(&text) => Some(SecretString::from(text)),
        Some(_) => r.wrong(name, SECRET),
        None => None,
    }
}

fn types(r: &mut Reader) -> Option<Vec<&'static str>> {
    let name = "MERCHANT_WEBHOOK_EVENTS";
    let text = r.text(name)?;
    let named: Option<Vec<_>> = text.split(',').map(|word| named(word.trim())).collect();
    let accepted = || {
        let all = TYPES.join(", ");
        format!("types of events, comma-separated, or all of an object (subscription.*): {all}")
    };
    match named {
        Some(named) => Some(named.concat()),
        None => r.wrong(name, &accepted()),
    }
}

fn is_secret(text: &str) -> bool {
    let bytes = text.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok());
    bytes.is_some_and(|bytes| bytes.len() >= MIN_BYTES)
}
