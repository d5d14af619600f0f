//! Texts that travel to KiwoomPay: within its field limits, in CP949, without `|`
//! (protocol section 1).

use serde_json::Value;

use crate::http::description::{self, described};
use crate::http::extract::{FromField, text};
use crate::kiwoom::charset;
use crate::redact::cards::without_card;
use crate::rules::text::Text;

macro_rules! wire_text {
    ($name:ident, $max:literal, $example:literal, $what:literal) => {
        #[doc = concat!($what, ", at most ", $max, " bytes in CP949.")]
        #[derive(Clone, Debug, PartialEq, Eq, sqlx::Type, serde::Serialize)]
        #[sqlx(transparent)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        described!($name, description::wire_text($max).examples([$example]));

        impl FromField for $name {
            fn from_field(value: &Value) -> Result<Self, Text> {
                wire_text(value, $max).map(Self)
            }
        }
    };
}

wire_text!(ProductName, 50, "월간 구독", "PRODUCTNAME");
wire_text!(CustomerId, 50, "user123", "USERID: the merchant's id of its customer");
wire_text!(CustomerName, 50, "홍길동", "USERNAME");

/// EMAIL, at most 100 bytes.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct Email(String);

impl Email {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

described!(
    Email,
    description::matching("^[!-?A-{}~]+@[!-?A-{}~]*[.][!-?A-{}~]*$").max_length(Some(100))
);

impl FromField for Email {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = wire_text(value, 100)?;
        let shaped = |(name, host): (&str, &str)| {
            !name.is_empty() && host.contains('.') && !host.contains('@')
        };
        let wrong = || Text::new("이메일 주소여야 합니다.", "Has to be an e-mail address.");
        let plain = text.bytes().all(|b| b.is_ascii_graphic());
        text.split_once('@').filter(|p| plain && shaped(*p)).ok_or_else(wrong)?;
        Ok(Self(text))
    }
}

/// ORDERNO: 1 to 50 letters, digits and `-_.:=@+`, unique for ever.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::Type, serde::Serialize)]
#[sqlx(transparent)]
#[serde(transparent)]
pub struct OrderNo(String);

impl OrderNo {
    /// An order number that the service made; it has to keep to the rules itself.
    pub fn made(text: String) -> Self {
        debug_assert!(is_order_no(&text), "{text}");
        Self(text)
    }

    /// The order number.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it begins as those of renewals do: `SUB` and the id of a subscription. A caller that
    /// took one would keep the period from being charged.
    pub fn is_renewals(&self) -> bool {
        let id = self.0.strip_prefix("SUB").and_then(|rest| rest.get(..32));
        id.is_some_and(|id| id.bytes().all(|b| b.is_ascii_hexdigit()))
    }

    /// Why a caller may not take such a number.
    pub fn reserved() -> Text {
        Text::new(
            "'SUB'와 구독 ID로 시작하는 주문번호는 정기결제에 사용합니다.",
            "Order ids that begin with SUB and the id of a subscription are those of renewals.",
        )
    }
}

described!(OrderNo, description::matching("^[A-Za-z0-9._:=@+-]{1,50}$"));

impl FromField for OrderNo {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = without_card(text(value, 50)?)?;
        if is_order_no(&text) {
            return Ok(Self(text));
        }
        Err(Text::new(
            "영문, 숫자, -_.:=@+만 사용할 수 있습니다.",
            "May hold only letters, digits and -_.:=@+",
        ))
    }
}

/// Whether `text` can be an order number.
pub fn is_order_no(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.:=@+".contains(&b);
    (1..=50).contains(&text.len()) && text.bytes().all(allowed)
}

fn wire_text(value: &Value, max_bytes: usize) -> Result<String, Text> {
    let text = without_card(text(value, max_bytes)?)?;
    if text.contains('|') {
        return Err(Text::new("'|' 문자를 사용할 수 없습니다.", "May not contain '|'."));
    }
    let length = charset::encoded_len(&text).ok_or_else(|| {
        Text::new(
            "EUC-KR(CP949)로 표현할 수 없는 문자(이모지 등)가 있습니다.",
            "Has a character, such as an emoji, that EUC-KR (CP949) cannot represent.",
        )
    })?;
    if length > max_bytes {
        return Err(Text::new(
            format!("EUC-KR 기준 {max_bytes}바이트(한글 {}자)를 넘을 수 없습니다.", max_bytes / 2),
            format!("May not exceed {max_bytes} bytes in EUC-KR."),
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn product_names() {
        for good in
            ["월간 구독", "<b>'; DROP TABLE payments; --</b>", "가나다라마바사아자차카타파하"]
        {
            assert!(ProductName::from_field(&json!(good)).is_ok(), "{good}");
        }
        let long = "가".repeat(26);
        for bad in ["", "  ", "a|b", "구독 🎉", "줄\n바꿈", long.as_str()] {
            assert!(ProductName::from_field(&json!(bad)).is_err(), "{bad}");
        }
        assert!(ProductName::from_field(&json!(9900)).is_err());
    }

    #[test]
    fn order_numbers_and_addresses() {
        assert!(OrderNo::from_field(&json!("ORDER-20260205-001")).is_ok());
        for bad in ["a b", "주문", "a|b", &"x".repeat(51)] {
            assert!(OrderNo::from_field(&json!(bad)).is_err(), "{bad}");
        }
        assert!(Email::from_field(&json!("hong@example.com")).is_ok());
        for bad in ["hong", "@example.com", "hong@example", "h@a@b.c", "h g@a.b"] {
            assert!(Email::from_field(&json!(bad)).is_err(), "{bad}");
        }
    }
}
