//! Texts that travel to KiwoomPay, kept as they came: within its field limits when written in CP949
//! (protocol section 1).

use serde_json::Value;

use crate::http::description::{self, described};
use crate::http::extract::{Fields, FromField, text};
use crate::http::fields::ids::{merchants_id, no_bar};
use crate::kiwoom::charset;
use crate::kiwoom::spelling;
use crate::redact::cards::without_card;
use crate::rules::characters::refuse;
use crate::rules::text::Text;

macro_rules! wire_text {
    ($name:ident, $read:ident, $schema:ident, $example:literal, $what:literal) => {
        #[doc = concat!($what, ", at most 50 bytes in CP949 as it is sent.")]
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

        described!($name, description::$schema(50).examples([$example]));

        impl FromField for $name {
            fn from_field(value: &Value) -> Result<Self, Text> {
                $read(value).map(Self)
            }
        }
    };
}

wire_text!(ProductName, product_name, wire_text, "월간 구독", "PRODUCTNAME");
wire_text!(
    CustomerId,
    customer_id,
    wire_id,
    "user123",
    "USERID: the merchant's id of its customer"
);
wire_text!(CustomerName, customer_name, wire_text, "홍길동", "USERNAME");

/// EMAIL, at most 100 bytes. One that CP949 cannot say is not sent.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct Email(String);

impl Email {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

described!(Email, description::email(100));

impl FromField for Email {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = sendable(without_card(text(value, 100)?)?, 100)?;
        refuse(&text, |c| c == '|', no_bar())?;
        let shaped = |(name, host): (&str, &str)| {
            !name.is_empty() && host.contains('.') && !host.contains('@')
        };
        let wrong = || Text::new("이메일 주소여야 합니다.", "Has to be an e-mail address.");
        let plain = !text.contains(char::is_whitespace);
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

    /// Refuses an `orderId` that begins as those of renewals do: `SUB` and the id of a subscription. A
    /// caller that took one would keep the period from being charged.
    pub fn refuse_renewals(f: &mut Fields, order_id: Option<&Self>) {
        if order_id.is_some_and(Self::is_renewals) {
            let reason = Text::new(
                "'SUB'와 구독 ID로 시작하는 주문번호는 정기결제에 사용합니다.",
                "Order ids that begin with SUB and the id of a subscription are those of renewals.",
            );
            f.refuse("orderId", reason);
        }
    }

    fn is_renewals(&self) -> bool {
        let id = self.0.strip_prefix("SUB").and_then(|rest| rest.get(..32));
        id.is_some_and(|id| id.bytes().all(|b| b.is_ascii_hexdigit()))
    }
}

described!(OrderNo, description::matching("^[A-Za-z0-9._:=@+-]{1,50}$"));

impl FromField for OrderNo {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = without_card(text(value, 50)?)?;
        let reason = Text::new(
            "영문, 숫자, -_.:=@+만 사용할 수 있습니다.",
            "May hold only letters, digits and -_.:=@+",
        );
        refuse(&text, |c| !in_order_no(c), reason)?;
        Ok(Self(text))
    }
}

/// Whether `text` can be an order number.
pub fn is_order_no(text: &str) -> bool {
    (1..=50).contains(&text.len()) && text.chars().all(in_order_no)
}

fn in_order_no(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.:=@+".contains(c)
}

fn product_name(value: &Value) -> Result<String, Text> {
    let name = customer_name(value)?;
    let reason = Text::new(
        "KiwoomPay에 표시할 수 있는 문자(CP949)가 하나도 없습니다.",
        "Has no character that KiwoomPay can show (CP949).",
    );
    let unreadable = !spelling::is_readable(&name);
    refuse(&name, |c| unreadable && !c.is_whitespace(), reason)?;
    Ok(name)
}

fn customer_name(value: &Value) -> Result<String, Text> {
    sendable(without_card(text(value, 50)?)?, 50)
}

fn customer_id(value: &Value) -> Result<String, Text> {
    sendable(merchants_id(value, 50)?, 50)
}

/// The text, when what is sent for it has at most `max_bytes` and no card number either.
fn sendable(text: String, max_bytes: usize) -> Result<String, Text> {
    let sent = without_card(spelling::on_wire(&text))?;
    if charset::encoded_len(&sent).is_some_and(|length| length <= max_bytes) {
        return Ok(text);
    }
    Err(Text::new(
        format!("EUC-KR 기준 {max_bytes}바이트(한글 {}자)를 넘을 수 없습니다.", max_bytes / 2),
        format!("May not exceed {max_bytes} bytes in EUC-KR."),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn product_names() {
        for good in [
            "월간 구독",
            "<b>'; DROP TABLE payments; --</b>",
            "a|b",
            "구독 🎉",
            &"각".repeat(25),
            &"\u{1100}\u{1161}\u{11a8}".repeat(25),
        ] {
            assert!(ProductName::from_field(&json!(good)).is_ok(), "{good}");
        }
        let (long, sent_long) = ("가".repeat(26), "₩".repeat(26));
        for bad in ["", "  ", "🎉", "张伟", "줄\n바꿈", "𝟒111-1111-1111-1111", &long, &sent_long]
        {
            assert!(ProductName::from_field(&json!(bad)).is_err(), "{bad}");
        }
        let reason = ProductName::from_field(&json!(" 🎉")).unwrap_err();
        assert_eq!(
            reason.en,
            "Has no character that KiwoomPay can show (CP949). Character 2: '🎉' (U+1F389)"
        );
        assert!(ProductName::from_field(&json!(9900)).is_err());
    }

    #[test]
    fn customers() {
        for name in ["José García", "张伟", "🎉", "a|b"] {
            let read = CustomerName::from_field(&json!(name)).unwrap();
            assert_eq!(read.as_str(), name, "kept as it came");
        }
        let id = CustomerId::from_field(&json!("\u{1112}\u{1169}\u{11bc} ")).unwrap();
        assert_eq!(id.as_str(), "홍");
        assert!(CustomerId::from_field(&json!("张伟")).is_ok());
        let reason = CustomerId::from_field(&json!("a|b")).unwrap_err();
        assert_eq!(reason.en, "May not contain '|'. Character 2: '|' (U+007C)");
    }

    #[test]
    fn order_numbers_and_addresses() {
        assert!(OrderNo::from_field(&json!("ORDER-20260205-001")).is_ok());
        for bad in ["a b", "주문", "a|b", &"x".repeat(51)] {
            assert!(OrderNo::from_field(&json!(bad)).is_err(), "{bad}");
        }
        for good in ["hong@example.com", "josé@example.com", "홍@한국.kr"] {
            assert!(Email::from_field(&json!(good)).is_ok(), "{good}");
        }
        for bad in ["hong", "@example.com", "hong@example", "h@a@b.c", "h g@a.b", "h|g@a.b"] {
            assert!(Email::from_field(&json!(bad)).is_err(), "{bad}");
        }
    }
}
