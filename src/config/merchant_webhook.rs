//! `MERCHANT_WEBHOOK_URL` and `MERCHANT_WEBHOOK_SECRET`.

use secrecy::{ExposeSecret, SecretString};
use standardwebhooks::Webhook;
use url::Url;

use crate::config::read::Reader;

/// Shortest secret: `whsec_` and 24 bytes in base64.
const MIN_LENGTH: usize = "whsec_".len() + 32;

/// Where events are delivered and how they are signed.
#[derive(Clone, Debug)]
pub struct MerchantWebhook {
    /// Where.
    pub url: Url,
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
        Some(Self { url: url?, secret: secret? })
    }

    /// Signs by the Standard Webhooks scheme.
    pub fn signer(&self) -> Option<Webhook> {
        Webhook::new(self.secret.expose_secret()).ok()
    }
}

fn is_secret(text: &str) -> bool {
    text.starts_with("whsec_") && text.len() >= MIN_LENGTH && Webhook::new(text).is_ok()
}
