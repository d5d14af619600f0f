//! What is due on a day.

use chrono::NaiveDate;

use crate::cadence::Period;
use crate::money::Money;
use crate::next::{Next, Planning};
use crate::segment::{Charge, ChargeState, Counts, Kind, Reason, Segment};
use crate::subscription::{FirstPeriod, Start, Status, Subscription};

impl Subscription {
    /// Does what is due on `today`: resumes, gives free time, passes over what was missed, ends. The
    /// answer is the charge that has to be made now, if any; its intent is this state, committed.
    /// While a charge is under way nothing is due.
    pub fn due(&mut self, today: NaiveDate) -> Option<u32> {
        self.go_on_by_itself(today);
        while self.may_charge() && self.covered_to() <= today {
            self.lapse(today);
            match self.next() {
                Planning::End(day) => self.cancel(day),
                Planning::Pause(day) => {
                    self.stop(day, Status::Paused);
                    self.go_on_by_itself(today);
                }
                Planning::Segment(next) => {
                    if next.kind == Kind::Open && next.period.end <= today {
                        self.miss(next.period.end);
                    } else if let Some(charge) = self.begin(next, today) {
                        return Some(charge);
                    }
                }
            }
        }
        if let Some(day) = self.ends_waiting().filter(|day| *day <= today) {
            self.cancel(day);
        }
        None
    }

    /// The next day on which [`Self::due`] has something to do.
    pub fn due_on(&self) -> Option<NaiveDate> {
        match self.status {
            Status::Active | Status::PastDue if self.may_charge() => Some(self.covered_to()),
            Status::Paused => self.resume_on.into_iter().chain(self.ends_waiting()).min(),
            _ => self.ends_waiting(),
        }
    }

    /// Does what is due on `today` and needs no charge: it goes on after a pause, pauses or ends. What
    /// [`Self::due`] does from the hour of the charges on, this does at midnight. The answer is
    /// whether there was anything to do.
    pub fn midnight(&mut self, today: NaiveDate) -> bool {
        let mut done = false;
        while self.midnight_on().is_some_and(|day| day <= today) {
            done = true;
            if self.go_on_by_itself(today) {
                continue;
            }
            if let Some(day) = self.ends_waiting() {
                self.cancel(day);
                continue;
            }
            self.lapse(today);
            match self.next() {
                Planning::End(day) => self.cancel(day),
                Planning::Pause(day) => self.stop(day, Status::Paused),
                Planning::Segment(_) => break,
            }
        }
        done
    }

    /// The next day on which [`Self::midnight`] has something to do.
    pub fn midnight_on(&self) -> Option<NaiveDate> {
        let day = self.due_on()?;
        let serves = matches!(self.status, Status::Active | Status::PastDue);
        (!serves || self.without_charge()).then_some(day)
    }

    /// A pause that was to end by itself ends. Whether it did.
    fn go_on_by_itself(&mut self, today: NaiveDate) -> bool {
        let is_paused = self.status == Status::Paused;
        let over = self.resume_on.filter(|day| is_paused && *day <= today);
        if let Some(day) = over {
            self.go_on(day);
        }
        over.is_some()
    }

    /// Whether an end or a pause comes next.
    fn without_charge(&self) -> bool {
        let mut after = self.clone();
        after.lapse(self.covered_to());
        // One for want of a consent is none yet: until its hour the consent can still come.
        after.end_without_consent = false;
        !matches!(after.next(), Planning::Segment(_))
    }

    /// The day on which it ends while it is paused or unpaid with nothing left to give back: where the
    /// last segment ends when it was to end then or has no cycle left, else its end date.
    fn ends_waiting(&self) -> Option<NaiveDate> {
        let waits = matches!(self.status, Status::Paused | Status::Unpaid);
        if !waits || self.kept_days() > 0 {
            return None;
        }
        let covered = self.covered_to();
        if self.ends_at(covered) { Some(covered) } else { self.end_date }
    }

    fn may_charge(&self) -> bool {
        let under_way = self.charges.iter().any(|c| c.state == ChargeState::UnderWay);
        matches!(self.status, Status::Active | Status::PastDue) && !under_way
    }

    /// The next period begins: what was still being tried again is declined for good.
    pub(crate) fn lapse(&mut self, today: NaiveDate) {
        let retrying = self.charges.iter().filter(|c| c.state == ChargeState::Retrying);
        for id in retrying.map(|c| c.id).collect::<Vec<_>>() {
            self.give_up(id, today);
        }
        self.status = Status::Active;
    }

    fn miss(&mut self, end: NaiveDate) {
        if self.segments.is_empty() {
            self.start = Start::OnAnchor(end);
        } else {
            self.push_none(end, Reason::Missed);
        }
    }

    /// Begins `next`. `None` when nothing has to be asked of the gateway: it is free, or credit pays
    /// for it, or its price is too small.
    pub(crate) fn begin(&mut self, next: Next, today: NaiveDate) -> Option<u32> {
        if next.applies {
            self.pending = None;
        }
        self.terms = next.terms;
        let first_full =
            self.segments.is_empty() && matches!(self.start, Start::Now(_, FirstPeriod::Full));
        let days = next.period.days();
        let charge =
            (next.kind == Kind::Open).then(|| self.charge(next.price, days, today, Counts::Always));
        self.push(Segment {
            id: 0,
            period: next.period,
            kind: next.kind,
            reason: next.reason,
            charge,
            price: next.price,
            rate: next.rate,
            of_days: next.of_days,
            phase: next.phase,
            cycle: next.cycle,
        });
        if first_full && next.kind == Kind::Open {
            let end = self.terms.cadence.on_or_after(next.period.end);
            let end = self.end_date.map_or(end, |last| end.min(last));
            if next.period.end < end {
                self.push_free(Period { start: next.period.end, end }, Reason::BeforeAnchor);
                if let Some(free) = self.segments.last_mut() {
                    free.charge = charge;
                }
            }
        }
        self.ask(charge?)
    }

    /// A charge of `price` for `days`, with what is carried, less the credit balance. An amount below
    /// the minimum is carried to the next charge.
    pub(crate) fn charge(
        &mut self,
        price: Money,
        days: i64,
        today: NaiveDate,
        counts: Counts,
    ) -> u32 {
        let due = price + self.carried;
        let credit = self.credit.up_to(due);
        let rest = due.less(credit);
        let too_small = rest.won < self.minimum;
        let (amount, carried_out) =
            if too_small { (Money::ZERO, rest) } else { (rest, Money::ZERO) };
        let id = self.next_charge;
        self.next_charge += 1;
        self.charges.push(Charge {
            id,
            on: today,
            amount,
            credit,
            carried_in: self.carried,
            carried_out,
            credited: Money::ZERO,
            refunded: Money::ZERO,
            days,
            state: ChargeState::UnderWay,
            counts,
            is_retry: false,
        });
        self.credit = self.credit.less(credit);
        self.carried = carried_out;
        id
    }

    /// Settles a charge of 0 won; the answer is one that the gateway has to be asked for.
    pub(crate) fn ask(&mut self, id: u32) -> Option<u32> {
        let amount = self.charge_mut(id)?.amount;
        if amount.won > 0 {
            return Some(id);
        }
        self.approve(id);
        None
    }

    pub(crate) fn charge_mut(&mut self, id: u32) -> Option<&mut Charge> {
        self.charges.iter_mut().find(|c| c.id == id)
    }
}
