//! The calls of a random history.

use fastrand::Rng;

use super::world::{Sabotage, World, is_open};
use super::*;

impl World {
    fn change(&mut self) -> Change {
        let won = self.rng.i64(1..40) * 500 + 1;
        let price = Money { won, tax_free: self.rng.i64(0..=won) };
        Change {
            price: self.rng.bool().then_some(price),
            cadence: (self.rng.u8(0..3) == 0).then(|| cadence(&mut self.rng)),
        }
    }

    pub fn change_later(&mut self) {
        let change = self.change();
        if self.sub.change(change, When::NextPeriod, self.today).is_ok() {
            self.count("change later");
        }
    }

    pub fn change_now(&mut self) -> Result<(), String> {
        let change = self.change();
        let consented = self.rng.u8(0..4) > 0;
        let before = self.sub.clone();
        let first = before.next_charge;
        let told = before.preview(change, When::Now { consented }, self.today);
        match self.sub.change(change, When::Now { consented }, self.today) {
            Err(_) => assert_eq!(self.sub, before, "a refused call changes nothing"),
            Ok(asked) => {
                self.count("change now");
                super::rules::preview_is_what_happens(self, &before, &told.unwrap(), asked)?;
                // Without one it is no rise over what was paid for.
                let rate = self.sub.terms.rate(0);
                let was = before.on(self.today).map(|s| s.rate);
                if consented || was.is_some_and(|was| !rate.is_above(was)) {
                    let (given, rise_on) = (self.today, self.today);
                    self.consents.push(Consent { given, rise_on, rate });
                }
                let has = |id: &u32| super::rules::days_of(&self.sub, *id);
                let less = self.bought.iter().filter(|(id, days)| has(id) < **days);
                self.exchanged.extend(less.map(|(id, _)| *id));
                for id in first..self.sub.next_charge {
                    self.ended(id);
                }
                if let Some(id) = asked {
                    super::rules::is_within_total(self, id)?;
                    self.answer(id);
                }
            }
        }
        Ok(())
    }

    /// An attempt that was declined was approved after all.
    pub fn approve_late(&mut self) {
        let declined =
            |c: &&Charge| matches!(c.state, ChargeState::Declined | ChargeState::Retrying);
        let Some(id) = self.sub.charges.iter().rev().find(declined).map(|c| c.id) else { return };
        let before = self.sub.clone();
        if self.sub.approve_late(id, self.today) {
            self.count("approved late");
            self.ended(id);
        } else {
            self.count("approved too late");
            assert_eq!(self.sub, before, "money that pays for nothing changes nothing");
        }
    }

    /// The database is copied, or goes back to its copy: what the gateway has taken since is recorded.
    pub fn restore(&mut self) {
        let Some(saved) = self.saved.take() else {
            self.saved = Some(Box::new(self.clone()));
            return;
        };
        let lost = self.sub.charges.iter().filter(|c| {
            let open = saved.sub.find_charge(c.id).is_none_or(|c| c.state == ChargeState::Retrying);
            open && c.state == ChargeState::Approved && c.amount.won > 0
        });
        let lost: Vec<_> = lost.map(|c| (self.sub.period_of(c.id), c.amount)).collect();
        let (rng, today) = (self.rng.clone(), self.today);
        let reached = std::mem::take(&mut self.reached);
        let settled = self.sub.charges.clone();
        *self = Self { rng, today, reached, ..*saved };
        self.count("restored");
        // Orders that the copy knows are asked for.
        let open: Vec<_> = self.sub.charges.iter().filter(|c| is_open(c)).map(|c| c.id).collect();
        for id in open {
            match settled.iter().find(|c| c.id == id).map(|c| c.state) {
                Some(ChargeState::Approved) => self.settle(id, Outcome::Approved),
                Some(ChargeState::UnderWay | ChargeState::Unknown) => {}
                _ => self.settle(id, Outcome::Declined { retry: false }),
            }
        }
        for (period, amount) in lost {
            let Some(start) = period.map(|p| p.start) else { continue };
            let amount = self.rng.bool().then_some(amount);
            let before = self.sub.clone();
            match self.sub.record_paid(start, amount, self.today) {
                Ok(recorded) => {
                    self.recorded.extend(amount.map(|_| recorded));
                    self.count("recorded");
                    let old = before.charges.iter().map(|c| c.id);
                    old.chain([recorded]).for_each(|id| self.ended(id));
                }
                Err(_) => assert_eq!(self.sub, before, "a refused call changes nothing"),
            }
        }
    }

    /// What is done at midnight is what would be done at the hour of the charges.
    pub fn midnight(&mut self) -> Result<(), String> {
        let next = self.sub.midnight_on().filter(|day| (*day - self.today).num_days() < 300);
        self.today = self.today.max(next.unwrap_or(self.today));
        let mut later = self.sub.clone();
        let asked = later.due(self.today);
        let mut again = self.sub.clone();
        if again.midnight(self.today) {
            self.count("midnight");
        }
        let same = (again.due(self.today), &again) == (asked, &later);
        if same { Ok(()) } else { Err("rule 6: midnight does something else".into()) }
    }

