//! Payments that the books learn of late: an approval after a decline, and one that was lost.

use chrono::NaiveDate;

use crate::money::Money;
use crate::next::Planning;
use crate::segment::{Charge, ChargeState, Kind, Rate, Reason, Segment};
use crate::subscription::{Refused, Status, Subscription};

impl Subscription {
    /// Takes in on `today` that the money of charge `id` was taken after it had been declined. Its
    /// days are paid then; those that the decline had cut off follow from `today` on, or when a pause
    /// ends. `false`, and nothing has changed, when the money has to be refunded: the charge is
    /// approved already, service went on without those days, or what the charge had taken of credit
    /// was used meanwhile.
    pub fn approve_late(&mut self, id: u32, today: NaiveDate) -> bool {
        let Some(charge) = self.find_charge(id).copied() else { return false };
        match charge.state {
            ChargeState::Approved => return false,
            ChargeState::Declined if !self.restore(charge) => return false,
            _ => {}
        }
        self.approve(id);
        self.drop_nothing_ahead(today);
        let is_kept = |s: &Segment| s.charge == Some(id) && s.is_covered();
        if self.status == Status::Unpaid && self.kept.iter().any(is_kept) {
            self.go_on(today);
        }
        true
    }

    /// Records on `today` that the segment which begins on `start` was paid for, when the gateway has
    /// taken its money and the books have lost it: the one that comes next, or the one that is being
    /// tried again. `amount` is what the gateway took; `None`: what would have been charged. Another
    /// amount than that is the price of the segment, and uses no credit. The answer is the charge.
    /// Refused with [`Refused::PaidThrough`] when no such segment begins on `start`.
    pub fn record_paid(
        &mut self,
        start: NaiveDate,
        amount: Option<Money>,
        today: NaiveDate,
    ) -> Result<u32, Refused> {
        if self.status == Status::Canceled {
            return Err(Refused::Status(self.status));
        }
        let took = |c: &Charge| amount.is_none_or(|amount| amount.won == c.amount.won);
        let retrying = self.charges.iter().find(|c| c.state == ChargeState::Retrying && took(c));
        let begins = |id: &u32| self.period_of(*id).is_some_and(|p| p.start == start);
        if let Some(id) = retrying.map(|c| c.id).filter(begins) {
            self.approve(id);
            return Ok(id);
        }
        let mut after = self.clone();
        if matches!(after.status, Status::Paused | Status::Unpaid) && after.covered_to() <= start {
            after.go_on(start);
        }
        after.lapse(start);
        match after.next() {
            Planning::Segment(next) if next.kind == Kind::Open && next.period.start == start => {
                let id = after.next_charge;
                let price = next.price;
                after.begin(next, today);
                if let Some(amount) = amount {
                    after.took(id, price, amount);
                }
                after.approve(id);
                *self = after;
                Ok(id)
            }
            _ => Err(Refused::PaidThrough(self.covered_to())),
        }
    }

    /// Puts back what the decline of `charge` took from its segments.
    fn restore(&mut self, charge: Charge) -> bool {
        let id = charge.id;
        let of_it: Vec<_> = self.segments_of(id).filter(|s| s.rate != Rate::FREE).collect();
        let days: i64 = of_it.iter().map(|s| s.period.days()).sum();
        let priced = of_it.first().map_or(Money::ZERO, |s| s.price_of(charge));
        let is_cut = self.kept.iter().any(|s| s.charge == Some(id));
        let ended = |day| is_cut || of_it.iter().any(|s| day < s.period.end);
        let used = self.credit.won < charge.credit.won || self.carried.won < charge.carried_in.won;
        if days != charge.days || self.canceled_on.is_some_and(ended) || used {
            return false;
        }
        self.credit = self.credit.less(charge.credit);
        self.carried = self.carried.less(charge.carried_in);
        let (mut price, mut left) = (priced, days);
        let mut is_first = true;
        for segment in self.rows_of(id) {
            if segment.rate == Rate::FREE {
                (segment.kind, segment.reason) = (Kind::Free, Reason::BeforeAnchor);
                continue;
            }
            let whole = segment.of_days == days;
            segment.kind = Kind::Open;
            segment.reason = if whole { Reason::Whole } else { Reason::Stub };
            segment.cycle = whole && is_first;
            segment.price = price.share(segment.period.days(), left);
            price = price.less(segment.price);
            left -= segment.period.days();
            is_first = false;
        }
        true
    }

    /// The gateway took `amount` for charge `id`, whose segment was to cost `price`.
    fn took(&mut self, id: u32, price: Money, amount: Money) {
        let Some(charge) = self.charge_mut(id).filter(|c| c.amount.won != amount.won) else {
            return;
        };
        let (own, credit) = (*charge, charge.credit);
        (charge.amount, charge.credit) = (amount, Money::ZERO);
        (charge.carried_in, charge.carried_out) = (Money::ZERO, Money::ZERO);
        self.credit += credit;
        self.carried = own.carried_in;
        for segment in self.rows_of(id).filter(|s| s.price == price) {
            segment.price = amount;
        }
    }
}
