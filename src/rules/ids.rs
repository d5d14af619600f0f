//! Ids as callers see them: a prefix that names the kind, then a time-ordered UUID (version 7).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

macro_rules! id {
    ($name:ident, $prefix:literal, $what:literal) => {
        #[doc = concat!("The id of ", $what, ": `", $prefix, "` and a UUID.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// What such an id begins with.
            pub const PREFIX: &str = $prefix;

            /// A new id, later than all before it.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id that these bytes always make. It sorts before every new one.
            pub fn made_of(bytes: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(0, &bytes).into_uuid())
            }

            /// Text that is no id of this kind names nothing: it becomes the nil id, which no
            /// row has, and so the caller's 404 is the same as for an id that does not exist.
            pub fn parse(text: &str) -> Self {
                let uuid = text.strip_prefix($prefix).and_then(|t| Uuid::try_parse(t).ok());
                Self(uuid.unwrap_or_default())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|text| Self::parse(&text))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

id!(BillingKeyId, "bk_", "a billing key");
id!(SubscriptionId, "sub_", "a subscription");
id!(PaymentId, "pay_", "a payment");
id!(RefundId, "ref_", "a refund");
id!(EventId, "evt_", "an event");
id!(MovementId, "mov_", "a movement of money");
id!(WebhookEndpointId, "we_", "a receiver of events");
id!(PaymentLinkId, "link_", "a payment page link");
id!(ConsentId, "con_", "a consent to a price rise");

impl WebhookEndpointId {
    /// The receiver of the settings, `MERCHANT_WEBHOOK_URL`.
    pub const ENVIRONMENT: Self = Self(Uuid::from_u128(0x7000_8000_0000_0000_0000));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receiver_of_the_settings_has_an_id_that_other_text_does_not_name() {
        let id = WebhookEndpointId::ENVIRONMENT;
        assert_eq!(id.to_string(), "we_00000000-0000-7000-8000-000000000000");
        assert_ne!(WebhookEndpointId::parse("x"), id);
    }

    #[test]
    fn an_id_that_is_made_is_the_same_again_and_before_all_new_ones() {
        let made = SubscriptionId::made_of([7; 10]);
        assert_eq!(made, SubscriptionId::made_of([7; 10]));
        assert_eq!(SubscriptionId::parse(&made.to_string()), made);
        assert!(made.0.get_version_num() == 7 && made < SubscriptionId::new());
    }

    #[test]
    fn ids_read_back_and_other_text_names_nothing() {
        let id = PaymentId::new();
        assert_eq!(PaymentId::parse(&id.to_string()), id);
        for text in ["", "pay_", "pay_x", "sub_0190b1c8-0000-7000-8000-000000000000", "'; --"] {
            assert_eq!(PaymentId::parse(text).0, Uuid::nil(), "{text}");
        }
    }
}
