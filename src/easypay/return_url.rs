//! Where the browser goes when the window is done with.

use serde_json::Value;
use url::Url;
use url::form_urlencoded::byte_serialize;
use utoipa::openapi::SchemaFormat;

use crate::http::description::{self, described};
use crate::http::extract::FromField;
use crate::kiwoom::text::OrderNo;
use crate::redact::cards::without_card;
use crate::rules::text::Text;

/// No limit is documented for HOMEURL, FAILURL and CLOSEURL. All are ASCII: characters are bytes.
const MAX_BYTES: usize = 255;

/// An http or https URL of at most 255 characters, without what browsers and people read in
/// different ways: user-info and backslashes.
pub struct ReturnUrl(String);

described!(
    ReturnUrl,
    description::matching("^[Hh][Tt][Tt][Pp][Ss]?:[!-{}~]+$")
        .max_length(Some(MAX_BYTES))
        .format(Some(SchemaFormat::Custom("uri".to_owned())))
);

impl ReturnUrl {
    /// As the caller wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The service's own page, which tells the page that opened the window of `result`, and of the order
    /// as far as there is room for it.
    pub fn own(public_url: &str, result: &str, order_no: &OrderNo) -> String {
        let short = format!("{public_url}/easypay/return?result={result}");
        // A plus sign in a query would be read as a space.
        let order_id: String = byte_serialize(order_no.as_str().as_bytes()).collect();
        let long = format!("{short}&orderId={order_id}");
        if long.len() <= MAX_BYTES { long } else { short }
    }
}

impl FromField for ReturnUrl {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = without_card(String::from_field(value)?)?;
        let web = |u: &Url| matches!(u.scheme(), "http" | "https") && u.has_host();
        let without_user = |u: &Url| u.username().is_empty() && u.password().is_none();
        let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"|\\".contains(&b));
        if plain && Url::parse(&text).is_ok_and(|u| web(&u) && without_user(&u)) {
            return Ok(Self(text));
        }
        Err(Text::new("http 또는 https 주소여야 합니다.", "Has to be an http or https URL."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_page_is_told_of_the_order_while_the_address_stays_short() {
        let order = OrderNo::made(":".repeat(50));
        let url = |host: &str| ReturnUrl::own(&format!("https://{host}"), "paid", &order);
        let room = MAX_BYTES - "https:///easypay/return?result=paid&orderId=".len() - 150;
        assert_eq!(url(&"a".repeat(room)).len(), MAX_BYTES);
        assert!(url(&"a".repeat(room + 1)).ends_with("/easypay/return?result=paid"));
    }
}
