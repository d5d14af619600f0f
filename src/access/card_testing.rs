//! Against card testing: how many registrations a customer, an address and an API key may try.
//!
//! Who has stolen card numbers finds out which are good by registering them, through a merchant's
//! own form. An attempt counts whatever becomes of it. The counts are of one process.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::access::api_keys::ApiKeyId;
use crate::access::origin::Origin;
use crate::access::rate_limit::Limit;
use crate::config::Limits;
use crate::http::error::{ApiError, Code};
use crate::rules::text::Text;

const HOUR: Duration = Duration::from_hours(1);

/// `REGISTER_*_PER_HOUR`.
pub struct Registrations(Mutex<Counts>);

struct Counts {
    customers: Limit<String>,
    origins: Limit<Origin>,
    keys: Limit<String>,
}

impl Registrations {
    /// With these limits.
    pub fn new(limits: Limits) -> Self {
        Self(Mutex::new(Counts {
            customers: Limit::new(limits.register_customer_per_hour, HOUR),
            origins: Limit::new(limits.register_address_per_hour, HOUR),
            keys: Limit::new(limits.register_key_per_hour, HOUR),
        }))
    }

    /// Counts one attempt, or refuses it with 429 when one of the three had too many. What is refused
    /// counts for none: hammering at one customer does not use up everybody's.
    pub fn admit(&self, customer: &str, origin: Origin, key: &ApiKeyId) -> Result<(), ApiError> {
        let now = Instant::now();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = [
            ("customer", counts.customers.wait(customer, now)),
            ("address", counts.origins.wait(&origin, now)),
            ("api_key", counts.keys.wait(key.0.as_str(), now)),
        ];
        let waits = waits.into_iter().filter_map(|(limit, wait)| Some((wait?, limit)));
        if let Some((wait, limit)) = waits.max() {
            return Err(refuse(limit, wait, key));
        }
        counts.customers.take(customer.to_owned(), now);
        counts.origins.take(origin, now);
        counts.keys.take(key.0.clone(), now);
        Ok(())
    }
}

fn refuse(limit: &'static str, wait: Duration, key: &ApiKeyId) -> ApiError {
    metrics::counter!("kiwoom_billing_registrations_limited_total", "limit" => limit).increment(1);
    tracing::warn!(limit, api_key = key.0, "too many registrations of cards: card testing?");
    let (ko, en) = match limit {
        "customer" => ("이 고객의", "this customer"),
        "address" => ("이 주소의", "this address"),
        _ => ("이 API 키의", "this API key"),
    };
    let text = Text::new(
        format!("{ko} 카드 등록 시도가 너무 많습니다. 잠시 후 다시 시도해 주세요."),
        format!("Too many registrations of cards for {en}. Try again later."),
    );
    ApiError::from(Code::RateLimited).with_text(text).with_retry_after(wait)
}
