//! What lists can be narrowed to.

use serde_json::Value;

use crate::http::description::{self, described};
use crate::http::extract::{Fields, FromField, InQuery, text};
use crate::payments::store::terms::Terms;
use crate::rules::money::Won;
use crate::rules::text::Text;

const MAX_PAIRS: usize = 5;

described!(Terms, description::pairs(MAX_PAIRS));

/// `metadata=key:value`; a key with a colon is written in brackets.
struct Pair(String, String);

impl FromField for Pair {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let pair = value.as_str().and_then(|text| text.split_once(':'));
        let (key, value) = pair.ok_or_else(|| {
            Text::new(
                "metadata[키]=값 또는 metadata=키:값 형식이어야 합니다.",
                "Has to be metadata[key]=value or metadata=key:value.",
            )
        })?;
        Ok(Self(text(&Value::from(key), 255)?, text(&Value::from(value), 255)?))
    }
}

/// Reads `minAmount` and `maxAmount` (won, both included) and `metadata[key]=value` or
/// `metadata=key:value`, at most five pairs, from a query. What is wrong is noted in `f`.
pub fn terms(f: &mut Fields) -> Terms {
    let min_amount = f.optional::<InQuery<Won>>("minAmount").map(|won| won.0);
    let max_amount = f.optional::<InQuery<Won>>("maxAmount").map(|won| won.0);
    let mut pairs = f.entries("metadata");
    pairs.extend(f.optional::<Pair>("metadata").map(|Pair(key, value)| (key, value)));
    if pairs.len() > MAX_PAIRS {
        let ko = format!("{MAX_PAIRS}개를 넘을 수 없습니다.");
        f.refuse("metadata", Text::new(ko, format!("May not exceed {MAX_PAIRS} pairs.")));
    }
    Terms { min_amount, max_amount, metadata: pairs }
}
