//! What may happen to a notification on its way, and what was sent.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::arguments::{number, object, text};
use crate::calls::as_kst;

/// How many mishaps may wait, and how often one may happen.
const MAX_MISHAPS: u64 = 1_000;
/// How many deliveries are remembered.
const MAX_DELIVERIES: usize = 1_000;

/// What happens to the next notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// It is sent twice in a row.
    Twice,
    /// It is sent ten minutes late, by the sandbox's clock.
    Late,
    /// A payment's: held back until its cancellation has been sent, 30 days at most.
    Reversed,
    /// Its AMOUNT is one won too high.
    WrongAmount,
    /// It is never sent.
    Lost,
    /// Its SETTDATE or CANCELDATE is this many seconds off.
    Shifted(i64),
    /// It has neither SETTDATE nor CANCELDATE.
    Undated,
    /// A cancellation's: it has no ORDERNO.
    Unnumbered,
    /// A cancellation's: its AMOUNT is negative.
    Negative,
    /// A payment's: its PAYMETHOD is this one.
    OtherKind(String),
    /// A payment's: it says that the payment failed, with a RESULTCODE.
    Failed,
    /// It says that all went well, with a RESULTCODE; in most set-ups it has none.
    Succeeded,
}

const KINDS: [&str; 12] = [
    "twice",
    "late",
    "reversed",
    "wrong_amount",
    "lost",
    "shifted",
    "undated",
    "unnumbered",
    "negative",
    "other_kind",
    "failed",
    "succeeded",
];

/// How far a `shifted` date may be off, in seconds.
const MAX_SHIFT: i64 = 86_400;

impl Mishap {
    fn parse(fields: &Map<String, Value>) -> Result<Self, String> {
        Ok(match text(fields, "kind", "")?.as_str() {
            "twice" => Self::Twice,
            "late" => Self::Late,
            "reversed" => Self::Reversed,
            "wrong_amount" => Self::WrongAmount,
            "lost" => Self::Lost,
            "shifted" => Self::Shifted(seconds(fields)?),
            "undated" => Self::Undated,
            "unnumbered" => Self::Unnumbered,
            "negative" => Self::Negative,
            "other_kind" => Self::OtherKind(text(fields, "payMethod", "VACCOUNTISSUE")?),
            "failed" => Self::Failed,
            "succeeded" => Self::Succeeded,
            _ => return Err(format!("kind는 다음 중 하나여야 합니다: {}", KINDS.join(", "))),
        })
    }

    fn shown(&self) -> Value {
        let name = match self {
            Self::Shifted(seconds) => return json!({ "kind": "shifted", "seconds": seconds }),
            Self::OtherKind(word) => return json!({ "kind": "other_kind", "payMethod": word }),
            Self::Twice => "twice",
            Self::Late => "late",
            Self::Reversed => "reversed",
            Self::WrongAmount => "wrong_amount",
            Self::Lost => "lost",
            Self::Undated => "undated",
            Self::Unnumbered => "unnumbered",
            Self::Negative => "negative",
            Self::Failed => "failed",
            Self::Succeeded => "succeeded",
        };
        json!({ "kind": name })
    }

    /// Whether it can happen to a notification of a cancellation, or of a payment.
    fn fits(&self, cancellation: bool) -> bool {
        match self {
            Self::Reversed | Self::OtherKind(_) | Self::Failed => !cancellation,
            Self::Unnumbered | Self::Negative => cancellation,
            Self::Twice
            | Self::Late
            | Self::WrongAmount
            | Self::Lost
            | Self::Shifted(_)
            | Self::Undated
            | Self::Succeeded => true,
        }
    }
}

fn seconds(fields: &Map<String, Value>) -> Result<i64, String> {
    let seconds = fields.get("seconds").and_then(Value::as_i64);
    seconds
        .filter(|seconds| (-MAX_SHIFT..=MAX_SHIFT).contains(seconds))
        .ok_or_else(|| format!("seconds는 -{MAX_SHIFT} 이상 {MAX_SHIFT} 이하의 정수여야 합니다."))
}

/// A notification that was sent, and what came of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// When, by the sandbox's clock.
    #[serde(serialize_with = "as_kst")]
    pub at: DateTime<Utc>,
    /// PAYMETHOD as it was sent.
    pub pay_method: String,
    /// ORDERNO.
    pub order_no: String,
    /// AMOUNT as it was sent.
    pub amount: String,
    /// 1 for the first time, more for a re-send.
    pub attempt: u32,
    /// The merchant's HTTP status, 0 when there was no answer.
    pub status: u16,
    /// Whether the merchant said SUCCESS.
    pub delivered: bool,
}

/// A mishap that waits.
#[derive(Debug)]
struct Scripted {
    mishap: Mishap,
    /// How often it happens.
    times: u64,
    /// The order whose notifications it happens to; `None` for those of any.
    order_no: Option<String>,
}

/// The mishaps that wait, and the deliveries made.
#[derive(Debug, Default)]
pub struct Mishaps {
    waiting: VecDeque<Scripted>,
    deliveries: VecDeque<Delivery>,
}

impl Mishaps {
    /// Takes in a mishap, or says in Korean what is wrong with it.
    pub fn script(&mut self, asked: &Value) -> Result<(), String> {
        let fields = object(asked)?;
        let mishap = Mishap::parse(fields)?;
        let times = number(fields, "times", 1, 1..=MAX_MISHAPS)?;
        if self.waiting.len() as u64 >= MAX_MISHAPS {
            return Err(format!("대기 중인 항목은 {MAX_MISHAPS}개까지입니다."));
        }
        let order_no = Some(text(fields, "orderNo", "")?).filter(|number| !number.is_empty());
        self.waiting.push_back(Scripted { mishap, times, order_no });
        Ok(())
    }

    /// The mishap of the next notification, which tells of a cancellation or of a payment of `order_no`.
    pub fn take(&mut self, cancellation: bool, order_no: &str) -> Option<Mishap> {
        let befalls = |s: &Scripted| {
            s.mishap.fits(cancellation) && s.order_no.as_deref().is_none_or(|own| own == order_no)
        };
        let index = self.waiting.iter().position(befalls)?;
        let scripted = self.waiting.get_mut(index)?;
        let taken = scripted.mishap.clone();
        scripted.times -= 1;
        if scripted.times == 0 {
            self.waiting.remove(index);
        }
        Some(taken)
    }

    /// Forgets the mishaps that wait.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Remembers a delivery.
    pub fn note(&mut self, delivery: Delivery) {
        if self.deliveries.len() >= MAX_DELIVERIES {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(delivery);
    }

    /// The deliveries made, oldest first.
    pub fn deliveries(&self) -> impl DoubleEndedIterator<Item = &Delivery> {
        self.deliveries.iter()
    }

    /// The mishaps that wait and the deliveries made, as `GET /notifications` shows them.
    pub fn shown(&self) -> (Value, Value) {
        let shown = |scripted: &Scripted| {
            let mut shown = scripted.mishap.shown();
            shown["times"] = json!(scripted.times);
            if let Some(order_no) = &scripted.order_no {
                shown["orderNo"] = json!(order_no);
            }
            shown
        };
        let scripted: Vec<Value> = self.waiting.iter().map(shown).collect();
        (json!(scripted), json!(self.deliveries))
    }
}
