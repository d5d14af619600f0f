//! What the charts are drawn from.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Waiting {
    pub count: i64,
    pub amount: i64,
    pub oldest: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attention {
    pub unknown_payments: Waiting,
    pub unknown_refunds: Waiting,
    pub mismatched_orders: Waiting,
    pub unexpected_payments: Waiting,
    pub late_orders: Waiting,
    pub notifications: Waiting,
    pub given_up_events: Waiting,
    pub past_due: Waiting,
    pub unpaid: Waiting,
    pub ending_cards: Waiting,
    pub due: Waiting,
    pub deliveries: Waiting,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempts {
    pub date: NaiveDate,
    pub approved: i64,
    pub approved_amount: i64,
    pub declined: i64,
    pub declined_amount: i64,
    pub refused: i64,
    pub unknown: i64,
    pub median_millis: Option<i64>,
    pub p95_millis: Option<i64>,
}

#[derive(Deserialize)]
pub struct Decline {
    pub code: String,
    pub message: String,
    pub count: i64,
    pub amount: i64,
}

#[derive(Deserialize)]
pub struct Retry {
    pub retry: i64,
    pub tried: i64,
    pub approved: i64,
    pub amount: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscriptions {
    pub active: i64,
    pub past_due: i64,
    pub paused: i64,
    pub unpaid: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Members {
    pub date: NaiveDate,
    pub covered: i64,
    pub monthly_amount: i64,
    pub new: i64,
    pub ended: i64,
}

#[derive(Deserialize)]
pub struct ForecastDay {
    pub date: NaiveDate,
    pub charges: i64,
    pub amount: i64,
}

/// `GET /billing/overview`.
#[derive(Deserialize)]
pub struct Overview {
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub attention: Attention,
    pub attempts: Vec<Attempts>,
    pub declines: Vec<Decline>,
    pub retries: Vec<Retry>,
    pub subscriptions: Subscriptions,
    pub members: Vec<Members>,
    pub forecast: Vec<ForecastDay>,
}

impl Overview {
    /// Won of all charges that are to come.
    pub fn forecast_total(&self) -> i64 {
        self.forecast.iter().map(|day| day.amount).sum()
    }

    /// What the subscriptions of the last day are worth a month.
    pub fn monthly_amount(&self) -> i64 {
        self.members.last().map_or(0, |day| day.monthly_amount)
    }
}

#[derive(Deserialize)]
pub struct Moved {
    start: NaiveDate,
    gross: i64,
    refunds: i64,
    net: i64,
}

/// `GET /billing/summary` by day.
#[derive(Deserialize)]
pub struct Revenue {
    periods: Vec<Moved>,
}

/// Won that came and went on a day.
#[derive(Default)]
pub struct Day {
    pub date: NaiveDate,
    pub gross: i64,
    pub refunds: i64,
    pub net: i64,
}

/// Each day from `from` to the day before `to`; the summary leaves out those without a movement.
pub fn days_of(revenue: Revenue, from: NaiveDate, to: NaiveDate) -> Vec<Day> {
    let mut moved: BTreeMap<_, _> = revenue.periods.into_iter().map(|m| (m.start, m)).collect();
    let day = |date| match moved.remove(&date) {
        Some(Moved { gross, refunds, net, .. }) => Day { date, gross, refunds, net },
        None => Day { date, ..Day::default() },
    };
    from.iter_days().take_while(|date| *date < to).map(day).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_without_a_movement_are_there() {
        let date = |text: &str| -> NaiveDate { text.parse().unwrap() };
        let moved = Moved { start: date("2027-03-02"), gross: 9900, refunds: 900, net: 9000 };
        let days =
            days_of(Revenue { periods: vec![moved] }, date("2027-03-01"), date("2027-03-04"));
        let net: Vec<_> = days.iter().map(|day| (day.date.to_string(), day.net)).collect();
        let expected = [("2027-03-01", 0), ("2027-03-02", 9000), ("2027-03-03", 0)];
        assert_eq!(net, expected.map(|(day, net)| (day.to_owned(), net)));
    }
}
