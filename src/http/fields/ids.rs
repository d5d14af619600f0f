//! Ids in requests: our own, and those of the merchant.

use serde_json::Value;

use crate::http::description::{self, described};
use crate::http::extract::{FromField, text};
use crate::redact::cards::without_card;
use crate::rules::characters::{normal_id, refuse};
use crate::rules::ids::{
    BillingKeyId, ConsentId, EventId, PaymentId, RefundId, SubscriptionId, WebhookEndpointId,
};
use crate::rules::text::Text;

macro_rules! read {
    ($($name:ident)*) => {
        $(
            described!(
                $name,
                description::text(255).examples([format!("{}example", $name::PREFIX)])
            );

            impl FromField for $name {
                fn from_field(value: &Value) -> Result<Self, Text> {
                    String::from_field(value).map(|text| Self::parse(&text))
                }
            }
        )*
    };
}

/// An id that the merchant gave, of at most `max` characters, as ids are compared.
pub fn merchants_id(value: &Value, max: usize) -> Result<String, Text> {
    let id = without_card(text(value, max)?)?;
    refuse(&id, |c| c == '|', no_bar())?;
    Ok(normal_id(&id))
}

/// Why an id or an address is refused for the character that KiwoomPay forbids.
pub fn no_bar() -> Text {
    Text::new("'|' 문자를 사용할 수 없습니다.", "May not contain '|'.")
}

read!(BillingKeyId SubscriptionId PaymentId RefundId EventId ConsentId WebhookEndpointId);