    pub fn there_and_back(&mut self) -> Result<(), String> {
        if self.sub.pending.is_some() || self.sub.consent.is_some() {
            return Ok(());
        }
        let mut back = self.sub.clone();
        for _ in 0..3 {
            let change = self.change();
            let _ = back.change(change, When::NextPeriod, self.today);
        }
        let shown = self.sub.price();
        let change = Change {
            price: (self.sabotage != Sabotage::NotForgotten).then_some(shown),
            cadence: Some(self.sub.terms.cadence),
        };
        let _ = back.change(change, When::NextPeriod, self.today);
        self.count("there and back");
        if self.sub.segments.is_empty() && back.covered_to() == self.sub.covered_to() {
            back.start = self.sub.start;
        }
        if back == self.sub { Ok(()) } else { Err("rule 3: there and back is something".into()) }
    }

    pub fn pause(&mut self) {
        let days = chrono::Days::new(self.rng.u64(1..60));
        let until = self.rng.bool().then(|| self.today + days);
        if self.rng.u8(0..3) == 0 {
            self.sub.pause_at_period_end = self.sub.status == Status::Active;
            self.sub.resume_on = until.filter(|_| self.sub.pause_at_period_end);
            return;
        }
        let retrying = self.sub.charges.iter().filter(|c| c.state == ChargeState::Retrying);
        let retrying: Vec<_> = retrying.map(|c| c.id).collect();
        if self.sub.pause(self.today, until).is_ok() {
            self.count("pause");
            for id in retrying {
                self.ended(id);
            }
        }
    }

    pub fn consent(&mut self) -> Result<(), String> {
        let given = self.today;
        match self.sub.give_consent(given) {
            Ok(()) => {
                self.consents.extend(self.sub.consent);
                self.count("consent");
            }
            Err(Refused::ConsentFrom(first)) if self.sabotage == Sabotage::EarlyConsent => {
                let (rise_on, rate) = self.sub.rise().unwrap();
                self.sub.consent = Some(Consent { given, rise_on, rate });
                assert!(first > given);
            }
            Err(Refused::ConsentFrom(first)) => {
                let mut later = self.sub.clone();
                if first <= given || later.give_consent(first).is_err() {
                    return Err(format!("rule 5: {first} is not the first day"));
                }
                self.count("consent too early");
            }
            Err(_) => {}
        }
        Ok(())
    }

    pub fn small_calls(&mut self) {
        let days = self.rng.u32(1..20);
        let call = if self.sub.credit.won > 0 { 5 } else { self.rng.u8(0..7) };
        match call {
            0 => {
                if self.sub.extend(days).is_ok() {
                    self.promised += i64::from(days);
                    self.count("extended");
                }
            }
            1 => {
                let end = self.today + chrono::Days::new(self.rng.u64(0..300));
                if self.sub.set_end_date(Some(end)).is_ok() {
                    self.count("end date");
                }
            }
            2 => {
                let _ = self.sub.set_end_date(None);
            }
            3 if self.sub.status == Status::Active => {
                self.sub.cancel_at_period_end(self.today);
            }
            4 => self.sub.cancel_at_period_end = false,
            5 => {
                let won = self.rng.i64(1..900);
                let given = self.sub.charges.iter().rfind(|c| c.credited.won > 0);
                let id = given.map_or(0, |c| c.id);
                let before = self.sub.clone();
                if let Some(back) = self.sub.refund_credit(id, won) {
                    self.count("credit refunded");
                    let mut failed = self.sub.clone();
                    failed.return_credit(id, back);
                    let won = |s: &Subscription| {
                        let of = |c: &Charge| (c.credited.won, c.refunded.won);
                        (s.credit.won, s.charges.iter().map(of).collect::<Vec<_>>())
                    };
                    assert_eq!(won(&failed), won(&before), "a refund that fails gives it back");
                }
            }
            _ => {
                let id = self.rng.u32(1..=self.sub.next_charge);
                let before = self.sub.segments.clone();
                if self.sub.refund(id, Money::taxed(self.rng.i64(1..9_000))) {
                    self.count("refund");
                }
                assert_eq!(before, self.sub.segments, "a refund changes no segment");
            }
        }
    }

    pub fn corrupt(&mut self, id: u32) {
        match self.sabotage {
            Sabotage::DayTwice => {
                if let Some(segment) = self.sub.segments.last_mut() {
                    segment.period.start = segment.period.start - chrono::Days::new(1);
                }
            }
            Sabotage::WonTooMuch => self.sub.charge_mut(id).unwrap().amount.won += 1,
            _ => {}
        }
    }
}

pub fn cadence(rng: &mut Rng) -> Cadence {
    match rng.u8(0..6) {
        0 => every(rng.u32(1..5), Interval::Week, rng.u32(1..8)),
        1 => every(1, Interval::Year, rng.u32(1..32)),
        2 => every(rng.u32(2..7), Interval::Month, rng.u32(1..32)),
        _ => every(1, Interval::Month, rng.u32(1..32)),
    }
}

pub fn phases(rng: &mut Rng) -> Vec<Phase> {
    let won = rng.i64(1..40) * 500 + 1;
    let last = Phase { cycles: None, price: Money { won, tax_free: rng.i64(0..=won) } };
    let step = |rng: &mut Rng, won| Phase { cycles: Some(rng.u32(1..4)), price: Money::taxed(won) };
    match rng.u8(0..4) {
        0 => vec![step(rng, 0), last],
        1 => vec![step(rng, 100), step(rng, won / 2), last],
        _ => vec![last],
    }
}
