//! What a subscription is asked for: how often, for how much, and how it begins.

use chrono::{Datelike, Days, Months, NaiveDate};
use fastrand::Rng;
use serde_json::{Value, json};

/// Unit of the time between two charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seven days.
    Week,
    /// A month of the calendar.
    Month,
    /// Twelve months.
    Year,
}

/// How often it is charged, and on which day: of the month, or of the week from Monday (1) on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The unit.
    pub unit: Unit,
    /// How many units a whole period has.
    pub count: u32,
    /// The day.
    pub day: u32,
}

/// How it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Charged on its first anchor day.
    Plain,
    /// Charged at once, with this `firstPeriod`.
    Now(&'static str),
    /// So many free days, with a consent to the first charge.
    Trial(u32),
    /// So many free periods.
    FreeCycles(u32),
    /// So many periods at a tenth of the price.
    Introduction(u32),
}

/// Terms of a new subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// When.
    pub anchor: Anchor,
    /// Won of a whole period.
    pub amount: u32,
    /// What of them is free of tax.
    pub tax_free: u32,
    /// How it begins.
    pub offer: Offer,
}

/// A price of a whole period in won, and what of it is free of tax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    pub won: i64,
    pub tax_free: i64,
}

/// What is free of tax of so many won: of some all, of some a part, of most nothing.
pub fn tax_free_of(rng: &mut Rng, amount: u32) -> u32 {
    match rng.u32(0..10) {
        0 => amount,
        1..4 => rng.u32(1..=amount),
        _ => 0,
    }
}

impl Anchor {
    /// Each month on `day`.
    pub fn monthly(day: u32) -> Self {
        Self { unit: Unit::Month, count: 1, day }
    }

    /// Some anchor; most are monthly.
    pub fn any(rng: &mut Rng) -> Self {
        match rng.u32(0..10) {
            0 => Self { unit: Unit::Week, count: rng.u32(1..=4), day: rng.u32(1..=7) },
            1 => Self { unit: Unit::Month, count: rng.u32(2..=3), day: rng.u32(1..=31) },
            2 => Self { unit: Unit::Year, count: 1, day: rng.u32(1..=31) },
            _ => Self::monthly(rng.u32(1..=31)),
        }
    }

    /// Whether the interval has the day.
    pub fn is_valid(self) -> bool {
        self.day <= if self.unit == Unit::Week { 7 } else { 31 }
    }

    /// Twelfths of a day in a whole period, a month being 365/12 days: what prices are compared by.
    pub fn twelfths_of_days(self) -> i64 {
        let unit = match self.unit {
            Unit::Week => 84,
            Unit::Month => 365,
            Unit::Year => 4380,
        };
        unit * i64::from(self.count)
    }

    /// `interval` of a request.
    pub fn interval(self) -> &'static str {
        match self.unit {
            Unit::Week => "week",
            Unit::Month => "month",
            Unit::Year => "year",
        }
    }

    /// Whether a whole period may begin, or end, on `day`.
    pub fn is_on(self, day: NaiveDate) -> bool {
        match self.unit {
            Unit::Week => day.weekday().number_from_monday() == self.day,
            Unit::Month | Unit::Year => day == self.in_month_of(day),
        }
    }

    /// The first day of the whole period that ends on `end`.
    pub fn before(self, end: NaiveDate) -> NaiveDate {
        match self.unit {
            Unit::Week => end - Days::new(u64::from(self.count) * 7),
            Unit::Month => self.in_month_of(first_of_month(end) - Months::new(self.count)),
            Unit::Year => self.in_month_of(first_of_month(end) - Months::new(self.count * 12)),
        }
    }

    /// The most days that a whole period has.
    pub fn longest(self) -> i64 {
        i64::from(self.count)
            * match self.unit {
                Unit::Week => 7,
                Unit::Month => 31,
                Unit::Year => 366,
            }
    }

    /// A month that is too short has it on its last day.
    fn in_month_of(self, day: NaiveDate) -> NaiveDate {
        let first = first_of_month(day);
        let last = first + Months::new(1) - Days::new(1);
        first.with_day(self.day).unwrap_or(last)
    }
}

