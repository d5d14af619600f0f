//! What a refund is measured by, in requests.

use chrono::NaiveDate;
use serde_json::Value;

use crate::http::description::{self, described};
use crate::http::extract::{FromField, whole};
use crate::rules::pro_rata::{Basis, Count, MAX_USES, Uses};
use crate::rules::text::Text;

impl FromField for Count {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                format!("0 이상 {MAX_USES} 이하의 정수여야 합니다."),
                format!("Has to be a whole number from 0 to {MAX_USES}."),
            )
        };
        whole(value, 0..=MAX_USES, wrong).and_then(|count| Self::new(count).ok_or_else(wrong))
    }
}

described!(Basis as "ProRata", description::pro_rata(MAX_USES));

impl FromField for Basis {
    /// `true` (days, today), `{"asOf":date}` or `{"used":n,"total":m}`.
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                "true, {\"asOf\":\"YYYY-MM-DD\"}, {\"used\":N,\"total\":M}(0≤N≤M, M≥1) 중 \
                    하나여야 합니다.",
                "Has to be true, {\"asOf\":\"YYYY-MM-DD\"} or {\"used\":N,\"total\":M} with \
                    0≤N≤M and M≥1.",
            )
        };
        read(value).ok_or_else(wrong)
    }
}

fn read(value: &Value) -> Option<Basis> {
    if *value == Value::Bool(true) {
        return Some(Basis::Days(None));
    }
    let fields = value.as_object()?;
    // One that is left out is `null` to some programs.
    let field = |name| fields.get(name).filter(|value| !value.is_null());
    let sent = fields.values().filter(|value| !value.is_null()).count();
    match (sent, field("asOf"), field("used"), field("total")) {
        (1, Some(date), _, _) => NaiveDate::from_field(date).ok().map(|d| Basis::Days(Some(d))),
        (2, _, Some(used), Some(total)) => {
            let count = |value| Count::from_field(value).ok();
            Uses::new(count(used)?, count(total)?).map(Basis::Uses)
        }
        _ => None,
    }
}
