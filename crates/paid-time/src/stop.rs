//! Where service stops and goes on: pause, resume, cancel, free days.

use chrono::{Days, NaiveDate};

use crate::cadence::Period;
use crate::segment::{ChargeState, Kind, Reason, Segment};
use crate::subscription::{FirstPeriod, Refused, Start, Status, Subscription};

impl Subscription {
    /// Pauses on `today`; the days that are left are kept. With `until` it goes on by itself. What is
    /// being tried again is declined for good: a caller that does not want that refuses `PastDue`.
    pub fn pause(&mut self, today: NaiveDate, until: Option<NaiveDate>) -> Result<(), Refused> {
        if !matches!(self.status, Status::Active | Status::PastDue) {
            return Err(Refused::Status(self.status));
        }
        self.stop(today, Status::Paused);
        self.resume_on = until.map(|day| day.max(today));
        Ok(())
    }

    /// A try to come back was declined on `today`, after its days were over: it is unpaid still.
    pub fn stay_unpaid(&mut self, today: NaiveDate) {
        let serves = matches!(self.status, Status::Active | Status::PastDue);
        if serves && self.open_charge().is_none() && self.covered_to() <= today {
            self.stop(today, Status::Unpaid);
        }
    }

    /// Goes on from `day`: what was left is given back, then charges follow.
    pub fn resume(&mut self, day: NaiveDate) {
        if self.status == Status::Paused {
            self.go_on(day);
        }
    }

    /// Ends on `day`. What is paid stays paid.
    pub fn cancel(&mut self, day: NaiveDate) {
        self.give_up_retries(day);
        self.status = Status::Canceled;
        self.resume_on = None;
        self.canceled_on = Some(day);
    }

    /// Ends when what is paid is used up; at once when nothing was ever covered.
    pub fn cancel_at_period_end(&mut self, today: NaiveDate) {
        if self.segments.iter().any(Segment::is_covered) {
            self.cancel_at_period_end = true;
        } else {
            self.cancel(today);
        }
    }

    /// Sets or clears the end date. Refused on or before the first charge and inside time that is
    /// paid or promised already.
    pub fn set_end_date(&mut self, end: Option<NaiveDate>) -> Result<(), Refused> {
        let covered = self.covered_to();
        let too_early =
            |day: NaiveDate| day < covered || day == covered && self.segments.is_empty();
        if end.is_some_and(too_early) {
            return Err(Refused::PaidThrough(covered));
        }
        self.end_date = end;
        Ok(())
    }

    /// Gives `days` (at least 1) free days after those that are covered.
    pub fn extend(&mut self, days: u32) -> Result<(), Refused> {
        let Some(last) = self.segments.last() else { return Err(Refused::NothingPaid) };
        if self.status == Status::Canceled {
            return Err(Refused::Status(self.status));
        }
        let start = last.period.end;
        self.push_free(Period { start, end: start + Days::new(days.into()) }, Reason::Extension);
        if matches!(self.status, Status::Paused | Status::Unpaid) {
            self.kept.extend(self.segments.pop());
        }
        Ok(())
    }

    /// Service stops on `day`: the paid, free and unsettled days from then on are kept, and as `none`
    /// those whose charge was declined, for an approval that comes late.
    pub(crate) fn stop(&mut self, day: NaiveDate, status: Status) {
        self.give_up_retries(day);
        for segment in std::mem::take(&mut self.segments) {
            let (had, left) = segment.divide(day);
            self.segments.extend(had);
            let declined = segment.reason == Reason::Declined;
            let kind = if declined { Kind::None } else { segment.kind };
            let kept = |s: &Segment| declined || s.is_covered();
            self.kept.extend(left.filter(kept).map(|s| Segment { kind, ..s }));
        }
        self.pause_at_period_end = false;
        self.status = status;
    }

    /// Service goes on from `day`: the time without it is `none`, what was kept follows.
    pub(crate) fn go_on(&mut self, day: NaiveDate) {
        let reason = if self.status == Status::Paused { Reason::Paused } else { Reason::Unpaid };
        self.push_none(day, reason);
        let (Start::OnAnchor(first) | Start::Now(first, _) | Start::Trial(first, _)) = self.start;
        let mut start = day.max(self.segments.last().map_or(first, |s| s.period.end));
        if self.segments.is_empty() && self.kept_days() == 0 {
            self.start = match self.status {
                Status::Unpaid => Start::Now(start, FirstPeriod::Prorated),
                _ => Start::OnAnchor(start),
            };
        }
        let kept = std::mem::take(&mut self.kept);
        for kept in kept.into_iter().filter(Segment::is_covered) {
            let end = start + Days::new(kept.period.days().unsigned_abs());
            self.push(Segment { period: Period { start, end }, ..kept });
            start = end;
        }
        self.status = Status::Active;
        self.resume_on = None;
    }

    fn give_up_retries(&mut self, day: NaiveDate) {
        let retrying = self.charges.iter().filter(|c| c.state == ChargeState::Retrying);
        for id in retrying.map(|c| c.id).collect::<Vec<_>>() {
            self.give_up(id, day);
        }
    }
}