fn first_of_month(day: NaiveDate) -> NaiveDate {
    day - Days::new(day.day0().into())
}

impl Terms {
    /// Some terms; half of them plain.
    pub fn any(rng: &mut Rng) -> Self {
        let offer = match rng.u32(0..20) {
            0..2 => Offer::Now("prorated"),
            2 => Offer::Now("full"),
            3 => Offer::Now("free"),
            4..6 => Offer::Trial(rng.u32(1..=30)),
            6..8 => Offer::FreeCycles(rng.u32(1..=2)),
            8..10 => Offer::Introduction(rng.u32(1..=2)),
            _ => Offer::Plain,
        };
        let (anchor, amount) = (Anchor::any(rng), rng.u32(1..=99) * 1_000);
        Self { anchor, amount, tax_free: tax_free_of(rng, amount), offer }
    }

    /// The same terms, charged on the first anchor day.
    pub fn plain(self) -> Self {
        Self { offer: Offer::Plain, ..self }
    }

    /// The price when the offer is over.
    pub fn price(self) -> Price {
        Price { won: self.amount.into(), tax_free: self.tax_free.into() }
    }

    /// The price of the introduction.
    fn introduction(self) -> Price {
        let Price { won, tax_free } = self.price();
        Price { won: won / 10, tax_free: tax_free / 10 }
    }

    /// The prices of a whole period, at first and then.
    pub fn prices(self) -> Vec<Price> {
        let mut prices = vec![self.price()];
        if let Offer::Introduction(_) = self.offer {
            prices.push(self.introduction());
        }
        prices
    }

    /// The body of `POST /billing/subscribe`.
    pub fn body(self, customer: &str, key: &str) -> Value {
        let Anchor { count, day, .. } = self.anchor;
        let mut body = json!({
            "billingKey": key, "customerId": customer, "planId": "monthly", "cycleDay": day,
            "interval": self.anchor.interval(), "intervalCount": count, "amount": self.amount,
            "taxFreeAmount": self.tax_free, "productName": "월간 구독",
        });
        let first = self.introduction();
        let introduction = |cycles: u32| {
            json!([
                {"cycles": cycles, "amount": first.won, "taxFreeAmount": first.tax_free},
                {"amount": self.amount, "taxFreeAmount": self.tax_free},
            ])
        };
        let more = match self.offer {
            Offer::Plain => json!({}),
            Offer::Now(first) => json!({"chargeNow": true, "firstPeriod": first}),
            Offer::Trial(days) => json!({"trialDays": days, "consent": {"method": "checkbox"}}),
            Offer::FreeCycles(cycles) => json!({"freeCycles": cycles}),
            Offer::Introduction(cycles) => json!({"phases": introduction(cycles)}),
        };
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
            if more.contains_key("phases") {
                body.remove("amount");
                body.remove("taxFreeAmount");
            }
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn short_months_have_the_anchor_on_their_last_day() {
        let last = Anchor::monthly(31);
        assert!(last.is_on(date("2027-02-28")) && last.is_on(date("2027-03-31")));
        assert!(!last.is_on(date("2028-02-28")) && !last.is_on(date("2027-03-30")));
        assert_eq!(last.before(date("2027-03-31")), date("2027-02-28"));
        assert_eq!(last.before(date("2027-02-28")), date("2027-01-31"));
        let quarter = Anchor { count: 3, ..last };
        assert_eq!(quarter.before(date("2027-02-28")), date("2026-11-30"));
        let year = Anchor { unit: Unit::Year, count: 1, day: 29 };
        assert_eq!(year.before(date("2029-02-28")), date("2028-02-29"));
        let monday = Anchor { unit: Unit::Week, count: 2, day: 1 };
        assert!(monday.is_on(date("2027-03-01")) && !monday.is_on(date("2027-03-02")));
        assert_eq!(monday.before(date("2027-03-15")), date("2027-03-01"));
    }
}
