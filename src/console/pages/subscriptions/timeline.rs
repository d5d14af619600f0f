//! A subscription's days as a drawing: a row for each year, a bar for each segment, a mark for each
//! attempt and each change.

use chrono::{Datelike, NaiveDate};
use serde::Deserialize;

use crate::console::frame::Console;
use crate::console::pages::answers::Event;
use crate::console::pages::words;

#[derive(Deserialize)]
pub struct Rule {
    pub code: String,
    pub message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    pub payment_id: String,
    pub status: String,
    pub amount: i64,
    pub date: NaiveDate,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    pub amount: i64,
    pub credit: i64,
    pub carried: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    pub start: NaiveDate,
    pub end: NaiveDate,
    pub days: i64,
    pub kind: String,
    pub amount: i64,
    pub rule: Rule,
    pub charge: Option<Charge>,
    pub payments: Vec<Attempt>,
    pub planned: bool,
}

#[derive(Deserialize)]
pub struct Timeline {
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub segments: Vec<Segment>,
}

/// The drawing.
pub struct Drawn {
    pub years: Vec<Year>,
}

/// A row: as wide as the year has days.
pub struct Year {
    pub year: i32,
    pub days: i64,
    /// Where its months begin.
    pub months: Vec<i64>,
    pub parts: Vec<Part>,
    pub marks: Vec<Mark>,
    pub today: Option<i64>,
}

/// A bar.
pub struct Part {
    pub x: i64,
    pub width: i64,
    pub class: String,
    pub tip: String,
    pub is_none: bool,
}

/// A line across a bar.
pub struct Mark {
    pub x: i64,
    pub class: &'static str,
    pub tip: String,
}

impl Segment {
    /// What it is, in words.
    pub fn tip(&self, c: &Console) -> String {
        let kind = words::kind(c, &self.kind);
        let planned = if self.planned { c.t(" (예정)", " (planned)") } else { "" };
        let rule = words::rule(c, &self.rule.code, &self.rule.message);
        let price =
            if self.amount > 0 { format!(" · {}", c.won(self.amount)) } else { String::new() };
        let attempts: Vec<_> = self
            .payments
            .iter()
            .map(|a| format!("{} {} {}", a.date, c.state(&a.status), c.won(a.amount)))
            .collect();
        let attempts = if attempts.is_empty() {
            String::new()
        } else {
            format!(" · {}: {}", c.t("시도", "attempts"), attempts.join(", "))
        };
        format!("{} ~ {} · {kind}{planned}{price} · {rule}{attempts}", self.start, self.end)
    }
}

impl Drawn {
    pub fn new(c: &Console, line: &Timeline, events: &[Event], today: NaiveDate) -> Self {
        let last = line.to.pred_opt().unwrap_or(line.to);
        let years =
            (line.from.year()..=last.year()).filter_map(|y| year(c, y, line, events, today));
        Self { years: years.collect() }
    }
}

fn year(
    c: &Console,
    year: i32,
    line: &Timeline,
    events: &[Event],
    today: NaiveDate,
) -> Option<Year> {
    let first = NaiveDate::from_ymd_opt(year, 1, 1)?;
    let next = NaiveDate::from_ymd_opt(year + 1, 1, 1)?;
    let at = |day: NaiveDate| (day - first).num_days();
    let is_here = |day: NaiveDate| (first..next).contains(&day);
    let parts = line.segments.iter().filter(|s| s.start < next && s.end > first).map(|s| {
        let (start, end) = (s.start.max(first), s.end.min(next));
        Part {
            x: at(start),
            width: (end - start).num_days(),
            class: format!("{}{}", s.kind, if s.planned { " planned" } else { "" }),
            tip: s.tip(c),
            is_none: s.kind == "none",
        }
    });
    let attempts = line.segments.iter().flat_map(|s| &s.payments);
    let attempts = attempts.filter(|a| is_here(a.date)).map(|a| Mark {
        x: at(a.date),
        class: if matches!(a.status.as_str(), "declined" | "refused" | "unknown") {
            "attempt failed"
        } else {
            "attempt"
        },
        tip: format!("{} {} {}", a.date, c.state(&a.status), c.won(a.amount)),
    });
    let changes = events.iter().filter_map(|event| {
        let what = event.r#type.strip_prefix("subscription.")?;
        let day: NaiveDate = event.timestamp.get(..10)?.parse().ok()?;
        let is_change = ["created", "updated", "paused", "resumed", "canceled"].contains(&what);
        (is_change && is_here(day) && day >= line.from).then(|| Mark {
            x: at(day),
            class: "attempt change",
            tip: format!("{} {}", c.time(&event.timestamp), event.r#type),
        })
    });
    Some(Year {
        year,
        days: (next - first).num_days(),
        months: (2..=12).filter_map(|m| NaiveDate::from_ymd_opt(year, m, 1)).map(at).collect(),
        parts: parts.collect(),
        marks: attempts.chain(changes).collect(),
        today: is_here(today).then(|| at(today)),
    })
}
