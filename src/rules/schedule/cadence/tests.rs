//! Tests of the module above.

use proptest::prelude::*;

use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn cadence(interval: Interval, count: i16, day: i64) -> Cadence {
    Cadence { interval, count, anchor: AnchorDay::new(day).unwrap() }
}

/// Days of a month by the rule one learns at school.
fn days_of(year: i32, month: u32) -> u32 {
    let leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn months(date: NaiveDate) -> i32 {
    date.year() * 12 + i32::try_from(date.month0()).unwrap()
}

#[test]
fn each_interval_goes_on_from_the_billing_date_and_remembers_its_anchor() {
    let cases = [
        (Interval::Month, 1, 31, "2027-02-28", "2027-03-31"),
        (Interval::Month, 3, 31, "2026-11-30", "2027-02-28"),
        (Interval::Month, 3, 31, "2027-02-28", "2027-05-31"),
        (Interval::Month, 24, 15, "2026-12-15", "2028-12-15"),
        (Interval::Year, 1, 29, "2027-02-28", "2028-02-29"),
        (Interval::Year, 1, 29, "2028-02-29", "2029-02-28"),
        (Interval::Year, 1, 29, "2099-02-28", "2100-02-28"),
        (Interval::Year, 5, 1, "2027-01-01", "2032-01-01"),
        (Interval::Week, 1, 3, "2026-11-25", "2026-12-02"),
        (Interval::Week, 52, 3, "2026-11-25", "2027-11-24"),
    ];
    for (interval, count, day, from, next) in cases {
        let cadence = cadence(interval, count, day);
        assert_eq!(cadence.next(date(from)), date(next), "{cadence:?} after {from}");
    }
}

#[test]
fn it_begins_on_the_first_anchor_day() {
    let cases = [
        (Interval::Week, 3, "2026-11-25", "2026-11-25"),
        (Interval::Week, 2, "2026-11-25", "2026-12-01"),
        (Interval::Week, 7, "2026-11-25", "2026-11-29"),
        (Interval::Week, 1, "2026-12-29", "2027-01-04"),
        (Interval::Month, 15, "2026-11-16", "2026-12-15"),
        (Interval::Year, 29, "2027-02-02", "2027-02-28"),
    ];
    for (interval, day, from, first) in cases {
        let first_day = cadence(interval, 2, day).first_on_or_after(date(from));
        assert_eq!(first_day, date(first), "{interval:?} {day} from {from}");
    }
}

#[test]
fn after_an_outage_only_the_latest_period_is_billed_in_step_with_the_first() {
    let cases = [
        (Interval::Month, 1, 15, "2026-01-15", "2026-02-14", "2026-01-15"),
        (Interval::Month, 1, 15, "2026-01-15", "2026-02-15", "2026-02-15"),
        (Interval::Month, 1, 31, "2026-01-31", "2026-02-27", "2026-01-31"),
        (Interval::Month, 1, 31, "2026-01-31", "2026-05-01", "2026-04-30"),
        (Interval::Month, 3, 31, "2026-01-31", "2026-07-30", "2026-04-30"),
        (Interval::Year, 1, 29, "2026-02-28", "2028-02-29", "2028-02-29"),
        (Interval::Week, 2, 3, "2026-11-25", "2027-01-05", "2026-12-23"),
    ];
    for (interval, count, day, due, today, start) in cases {
        let cadence = cadence(interval, count, day);
        let period = cadence.latest_period(date(due), date(today));
        assert_eq!(period.start, date(start), "{cadence:?} due {due} on {today}");
    }
}

fn any_cadence() -> impl Strategy<Value = Cadence> {
    prop_oneof![
        (1i16..=4, 1i64..=7).prop_map(|(n, day)| cadence(Interval::Week, n, day)),
        (1i16..=12, 1i64..=31).prop_map(|(n, day)| cadence(Interval::Month, n, day)),
        (1i16..=3, 1i64..=31).prop_map(|(n, day)| cadence(Interval::Year, n, day)),
    ]
}

/// 2026-01-01 to 2100-12-31.
fn any_date() -> impl Strategy<Value = NaiveDate> {
    (0u64..=27_392).prop_map(|days| date("2026-01-01") + Days::new(days))
}

/// The day of a billing date in its month or week, by hand.
fn is_on_anchor(cadence: Cadence, day: NaiveDate) -> bool {
    let anchor = u32::try_from(cadence.anchor.get()).unwrap();
    match cadence.interval {
        Interval::Week => day.weekday().number_from_monday() == anchor,
        _ => day.day() == anchor.min(days_of(day.year(), day.month())),
    }
}

proptest! {
    #[test]
    fn the_next_date_is_later_as_far_as_asked_for_and_on_the_anchor(
        cadence in any_cadence(), from in any_date(),
    ) {
        let first = cadence.first_on_or_after(from);
        prop_assert!(first >= from && (first - from).num_days() < 31);
        prop_assert!(is_on_anchor(cadence, first));
        let between = from.iter_days().take_while(|day| *day < first);
        prop_assert!(between.into_iter().all(|day| !is_on_anchor(cadence, day)));
        let next = cadence.next(first);
        prop_assert!(next > first && is_on_anchor(cadence, next));
        let count = i32::from(cadence.count);
        match cadence.interval {
            Interval::Week => prop_assert_eq!((next - first).num_days(), i64::from(7 * count)),
            Interval::Month => prop_assert_eq!(months(next) - months(first), count),
            Interval::Year => prop_assert_eq!(months(next) - months(first), 12 * count),
        }
        prop_assert!((next - first).num_days() > i64::from(cadence.last_day_of_each()));
    }

    #[test]
    fn every_date_is_in_exactly_one_period(
        cadence in any_cadence(), from in any_date(), later in 0u64..2_000,
    ) {
        let first = cadence.first_on_or_after(from);
        let today = first + Days::new(later);
        let mut start = first;
        let mut around = Vec::new();
        while start <= today + Days::new(1_200) {
            let period = cadence.period_from(start);
            prop_assert_eq!(period.start, start);
            if period.start <= today && today < period.end {
                around.push(period);
            }
            start = period.end;
        }
        prop_assert_eq!(around, vec![cadence.latest_period(first, today)]);
    }
}
