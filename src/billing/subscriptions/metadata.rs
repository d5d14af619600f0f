//! `metadata`: the merchant's own data of a subscription.

use serde_json::{Map, Value};

use crate::http::extract::{FromField, no_control};
use crate::redact::cards::{self, json_holds_card};
use crate::rules::characters::refuse;
use crate::rules::text::Text;

const MAX_BYTES: usize = 4096;

/// A JSON object of at most 4,096 bytes.
#[derive(Clone, Default)]
pub struct Metadata(pub Map<String, Value>);

impl Metadata {
    /// With the keys of `changes` in place of its own; `null` removes a key.
    pub fn merged(mut self, changes: Self) -> Result<Self, Text> {
        for (key, value) in changes.0 {
            if value.is_null() {
                self.0.shift_remove(&key);
            } else {
                self.0.insert(key, value);
            }
        }
        fits(&Value::Object(self.0.clone()))?;
        Ok(self)
    }
}

impl FromField for Metadata {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || Text::new("JSON 객체여야 합니다.", "Has to be a JSON object.");
        let object = value.as_object().ok_or_else(wrong)?;
        fits(value)?;
        refuse_nul(value)?;
        if json_holds_card(value) {
            return Err(cards::refusal());
        }
        Ok(Self(object.clone()))
    }
}

fn fits(value: &Value) -> Result<(), Text> {
    if value.to_string().len() <= MAX_BYTES {
        return Ok(());
    }
    Err(Text::new("4096바이트를 넘을 수 없습니다.", "May not exceed 4,096 bytes."))
}

/// PostgreSQL's JSON cannot hold the character U+0000, wherever it is.
fn refuse_nul(value: &Value) -> Result<(), Text> {
    let text = |text: &str| refuse(text, |c| c == '\0', no_control());
    match value {
        Value::String(value) => text(value),
        Value::Array(items) => items.iter().try_for_each(refuse_nul),
        Value::Object(fields) => {
            fields.iter().try_for_each(|(name, v)| text(name).and_then(|()| refuse_nul(v)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}
