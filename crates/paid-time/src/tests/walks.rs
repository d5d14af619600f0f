//! Thirty-six months for each interval: charges = forecast = timeline.

use super::*;

fn walk(cadence: Cadence, start: Start) {
    let from = day("2027-01-20");
    let until = day("2030-01-31");
    let mut sub = subscribe(terms(cadence, 9_901), start);
    let forecast: Vec<_> = sub.forecast(from, until);
    let line = sub.timeline(from, from, until);
    let charged = live(&mut sub, "2027-01-20", "2030-01-31");
    let row = |p: &Planned| (p.on.to_string(), p.amount.won, p.period.end.to_string());
    assert_eq!(charged, forecast.iter().map(row).collect::<Vec<_>>(), "{cadence:?} {start:?}");
    let lived = sub.timeline(until, from, until);
    assert_eq!(lived, line, "{cadence:?} {start:?}");
    let days: i64 = lived.iter().map(|s| s.period.days()).sum();
    assert_eq!(days, (until - from).num_days());
    let covered = |s: &&Segment| s.kind == Kind::Paid;
    for (n, segment) in lived.iter().filter(covered).enumerate() {
        let last = segment.period.end == until;
        assert!(last || segment.period.end == cadence.on_or_after(segment.period.end), "{n}");
    }
    let whole = sub.segments.iter().filter(|s| s.reason == Reason::Whole);
    assert!(whole.clone().all(|s| s.price.won == 9_901));
    let first = whole.clone().next().unwrap().period.start;
    for (n, segment) in (0..).zip(whole) {
        assert_eq!(segment.period, cadence.whole(first, n), "from the first, never the one before");
    }
}

#[test]
fn what_is_charged_is_what_was_forecast() {
    let started = day("2027-01-20");
    let starts = [
        Start::OnAnchor(started),
        Start::Now(started, FirstPeriod::Prorated),
        Start::Now(started, FirstPeriod::Free),
    ];
    for start in starts {
        for anchor in 1..=31 {
            walk(every(1, Interval::Month, anchor), start);
            walk(every(3, Interval::Month, anchor), start);
            walk(every(1, Interval::Year, anchor), start);
        }
        for weekday in 1..=7 {
            walk(every(1, Interval::Week, weekday), start);
            walk(every(2, Interval::Week, weekday), start);
        }
    }
}

#[test]
fn a_first_period_in_full_is_followed_by_the_free_days_to_the_anchor() {
    let start = Start::Now(day("2027-01-31"), FirstPeriod::Full);
    let mut sub = subscribe(terms(every(1, Interval::Month, 15), 9_900), start);
    let charged = live(&mut sub, "2027-01-31", "2027-03-15");
    let expected = [("2027-01-31", 9_900, "2027-02-28"), ("2027-03-15", 9_900, "2027-04-15")];
    assert_eq!(charged, rows(&expected));
    assert_eq!(
        sub.on(day("2027-03-14")).map(|s| (s.kind, s.reason)),
        Some((Kind::Free, Reason::BeforeAnchor))
    );
}

#[test]
fn short_months_and_leap_years_move_nothing() {
    let monthly = every(1, Interval::Month, 31);
    let ends = |n| monthly.whole(day("2027-01-31"), n).end.to_string();
    assert_eq!([0, 1, 2, 12].map(ends), ["2027-02-28", "2027-03-31", "2027-04-30", "2028-02-29"]);
    let yearly = every(1, Interval::Year, 29);
    let starts = |n| yearly.whole(day("2028-02-29"), n).start.to_string();
    assert_eq!([1, 4, -1].map(starts), ["2029-02-28", "2032-02-29", "2027-02-28"]);
}
