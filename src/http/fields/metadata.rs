//! The merchant's own data in requests.

use serde_json::Value;

use crate::http::extract::FromField;
use crate::redact::cards::{self, json_holds_card};
use crate::rules::metadata::Metadata;
use crate::rules::text::Text;

impl FromField for Metadata {
    fn from_field(value: &Value) -> Result<Self, Text> {
        Self::as_written(value, &value.to_string())
    }

    fn as_written(value: &Value, text: &str) -> Result<Self, Text> {
        let metadata = Self::parse(text)?;
        if json_holds_card(value) {
            return Err(cards::refusal());
        }
        Ok(metadata)
    }
}
