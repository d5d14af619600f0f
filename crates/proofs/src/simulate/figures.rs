//! The figures of the console's first page, as its routes answer them and as the payments give them.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::simulate::load::Entry;
use crate::simulate::reach::Reach;
use crate::simulate::{Failure, merchant};
use kiwoom_billing::rules::payment_state::State;
use kiwoom_clock::kst;

/// The longest time that the overview looks back.
const DAYS: u64 = 366;
/// Before anything was charged.
const BEFORE_ALL: &str = "2030-01-01";

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    pub money: Money,
    /// The attempts of each day of the last year on which there were any.
    pub attempts: BTreeMap<NaiveDate, Attempts>,
    /// The first of those days, and the one after the last.
    pub range: (NaiveDate, NaiveDate),
}

/// Won that came and went since the beginning.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Money {
    pub gross: i64,
    pub refunds: i64,
}

/// The attempts that were begun on a day.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Attempts {
    pub approved: i64,
    pub approved_amount: i64,
    pub declined: i64,
    /// Declined because of the merchant's set-up.
    pub refused: i64,
    pub unknown: i64,
}

#[derive(Deserialize)]
struct Overview {
    attempts: Vec<Day>,
}

#[derive(Deserialize)]
struct Day {
    date: NaiveDate,
    #[serde(flatten)]
    attempts: Attempts,
}

#[derive(Deserialize)]
struct Summary {
    total: Money,
}

/// As they are shown.
pub async fn load(reach: &Reach) -> Result<Figures, Failure> {
    let to = kst(merchant::now(reach).await?).date_naive() + Days::new(1);
    let overview: Overview = get(reach, &format!("/billing/overview?days={DAYS}")).await?;
    let summary: Summary =
        get(reach, &format!("/billing/summary?from={BEFORE_ALL}&to={to}")).await?;
    let days = overview.attempts.into_iter().map(|day| (day.date, day.attempts));
    let attempts = days.filter(|(_, attempts)| *attempts != Attempts::default()).collect();
    Ok(Figures { money: summary.total, attempts, range: (to - Days::new(DAYS), to) })
}

async fn get<T: DeserializeOwned>(reach: &Reach, path: &str) -> Result<T, Failure> {
    let answer = merchant::get(reach, path).await.ok_or_else(|| format!("no answer to {path}"))?;
    Ok(serde_json::from_value(answer)?)
}

impl Figures {
    /// As they have to be.
    pub fn of(payments: &[Entry], range: (NaiveDate, NaiveDate)) -> Self {
        let approved = payments.iter().filter(|p| p.state == State::Approved);
        let money = Money {
            gross: approved.map(|p| p.amount).sum(),
            refunds: payments.iter().map(|p| p.refunded_amount).sum(),
        };
        let mut attempts: BTreeMap<NaiveDate, Attempts> = BTreeMap::new();
        for payment in payments.iter().filter(|p| !p.is_unexpected) {
            let day = kst(payment.created_at).date_naive();
            if (range.0..range.1).contains(&day) {
                attempts.entry(day).or_default().add(payment);
            }
        }
        attempts.retain(|_, attempts| *attempts != Attempts::default());
        Self { money, attempts, range }
    }
}

impl Attempts {
    fn add(&mut self, payment: &Entry) {
        match payment.state {
            State::Approved => {
                self.approved += 1;
                self.approved_amount += payment.amount;
            }
            State::Declined if payment.is_refused => self.refused += 1,
            State::Declined => self.declined += 1,
            State::Unknown | State::Mismatch => self.unknown += 1,
            State::Sending | State::Ready | State::Expired | State::Closed => {}
        }
    }
}
