//! The calls of a random history.

use fastrand::Rng;

use super::world::{Sabotage, World};
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

    pub fn change_now(&mut self) {
        let change = self.change();
        let consented = self.rng.u8(0..4) > 0;
        let before = self.sub.clone();
        let first = before.next_charge;
        match self.sub.change(change, When::Now { consented }, self.today) {
            Err(_) => assert_eq!(self.sub, before, "a refused call changes nothing"),
            Ok(asked) => {
                self.count("change now");
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
                    self.answer(id);
                }
            }
        }
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
        let shown = self.sub.terms.rate(self.sub.last_phase()).price;
        let change = Change {
            price: (self.sabotage != Sabotage::NotForgotten).then_some(shown),
            cadence: Some(self.sub.terms.cadence),
        };
        let _ = back.change(change, When::NextPeriod, self.today);
        self.count("there and back");
        if back == self.sub { Ok(()) } else { Err("rule 3: there and back is something".into()) }
    }

    pub fn pause(&mut self) {
        let days = chrono::Days::new(self.rng.u64(1..60));
        let until = self.rng.bool().then(|| self.today + days);
        if self.rng.u8(0..3) == 0 {
            self.sub.pause_at_period_end = self.sub.status == Status::Active;
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
        match self.rng.u8(0..7) {
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
                let won = self.rng.i64(1..3_000);
                let id = self.rng.u32(1..=self.sub.next_charge);
                if let Some(back) = self.sub.refund_credit(id, won) {
                    self.paid_out += back.won;
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
