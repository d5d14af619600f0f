//! Subscriptions of each kind as earlier versions wrote them, and what is to become of them.

use serde_json::{Value, json};

/// A subscription from before.
pub struct Old {
    pub name: &'static str,
    /// Columns that differ from those of [`row`].
    pub columns: Value,
    /// First day, day after the last, state, and what differs from [`payment`].
    pub payments: Vec<(&'static str, &'static str, &'static str, Value)>,
    /// Days on which a consent to `amount` was given, when it is for a rise.
    pub consent: Option<(&'static str, i64)>,
    /// First day, kind, reason and price of each segment, and the day after the last.
    pub segments: &'static str,
    /// What was to be charged next, in order, as far as it is told here.
    pub next: &'static [(&'static str, i64)],
    /// Whether that is all.
    pub is_all: bool,
}

pub fn old(name: &'static str, columns: Value, segments: &'static str) -> Old {
    let next = &[("2027-03-15", 9900), ("2027-04-15", 9900), ("2027-05-15", 9900)];
    Old { name, columns, payments: vec![], consent: None, segments, next, is_all: false }
}

impl Old {
    pub fn paid(mut self, start: &'static str, end: &'static str) -> Self {
        self.payments.push((start, end, "approved", json!({})));
        self
    }

    pub fn tried(mut self, start: &'static str, end: &'static str, state: &'static str) -> Self {
        self.payments.push((start, end, state, json!({})));
        self
    }

    pub fn with(mut self, columns: Value) -> Self {
        self.payments.last_mut().unwrap().3 = columns;
        self
    }

    pub fn next(self, next: &'static [(&'static str, i64)]) -> Self {
        Self { next, ..self }
    }

    pub fn last(self, next: &'static [(&'static str, i64)]) -> Self {
        Self { next, is_all: true, ..self }
    }

    pub fn consent(self, day: &'static str, amount: i64) -> Self {
        Self { consent: Some((day, amount)), ..self }
    }
}

const RISE: &str = "0195a000-0000-7000-8000-000000000001";

