//! What may befall a notification on its way, and what was sent.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::arguments::{number, object, text};
use crate::calls::as_kst;

/// How many mishaps may wait, and how often one may strike.
const MAX_MISHAPS: u64 = 1_000;
/// How many deliveries are remembered.
const MAX_DELIVERIES: usize = 1_000;

/// What happens to the next notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

const MISHAPS: [(&str, Mishap); 5] = [
    ("twice", Mishap::Twice),
    ("late", Mishap::Late),
    ("reversed", Mishap::Reversed),
    ("wrong_amount", Mishap::WrongAmount),
    ("lost", Mishap::Lost),
];

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

/// The mishaps that wait, and the deliveries made.
#[derive(Debug, Default)]
pub struct Mishaps {
    waiting: VecDeque<(Mishap, u64)>,
    deliveries: VecDeque<Delivery>,
}

impl Mishaps {
    /// Takes in a mishap, or says in Korean what is wrong with it.
    pub fn script(&mut self, asked: &Value) -> Result<(), String> {
        let fields = object(asked)?;
        let kind = text(fields, "kind", "")?;
        let Some(&(_, mishap)) = MISHAPS.iter().find(|(name, _)| *name == kind) else {
            let names = MISHAPS.map(|(name, _)| name).join(", ");
            return Err(format!("kind는 다음 중 하나여야 합니다: {names}"));
        };
        let times = number(fields, "times", 1, 1..=MAX_MISHAPS)?;
        if self.waiting.len() as u64 >= MAX_MISHAPS {
            return Err(format!("대기 중인 항목은 {MAX_MISHAPS}개까지입니다."));
        }
        self.waiting.push_back((mishap, times));
        Ok(())
    }

    /// The mishap of the next notification. Only a payment's can be reversed.
    pub fn take(&mut self, cancellation: bool) -> Option<Mishap> {
        let fits = |mishap: Mishap| !(cancellation && mishap == Mishap::Reversed);
        let index = self.waiting.iter().position(|(mishap, _)| fits(*mishap))?;
        let (mishap, times) = self.waiting.get_mut(index)?;
        let taken = *mishap;
        *times -= 1;
        if *times == 0 {
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
        let name = |mishap| MISHAPS.iter().find(|(_, one)| *one == mishap).map(|(name, _)| name);
        let waiting = self.waiting.iter();
        let scripted: Vec<Value> = waiting
            .map(|&(mishap, times)| json!({ "kind": name(mishap), "times": times }))
            .collect();
        (json!(scripted), json!(self.deliveries))
    }
}
