//! What an order may ask of the window beside its amount: where an app comes back to, a cash receipt,
//! instalments.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use crate::http::description::{self, described};
use crate::http::error::Detail;
use crate::http::extract::{FromField, text};
use crate::kiwoom::window::{self, Device};
use crate::redact::cards::without_card;
use crate::rules::money::Won;
use crate::rules::text::Text;

/// The scheme of the app that shows the window in its web view (`myapp`, `myapp://` or
/// `myapp://path`), or an https address that leads to it.
pub struct AppScheme(String);

described!(
    AppScheme,
    description::matching("^[A-Za-z][A-Za-z0-9+.-]*(://[!#-&(-;=?-\\[\\]_a-z~]*)?$")
        .max_length(Some(255))
        .examples(["myapp"])
);

/// Schemes that lead to no app.
const NO_APP: [&str; 9] =
    ["about", "blob", "data", "file", "ftp", "http", "javascript", "vbscript", "view-source"];

impl FromField for AppScheme {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = without_card(text(value, 255)?)?;
        let (scheme, path) = text.split_once("://").map_or((&*text, None), |(s, p)| (s, Some(p)));
        let name = |b: u8| b.is_ascii_alphanumeric() || b"+.-".contains(&b);
        let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(name)
            && !NO_APP.contains(&scheme.to_ascii_lowercase().as_str());
        let plain = |b: u8| b.is_ascii_graphic() && !b"|\\\"'<>`^{}".contains(&b);
        let led = !scheme.eq_ignore_ascii_case("https")
            || Url::parse(&text).is_ok_and(|u| u.has_host() && u.username().is_empty());
        if named && led && path.unwrap_or_default().bytes().all(plain) {
            return Ok(Self(text));
        }
        Err(Text::new(
            "앱의 스킴(예: myapp 또는 myapp://)이나 https 주소여야 합니다.",
            "Has to be the scheme of an app, such as myapp or myapp://, or an https URL.",
        ))
    }
}

/// Months by which a card payment may be paid off: 0 (at once) and 2 to 12.
pub struct Installments(BTreeSet<i64>);

/// The least amount in won that is paid in instalments.
const MIN_INSTALLMENT_WON: i64 = 50_000;
/// The most months.
const MAX_MONTHS: i64 = 12;

described!(
    Installments,
    utoipa::openapi::ArrayBuilder::new()
        .items(description::whole(0, MAX_MONTHS))
        .min_items(Some(1))
        .max_items(Some(12))
);

impl FromField for Installments {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let months = |value: &Value| value.as_i64().filter(|n| *n == 0 || (2..=12).contains(n));
        let read: Option<BTreeSet<i64>> =
            value.as_array().and_then(|list| list.iter().map(months).collect());
        read.filter(|list| !list.is_empty()).map(Self).ok_or_else(|| {
            Text::new(
                "0(일시불) 또는 2~12(개월)로 이루어진 목록이어야 합니다. 예: [0,2,3]",
                "Has to be a list of 0 (at once) and 2 to 12 (months), such as [0,2,3].",
            )
        })
    }
}

/// The options of an order whose window is shown on `device`.
pub struct Options<'a> {
    pub device: Device,
    pub app_scheme: Option<&'a AppScheme>,
    pub cash_receipt: Option<bool>,
    pub installments: Option<&'a Installments>,
}

impl<'a> Options<'a> {
    /// What does not fit an order of `amount` in a window that shows `methods`.
    pub fn misfits(&self, amount: Won, methods: &[&str]) -> Vec<Detail> {
        let mut found = Vec::new();
        let mut refuse = |field: &str, ko: &str, en: &str| {
            found.push(Detail { field: field.to_owned(), reason: Text::new(ko, en) });
        };
        if self.app_scheme.is_none() && window::needs_app(self.device, methods) {
            refuse(
                "appScheme",
                "앱 웹뷰(device W)에서 카드나 계좌이체를 제공하려면 필요합니다.",
                "Required in the web view of an app (device W) when cards or bank transfers are offered.",
            );
        }
        if self.cash_receipt.is_some() && self.cash_receipt(methods).is_none() {
            refuse(
                "cashReceipt",
                "결제창에 KAKAOPAY와 BANK 중 하나만 표시할 때 보낼 수 있습니다. method를 보내 주세요.",
                "Only when the window offers one of KAKAOPAY and BANK: send method.",
            );
        }
        if self.in_months() && amount.get() < MIN_INSTALLMENT_WON {
            refuse(
                "installments",
                "할부는 50,000원부터 사용할 수 있습니다.",
                "Instalments begin at 50,000 won.",
            );
        }
        found
    }

    /// APPURL, which only the web view of an app has.
    pub fn app_url(&self) -> Option<&'a str> {
        self.app_scheme.filter(|_| self.device == Device::WebView).map(|app| app.0.as_str())
    }

    /// CASHRECEIPTFLAG.
    pub fn cash_receipt(&self, methods: &[&str]) -> Option<&'static str> {
        window::cash_receipt(methods, self.cash_receipt?)
    }

    /// CPQUOTA.
    pub fn quota(&self) -> Option<String> {
        let months = self.installments?.0.iter().map(i64::to_string);
        Some(months.collect::<Vec<_>>().join(":"))
    }

    fn in_months(&self) -> bool {
        self.installments.is_some_and(|list| list.0.iter().any(|months| *months > 0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_app_is_named_by_its_scheme() {
        for good in ["myapp", "myapp://", "kr.co.shop-1+x://pay?a=1", "https://shop.example/app"] {
            assert!(AppScheme::from_field(&json!(good)).is_ok(), "{good}");
        }
        let long = format!("myapp://{}", "x".repeat(248));
        for bad in [
            "",
            "1app",
            "my app",
            "myapp:",
            "://",
            "앱",
            "javascript",
            "JavaScript://%0aalert(1)",
            "data://x",
            "http://shop.example",
            "https",
            "https://",
            "https://user@shop.example/",
            "myapp://a|b",
            "myapp://<script>",
            "myapp://4111111111111111",
            &long,
        ] {
            assert!(AppScheme::from_field(&json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn instalments_are_told_in_order_and_once() {
        let read = |value: Value| Installments::from_field(&value).ok();
        let installments = read(json!([3, 0, 12, 3, 2]));
        let options = Options {
            device: Device::Pc,
            app_scheme: None,
            cash_receipt: None,
            installments: installments.as_ref(),
        };
        assert_eq!(options.quota().as_deref(), Some("0:2:3:12"));
        for bad in
            [json!([]), json!([1]), json!([13]), json!([-1]), json!(["2"]), json!([2.5]), json!(3)]
        {
            assert!(read(bad.clone()).is_none(), "{bad}");
        }
    }
}