#[expect(clippy::too_many_lines, reason = "a table of rows")]
pub fn each_kind() -> Vec<Old> {
    let quiet = json!({"next_attempt_at": null});
    vec![
        old("paid", json!({}), "01-15 paid whole 9900, 02-15 paid whole 9900, 03-15")
            .paid("2027-01-15", "2027-02-15")
            .paid("2027-02-15", "2027-03-15"),
        old("never charged", json!({"period_start": "2027-03-05"}), ""),
        old(
            "trial",
            json!({"period_start": "2027-03-01", "trial_end": "2027-03-15"}),
            "03-01 free trial 0, 03-15",
        )
        .consent("2027-03-05", 9900),
        old(
            "trial without a consent",
            json!({"period_start": "2027-03-01", "trial_end": "2027-03-15"}),
            "03-01 free trial 0, 03-15",
        )
        .last(&[]),
        old(
            "long trial",
            json!({"period_start": "2026-12-20", "trial_end": "2027-03-15"}),
            "12-20 free trial 0, 03-15",
        )
        .consent("2027-02-14", 12900),
        old(
            "day changed",
            json!({"cycle_day": 20, "next_billing_date": "2027-03-20",
                "next_attempt_at": "2027-03-20T09:00:00+09:00"}),
            "02-15 paid whole 9900, 03-15 free before_anchor 0, 03-20",
        )
        .paid("2027-02-15", "2027-03-15")
        .next(&[("2027-03-20", 9900), ("2027-04-20", 9900)]),
        old(
            "past due",
            json!({"status": "past_due", "cycle_day": 9, "period_start": "2027-03-09",
                "next_billing_date": "2027-04-09", "retry_attempt": 1, "retry_base": "2027-03-09",
                "retry_at": "2027-03-12T09:00:00+09:00",
                "next_attempt_at": "2027-03-12T09:00:00+09:00"}),
            "02-09 paid whole 9900, 03-09 open whole 9900, 04-09",
        )
        .paid("2027-02-09", "2027-03-09")
        .tried("2027-03-09", "2027-04-09", "declined")
        .next(&[("2027-03-12", 9900), ("2027-04-09", 9900)]),
        old(
            "unpaid",
            json!({"status": "unpaid", "cycle_day": 5, "period_start": "2027-03-05",
                "next_billing_date": "2027-04-05", "next_attempt_at": null}),
            "02-05 paid whole 9900, 03-05 open declined 0, 03-08",
        )
        .paid("2027-02-05", "2027-03-05")
        .tried("2027-03-05", "2027-04-05", "declined")
        .with(json!({"settled_at": "2027-03-08T09:00:00+09:00"}))
        .last(&[]),
        old(
            "unpaid without an attempt",
            json!({"status": "unpaid", "cycle_day": 5,
                "period_start": "2027-03-05", "next_billing_date": "2027-04-05",
                "next_attempt_at": null}),
            "03-05 none unpaid 0, 03-06",
        )
        .last(&[]),
        old(
            "unknown",
            json!({"cycle_day": 5, "period_start": "2027-03-05",
                "next_billing_date": "2027-04-05", "next_attempt_at": "2027-04-05T09:00:00+09:00"}),
            "02-05 paid whole 9900, 03-05 open whole 9900, 04-05",
        )
        .paid("2027-02-05", "2027-03-05")
        .tried("2027-03-05", "2027-04-05", "unknown")
        .next(&[("2027-04-05", 9900), ("2027-05-05", 9900)]),
        old(
            "sending",
            json!({"cycle_day": 10, "period_start": "2027-02-10",
                "next_billing_date": "2027-03-10", "next_attempt_at": null}),
            "02-10 paid whole 9900, 03-10 open whole 9900, 04-10",
        )
        .paid("2027-02-10", "2027-03-10")
        .tried("2027-03-10", "2027-04-10", "sending")
        .next(&[("2027-04-10", 9900)]),
        old(
            "declined, the next one paid",
            json!({}),
            "01-15 none declined 0, 02-15 paid whole 9900, 03-15",
        )
        .tried("2027-01-15", "2027-02-15", "declined")
        .paid("2027-02-15", "2027-03-15"),
        old("a retry paid", json!({}), "02-15 paid whole 9900, 03-15")
            .tried("2027-02-15", "2027-03-15", "declined")
            .paid("2027-02-15", "2027-03-15"),
        old(
            "a period missed",
            json!({}),
            "12-15 paid whole 9900, 01-15 none missed 0, 02-15 paid whole 9900, 03-15",
        )
        .paid("2026-12-15", "2027-01-15")
        .paid("2027-02-15", "2027-03-15"),
        old(
            "refused for the merchant's set-up",
            json!({"cycle_day": 10,
                "period_start": "2027-02-10", "next_billing_date": "2027-03-10",
                "next_attempt_at": "2027-04-01T09:00:00+09:00"}),
            "02-10 paid whole 9900, 03-10",
        )
        .paid("2027-02-10", "2027-03-10")
        .tried("2027-03-10", "2027-04-10", "declined")
        .with(json!({"merchant_setting": "the contract"}))
        .next(&[("2027-03-10", 9900), ("2027-04-10", 9900)]),
        old(
            "paused",
            json!({"status": "paused", "next_attempt_at": null}),
            "02-15 paid whole 9900, 03-15",
        )
        .paid("2027-02-15", "2027-03-15")
        .last(&[]),
        old(
            "paused until a day",
            json!({"status": "paused", "resume_on": "2027-03-25",
                "next_attempt_at": "2027-03-25T00:00:00+09:00"}),
            "02-15 paid whole 9900, 03-15 none paused 0, 04-15",
        )
        .paid("2027-02-15", "2027-03-15")
        .next(&[("2027-04-15", 9900), ("2027-05-15", 9900)]),
        old("an end", json!({"end_date": "2027-05-01"}), "02-15 paid whole 9900, 03-15")
            .paid("2027-02-15", "2027-03-15")
            .last(&[("2027-03-15", 9900), ("2027-04-15", 9900)]),
        old("two more", json!({"cycles_left": 2}), "02-15 paid whole 9900, 03-15")
            .paid("2027-02-15", "2027-03-15")
            .last(&[("2027-03-15", 9900), ("2027-04-15", 9900)]),
        old(
            "two more, one under way",
            json!({"cycle_day": 10, "period_start": "2027-02-10",
                "next_billing_date": "2027-03-10", "next_attempt_at": null, "cycles_left": 2}),
            "02-10 paid whole 9900, 03-10 open whole 9900, 04-10",
        )
        .paid("2027-02-10", "2027-03-10")
        .tried("2027-03-10", "2027-04-10", "sending")
        .last(&[("2027-04-10", 9900)]),
        old(
            "a rise with its consent",
            json!({"pending_amount": 12900, "pending_tax_free_amount": 0,
                "pending_rise": RISE}),
            "02-15 paid whole 9900, 03-15",
        )
        .paid("2027-02-15", "2027-03-15")
        .consent("2027-03-05", 12900)
        .next(&[("2027-03-15", 12900), ("2027-04-15", 12900)]),
        old(
            "a rise without a consent",
            json!({"pending_amount": 12900,
                "pending_tax_free_amount": 0, "pending_rise": RISE}),
            "02-15 paid whole 9900, 03-15",
        )
        .paid("2027-02-15", "2027-03-15"),
        old(
            "a rise before the first charge",
            json!({"period_start": "2027-03-05",
                "pending_amount": 12900, "pending_tax_free_amount": 0, "pending_rise": RISE}),
            "",
        ),
        old("lowered", json!({"amount": 5000}), "02-15 paid whole 9900, 03-15")
            .paid("2027-02-15", "2027-03-15")
            .next(&[("2027-03-15", 5000), ("2027-04-15", 5000)]),
        old(
            "risen before consents were asked for",
            json!({"amount": 12900}),
            "02-15 paid whole 9900, 03-15",
        )
        .paid("2027-02-15", "2027-03-15")
        .next(&[("2027-03-15", 12900)]),
        old(
            "ends with its period",
            json!({"cancel_at_period_end": true}),
            "02-15 paid whole 9900, 03-15",
        )
        .paid("2027-02-15", "2027-03-15")
        .last(&[]),
        old(
            "a year at once",
            json!({"billing_interval": "year", "period_start": "2027-02-20"}),
            "02-20 paid whole 9900, 02-20 free before_anchor 0, 03-15",
        )
        .paid("2027-02-20", "2027-03-15")
        .last(&[("2028-03-15", 9900)]),
        old(
            "a year at once, charged again",
            json!({"billing_interval": "year",
                "period_start": "2027-02-15", "next_billing_date": "2028-02-15",
                "next_attempt_at": "2028-02-15T09:00:00+09:00"}),
            "01-20 paid whole 9900, 02-15 paid whole 9900, 02-15",
        )
        .paid("2027-01-20", "2027-02-15")
        .paid("2027-02-15", "2028-02-15")
        .last(&[("2028-02-15", 9900)]),
        old(
            "two weeks at once",
            json!({"billing_interval": "week", "interval_count": 2,
                "cycle_day": 1, "period_start": "2027-03-09"}),
            "03-09 paid whole 9900, 03-23 free before_anchor 0, 03-29",
        )
        .paid("2027-03-09", "2027-03-15")
        .next(&[("2027-03-29", 9900), ("2027-04-12", 9900)]),
        old(
            "a month at once",
            json!({"period_start": "2027-03-09"}),
            "03-09 paid whole 9900, 03-15",
        )
        .paid("2027-03-09", "2027-03-15"),
        old(
            "the end of the month",
            json!({"cycle_day": 31, "period_start": "2027-02-28",
                "next_billing_date": "2027-03-31", "next_attempt_at": "2027-03-31T09:00:00+09:00"}),
            "02-28 paid whole 9900, 03-31",
        )
        .paid("2027-02-28", "2027-03-31")
        .next(&[("2027-03-31", 9900), ("2027-04-30", 9900), ("2027-05-31", 9900)]),
        old(
            "incomplete",
            json!({"status": "incomplete", "period_start": "2027-03-09",
                "next_attempt_at": null}),
            "03-09 open whole 9900, 03-15",
        )
        .tried("2027-03-09", "2027-03-15", "unknown")
        .last(&[]),
        old(
            "canceled",
            json!({"status": "canceled", "next_attempt_at": null,
                "canceled_at": "2027-02-20T10:00:00+09:00"}),
            "02-15 paid whole 9900, 03-15",
        )
        .paid("2027-02-15", "2027-03-15")
        .last(&[]),
        old(
            "canceled before the first",
            json!({"status": "canceled", "plan_id": "other",
                "canceled_at": "2027-02-20T10:00:00+09:00"}),
            "",
        )
        .with_columns(&quiet)
        .last(&[]),
    ]
}

impl Old {
    pub fn with_columns(mut self, columns: &Value) -> Self {
        let own = self.columns.as_object_mut().unwrap();
        own.extend(columns.as_object().unwrap().clone());
        self
    }
}
