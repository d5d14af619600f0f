//! What the end date and the pause of a row from before paid time mean, until it is changed. Pure.

use chrono::NaiveDate;
use kiwoom_paid_time::{Kind, Reason, Status, Subscription};

/// The end date of the model for an old one: no period that would begin on `end` or later is charged,
/// and the last one is whole. While nothing is charged by itself, the day itself.
pub(super) fn end_date(paid: &Subscription, end: NaiveDate) -> NaiveDate {
    let waits = match paid.status {
        Status::Active | Status::PastDue => false,
        Status::Paused => paid.resume_on.is_none_or(|day| day >= end),
        Status::Unpaid | Status::Canceled => true,
    };
    let covered = paid.covered_to();
    if waits || covered >= end {
        return if waits { end } else { covered };
    }
    let cadence = paid.terms.with(paid.pending).cadence;
    let first = cadence.on_or_after(covered);
    let boundaries = (0..).map(|n| cadence.whole(first, n).start);
    boundaries.take(MOST).find(|day| *day >= end).unwrap_or(end)
}

/// Periods of a week in twenty years.
const MOST: usize = 1100;

/// Goes on from `day` with the next period, which begins on the anchor: a pause kept no days, and the
/// time up to there is not charged for.
pub(super) fn resume(paid: &mut Subscription, day: NaiveDate) {
    drop_pause(paid);
    let day = if paid.segments.is_empty() {
        day
    } else {
        paid.terms.cadence.on_or_after(day.max(paid.covered_to()))
    };
    paid.resume(day);
}

/// Takes back the time without service that was laid out up to the day on which it goes on by itself.
pub(super) fn drop_pause(paid: &mut Subscription) {
    while paid.segments.last().is_some_and(|s| s.kind == Kind::None && s.reason == Reason::Paused) {
        paid.segments.pop();
    }
}
