//! What of a request may be shown: in logs, in answers, in the table of idempotency keys.

use axum::http::{HeaderMap, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::redact::cards::mask_cards;
use crate::redact::keys::MIN_API_KEY_LENGTH;
use crate::redact::keys::holds_key;

/// The path without its query. Card numbers, ids of customers and the tokens of payment page links in it
/// are masked, however they are percent-encoded; of one with the caller's API key in it nothing is left.
pub fn shown_path(headers: &HeaderMap, uri: &Uri) -> String {
    let decoded = percent_decode_str(uri.path()).decode_utf8_lossy();
    if holds_key(headers, &decoded) {
        return "/***".to_owned();
    }
    let masked = mask_named(&mask_cards(&decoded));
    if masked == decoded {
        return uri.path().to_owned();
    }
    let segments = masked.split('/');
    let encoded = segments.map(|segment| utf8_percent_encode(segment, NON_ALPHANUMERIC));
    // The stars of the mask, and what ids and order numbers are made of.
    let readable = encoded.map(|s| s.to_string().replace("%2A", "*").replace("%2D", "-"));
    readable.collect::<Vec<_>>().join("/").replace("%5F", "_")
}

/// The id of a customer, which may tell who it is, and the token of a payment page link.
fn mask_named(path: &str) -> String {
    let mut last = "";
    let segments = path.split('/').map(|segment| {
        let is_named = matches!(last, "customer" | "customers" | "pay");
        let shown = if is_named { "***" } else { segment };
        last = segment;
        shown
    });
    segments.collect::<Vec<_>>().join("/")
}

/// A name nobody knows may be no name at all but a card number or a key that slipped there. Answers
/// are kept under an `Idempotency-Key`, so with as many digits as a birth date has it is shown
/// without them, and as long as an API key it is shown as its length.
pub fn shown_name(name: &str) -> String {
    let length = name.chars().count();
    if length >= MIN_API_KEY_LENGTH {
        return "*".repeat(length.min(100));
    }
    let digits = name.chars().filter(char::is_ascii_digit).count();
    if digits < 6 {
        return name.to_owned();
    }
    name.chars().map(|c| if c.is_ascii_digit() { '*' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn shown(path: &str) -> String {
        let headers =
            HeaderMap::from_iter([("x-api-key".parse().unwrap(), HeaderValue::from_static(KEY))]);
        shown_path(&headers, &path.parse().unwrap())
    }

    const KEY: &str = "a-key-of-the-environment";

    #[test]
    fn cards_and_keys_are_not_shown() {
        for path in ["/billing/pay", "/billing/payment/ORDER-1", "/billing/payment/%EA%B0%80"] {
            assert_eq!(shown(&format!("{path}?x=4111111111111111")), path);
        }
        let masked = "/billing/payment/411111******1111";
        assert_eq!(shown("/billing/payment/4111111111111111"), masked);
        assert_eq!(shown("/billing/payment/%34111111111111111"), masked);
        let customer = "/customers/***";
        for id in ["user123", "%EA%B0%80", "a%40b.kr", "4111111111111111"] {
            assert_eq!(shown(&format!("/customers/{id}")), customer);
            assert_eq!(shown(&format!("/billing/customer/{id}")), "/billing/customer/***");
            assert_eq!(
                shown(&format!("{customer}/export").replace("***", id)),
                "/customers/***/export"
            );
        }
        assert_eq!(shown("/easypay/pay/abcdef"), "/easypay/pay/***");
        assert_eq!(shown("/console/customers"), "/console/customers");
        let grouped = "/billing/payment/4111%2011**%20****%201111";
        assert_eq!(shown("/billing/payment/4111%201111%201111%201111"), grouped);
        assert!(!shown("/x/4111111111111111%0A").contains('\n'));
        let made = format!("kbk_0123456789ab_{}", "0f".repeat(32));
        for key in [KEY, &made] {
            assert_eq!(shown(&format!("/billing/payment/{key}")), "/***");
        }
    }
}
