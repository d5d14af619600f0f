//! Fields that requests about money share.

pub mod ids;
mod metadata;
mod pro_rata;
pub mod schedule;

use serde_json::Value;

use crate::http::description::{self, described};
use crate::http::extract::{Fields, FromField, text, whole};
use crate::redact::cards::without_card;
use crate::rules::money::{MAX_WON, Won};
use crate::rules::text::Text;

/// Why something is done, at most 200 characters.
#[derive(Clone, Debug)]
pub struct Reason(pub String);

described!(Reason, description::text(200));

impl FromField for Reason {
    fn from_field(value: &Value) -> Result<Self, Text> {
        text(value, 200).and_then(without_card).map(Self)
    }
}

/// Refuses these fields beside `subscriptionId`, which says all that they would.
pub fn refuse_beside_subscription(f: &mut Fields, others: &[&'static str]) {
    for other in others {
        if f.has(other) {
            let ko = "subscriptionId와 함께 사용할 수 없습니다.";
            f.refuse(other, Text::new(ko, "Not together with subscriptionId."));
        }
        f.know(other);
    }
}

/// The tax-free part of an amount in won; 0 = none.
pub struct TaxFree(pub i64);

impl TaxFree {
    /// `taxFreeAmount` of a request for `amount`, refused above the amount.
    pub fn of(f: &mut Fields, amount: Option<Won>) -> Option<i64> {
        let part = f.optional::<Self>("taxFreeAmount").map(|t| t.0);
        if amount.zip(part).is_some_and(|(amount, part)| part > amount.get()) {
            f.refuse("taxFreeAmount", Self::above_amount());
        }
        part
    }

    /// Why a tax-free part of a refund is refused that what is left does not allow.
    pub fn misfit() -> Text {
        Text::new(
            "환불할 금액과 남은 면세·과세 금액에 맞아야 합니다.",
            "Has to fit the amount and what is left of the tax-free and the taxable part.",
        )
    }

    /// Why a tax-free part is refused that is more than the whole.
    pub fn above_amount() -> Text {
        Text::new("amount를 넘을 수 없습니다.", "May not exceed amount.")
    }
}

impl FromField for TaxFree {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                "0 이상의 정수(원)여야 합니다.",
                "Has to be a whole number of won, 0 or more.",
            )
        };
        whole(value, 0..=MAX_WON, wrong).map(Self)
    }
}
