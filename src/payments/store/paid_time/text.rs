//! The names of the model's kinds, states and reasons in the database: those of its JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The name as it is stored.
pub fn of(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}

/// What has this name.
pub fn parse<T: DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(Value::String(name.to_owned())).ok()
}
