//! Ids in requests.

use serde_json::Value;

use crate::http::description::{self, described};
use crate::http::extract::FromField;
use crate::rules::ids::{BillingKeyId, ConsentId, EventId, PaymentId, RefundId, SubscriptionId};
use crate::rules::text::Text;

macro_rules! read {
    ($($name:ident)*) => {
        $(
            described!(
                $name,
                description::text(255).examples([format!("{}…", $name::PREFIX)])
            );

            impl FromField for $name {
                fn from_field(value: &Value) -> Result<Self, Text> {
                    String::from_field(value).map(|text| Self::parse(&text))
                }
            }
        )*
    };
}

read!(BillingKeyId SubscriptionId PaymentId RefundId EventId ConsentId);
