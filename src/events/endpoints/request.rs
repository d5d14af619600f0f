//! What a request says of an endpoint.

use serde_json::Value;
use url::Url;
use utoipa::ToSchema;
use utoipa::openapi::SchemaFormat;
use utoipa::openapi::schema::ArrayBuilder;

use crate::events::public_only::is_private;
use crate::http::description::{self, described};
use crate::http::extract::{Fields, FromField, FromFields, UpTo, text};
use crate::redact::cards::without_card;
use crate::rules::event_types::{OBJECTS, TYPES, named};
use crate::rules::text::Text;

/// A new endpoint.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhookEndpoint)]
pub struct CreateRequest {
    /// In production https, and no private address.
    pub url: Address,
    #[schema(value_type = Option<Description>)]
    pub description: Option<Description>,
    /// Left out: all.
    pub types: Option<Types>,
    /// Default `true`.
    pub enabled: Option<bool>,
}

impl FromFields for CreateRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let url = f.required("url");
        Some(Self {
            description: f.optional("description"),
            types: f.optional("types"),
            enabled: f.optional("enabled"),
            url: url?,
        })
    }
}

/// What is changed; what is left out stays.
#[expect(clippy::option_option, reason = "left out, null and a value are three wishes")]
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookEndpointChange)]
pub struct ChangeRequest {
    #[schema(value_type = Option<Address>, nullable = false)]
    pub url: Option<Address>,
    /// `null` clears it.
    #[schema(value_type = Option<Description>)]
    pub description: Option<Option<Description>>,
    /// `null`: all.
    #[schema(value_type = Option<Types>)]
    pub types: Option<Option<Types>>,
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
}

impl FromFields for ChangeRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        Some(Self {
            url: f.changeable("url"),
            description: f.clearable("description"),
            types: f.clearable("types"),
            enabled: f.changeable("enabled"),
        })
    }
}

/// How long the secret of before is still signed with.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = SecretRotation)]
pub struct RotateRequest {
    /// Hours; 0: not at all. Default 24.
    #[schema(value_type = Option<i16>, minimum = 0, maximum = 168)]
    pub previous_secret_hours: Option<Hours>,
}

impl FromFields for RotateRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        Some(Self { previous_secret_hours: f.optional("previousSecretHours") })
    }
}

/// 0 to 168 hours.
pub struct Hours(pub i16);

impl FromField for Hours {
    fn from_field(value: &Value) -> Result<Self, Text> {
        if value.as_i64() == Some(0) {
            return Ok(Self(0));
        }
        UpTo::<168>::from_field(value).map(|UpTo(hours)| Self(hours)).map_err(|_| {
            Text::new(
                "0 이상 168 이하의 정수여야 합니다.",
                "Has to be a whole number from 0 to 168.",
            )
        })
    }
}

/// At most 200 characters of the operator's own.
pub struct Description(pub String);

described!(Description as "WebhookEndpointDescription", description::text(200));

impl FromField for Description {
    fn from_field(value: &Value) -> Result<Self, Text> {
        text(value, 200).and_then(without_card).map(Self)
    }
}

/// Types of events, as they were written.
pub struct Types(pub Vec<String>);

described!(
    Types as "WebhookEndpointTypes",
    ArrayBuilder::new()
        .items(description::one_of(words()))
        .min_items(Some(1))
        .max_items(Some(100))
);

/// Each type, and all of each object.
fn words() -> impl Iterator<Item = &'static str> {
    TYPES.iter().copied().chain(OBJECTS.iter().copied())
}

impl FromField for Types {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                "이벤트 종류의 배열이어야 합니다. 예: [\"payment.*\", \"subscription.canceled\"]",
                "Has to be an array of types of events, as [\"payment.*\", \"subscription.canceled\"].",
            )
        };
        let words = value.as_array().filter(|a| (1..=100).contains(&a.len())).ok_or_else(wrong)?;
        let known = |word: &Value| word.as_str().filter(|w| named(w).is_some()).map(str::to_owned);
        words.iter().map(known).collect::<Option<_>>().map(Self).ok_or_else(wrong)
    }
}

/// An http or https URL without account and fragment.
pub struct Address(Url);

described!(
    Address as "WebhookEndpointUrl",
    description::matching("^https?://[!-~]+$")
        .max_length(Some(2000))
        .format(Some(SchemaFormat::Custom("uri".to_owned())))
);

impl FromField for Address {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                "계정과 #가 없는 http 또는 https URL이어야 합니다.",
                "Has to be an http or https URL without an account and without #.",
            )
        };
        let text = without_card(text(value, 2000)?)?;
        let url = Url::parse(&text).map_err(|_| wrong())?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
        (is_http && is_plain && url.fragment().is_none()).then_some(Self(url)).ok_or_else(wrong)
    }
}

impl Address {
    /// The URL, when a service with these settings may deliver to it.
    pub fn allowed(self, production: bool, private: bool) -> Result<String, Text> {
        if production && self.0.scheme() != "https" {
            let ko = "운영 환경에서는 https여야 합니다.";
            return Err(Text::new(ko, "Has to be https in production."));
        }
        if !private && is_private(&self.0) {
            let ko = "이 서버나 내부망의 주소로는 보낼 수 없습니다 (WEBHOOK_ENDPOINT_PRIVATE_ADDRESSES).";
            let en = "May not be an address of this machine or of a private network \
                      (WEBHOOK_ENDPOINT_PRIVATE_ADDRESSES).";
            return Err(Text::new(ko, en));
        }
        Ok(self.0.into())
    }
}
