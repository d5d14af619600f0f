//! `MERCHANT_WEBHOOK_URL` and `MERCHANT_WEBHOOK_SECRET`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use standardwebhooks::Webhook;
use url::Url;

use crate::config::read::Reader;
use crate::rules::forward_proxy::ForwardProxy;

/// Bytes of the shortest secret, by the Standard Webhooks specification.
const MIN_BYTES: usize = 24;

/// Where events are delivered and how they are signed.
#[derive(Clone, Debug)]
pub struct MerchantWebhook {
    /// Where.
    pub url: Url,
    /// `MERCHANT_WEBHOOK_PROXY_URL`: what deliveries go through.
    pub proxy: Option<ForwardProxy>,
    secret: SecretString,
}

impl MerchantWebhook {
    /// Both or neither; https in production.
    pub(super) fn read(r: &mut Reader, production: bool) -> Option<Self> {
        const SECRET: &str = "whsec_ and at least 24 bytes in base64";
        let url = r.url("MERCHANT_WEBHOOK_URL");
        let url = match url {
            Some(url) if production && url.scheme() != "https" => {
                r.wrong("MERCHANT_WEBHOOK_URL", "an https URL")
            }
            url => url,
        };
        let secret = match r.text("MERCHANT_WEBHOOK_SECRET") {
            Some(text) if is_secret(&text) => Some(SecretString::from(text)),
            Some(_) => r.wrong("MERCHANT_WEBHOOK_SECRET", SECRET),
            None if url.is_some() => r.missing("MERCHANT_WEBHOOK_SECRET", SECRET),
            None => None,
        };
        let proxy = r.forward_proxy("MERCHANT_WEBHOOK_PROXY_URL");
        Some(Self { url: url?, proxy, secret: secret? })
    }

    /// Signs by the Standard Webhooks scheme.
    pub fn signer(&self) -> Option<Webhook> {
        Webhook::new(self.secret.expose_secret()).ok()
    }
}

fn is_secret(text: &str) -> bool {
    let bytes = text.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok());
    bytes.is_some_and(|bytes| bytes.len() >= MIN_BYTES)
}
