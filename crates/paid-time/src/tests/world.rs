//! A random history: calls, answers, faults and days that pass. What the world remembers by itself
//! (consents, promises, cycles, days bought) is what the rules are checked against.

use std::collections::{HashMap, HashSet};

use fastrand::Rng;

use super::*;

/// One rule that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    None,
    /// A segment begins a day before the last one ends.
    DayTwice,
    /// A resume gives back one day more than was left.
    DayGivenAway,
    /// A change that is changed back stays pending.
    NotForgotten,
    /// A charge is a won too high.
    WonTooMuch,
    /// A consent is taken too early.
    EarlyConsent,
    /// The forecast tells the day after.
    WrongForecast,
    /// A declined period counts for no cycle.
    CycleLost,
}

impl Sabotage {
    pub const ALL: [Self; 7] = [
        Self::DayTwice,
        Self::DayGivenAway,
        Self::NotForgotten,
        Self::WonTooMuch,
        Self::EarlyConsent,
        Self::WrongForecast,
        Self::CycleLost,
    ];
}

pub struct World {
    pub rng: Rng,
    pub sabotage: Sabotage,
    pub sub: Subscription,
    pub today: NaiveDate,
    /// Days promised free: by the trial and by extensions.
    pub promised: i64,
    /// Days that each approved charge bought.
    pub bought: HashMap<u32, i64>,
    /// Charges of which days were exchanged for credit.
    pub exchanged: HashSet<u32>,
    /// Charges that ended and count, by the world's own book.
    pub counted: Vec<u32>,
    /// Consents that were taken.
    pub consents: Vec<Consent>,
    /// Credit that was paid out.
    pub paid_out: i64,
    pub log: bool,
    pub reached: HashMap<&'static str, u64>,
}

impl World {
    pub fn new(seed: u64, sabotage: Sabotage, log: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let today = day("2027-01-01") + chrono::Days::new(rng.u64(0..1_500));
        let phases = phases(&mut rng);
        let terms = Terms { plan: 1, cadence: cadence(&mut rng), phases };
        let days = rng.u32(1..40);
        let first = [FirstPeriod::Prorated, FirstPeriod::Full, FirstPeriod::Free];
        let (start, promised) = match rng.u8(0..4) {
            0 => (Start::OnAnchor(today + chrono::Days::new(rng.u64(0..20))), 0),
            1 => (Start::Trial(today, days), i64::from(days)),
            _ => (Start::Now(today, first[rng.usize(0..3)]), 0),
        };
        let stubs = [Proration::Prorated, Proration::Prorated, Proration::Full, Proration::Free];
        let minimum = if rng.u8(0..4) == 0 { 1_000 } else { 1 };
        let mut sub = Subscription::new(terms, start, stubs[rng.usize(0..4)], minimum);
        sub.total_cycles = (rng.u8(0..4) == 0).then(|| rng.usize(1..6));
        sub.end_without_consent = rng.u8(0..6) == 0;
        Self {
            rng,
            sabotage,
            sub,
            today,
            promised,
            bought: HashMap::new(),
            exchanged: HashSet::new(),
            counted: Vec::new(),
            consents: Vec::new(),
            paid_out: 0,
            log,
            reached: HashMap::new(),
        }
    }

    pub fn live(&mut self) -> Result<(), String> {
        for step in 0..30 {

            let told = self.step().and_then(|()| super::rules::hold(self));
            if self.log {
                println!("{} {:?} {:#?}", self.today, self.sub.status, self.sub.segments.last());
            }
            told.map_err(|broken| format!("{} ({})", broken, say_day(step, self.today)))?;
            if self.sub.status == Status::Canceled && !self.sub.charges.iter().any(|c| is_open(c)) {
                break;
            }
        }
        Ok(())
    }

    fn count(&mut self, name: &'static str) {
        *self.reached.entry(name).or_default() += 1;
    }

    fn step(&mut self) -> Result<(), String> {
        match self.rng.u8(0..24) {
            0 => self.change_later(),
            1 => self.change_now(),
            2 => self.there_and_back()?,
            3 => self.pause(),
            4 => self.consent()?,
            5 => self.small_calls(),
            6 | 7 => self.settle_unknown(),
            8 => super::rules::forecast_is_what_happens(self)?,
            9 => {
                self.today = self.today + chrono::Days::new(self.rng.u64(0..90));
                self.count("outage");
                self.due()?;
            }
            10..=13 => {
                self.today = self.today + chrono::Days::new(self.rng.u64(0..9));
                self.due()?;
            }
            _ => {
                let next = self.sub.due_on().unwrap_or(self.today + chrono::Days::new(3));
                self.today = self.today.max(next);
                self.due()?;
            }
        }
        Ok(())
    }

    fn due(&mut self) -> Result<(), String> {
        self.go_on();
        let told = self.sub.forecast(self.today, self.today).into_iter().next();
        let retrying = self.sub.charges.iter().find(|c| c.state == ChargeState::Retrying);
        let retrying = retrying.map(|c| c.id);
        let late = self.sub.due_on().is_some_and(|day| day <= self.today);
        if let Some(id) = retrying.filter(|_| !late) {
            self.sub.retry(id);
            self.answer(id);
            return Ok(());
        }
        let before = self.sub.next_charge;
        let lapsed = retrying.filter(|_| late);
        let asked = self.sub.due(self.today);
        let ended = |c: &&Charge| Some(c.id) == lapsed && c.state == ChargeState::Declined;
        if self.sub.charges.iter().any(|c| ended(&c)) {
            self.ended(lapsed.unwrap_or(0));
        }
        for charge in self.sub.charges.clone().iter().filter(|c| c.id >= before) {
            if charge.state == ChargeState::Approved {
                self.ended(charge.id);
                self.count("0 won");
            }
        }
        super::rules::rises_have_consents(self, before)?;
        super::rules::today_is_covered(self)?;
        if let Some(id) = asked {
            super::rules::is_as_told(self, told, id)?;
            self.corrupt(id);
            self.answer(id);
        }
        Ok(())
    }

    fn go_on(&mut self) {
        if self.sub.status == Status::Paused && self.rng.bool() {
            self.sub.resume(self.today);
            if self.sabotage == Sabotage::DayGivenAway {
                let _ = self.sub.extend(1);
            }
        }
        if self.sub.status == Status::Unpaid && self.rng.bool() {
            let before = self.sub.next_charge;
            let asked = self.sub.come_back(self.today);
            self.count("came back");
            for id in before..self.sub.next_charge {
                if asked != Ok(Some(id)) {
                    self.ended(id);
                }
            }
            if let Ok(Some(id)) = asked {
                self.answer(id);
            }
        }
    }

    fn answer(&mut self, id: u32) {
        let retry = self.rng.bool();
        let outcome = match self.rng.u8(0..20) {
            0 | 1 => Outcome::Unknown,
            2..=4 => Outcome::Declined { retry },
            5 => Outcome::NotSent,
            6 => return self.count("in flight"),
            _ => Outcome::Approved,
        };
        self.settle(id, outcome);
    }

    fn settle(&mut self, id: u32, outcome: Outcome) {
        self.sub.settle(id, outcome, self.today);
        self.ended(id);
        if self.sabotage == Sabotage::CycleLost {
            self.sub.charges.retain(|c| c.state != ChargeState::Declined);
        }
    }

    /// Writes down what a charge that has ended bought, and that it counts.
    fn ended(&mut self, id: u32) {
        let Some(charge) = self.sub.charges.iter().find(|c| c.id == id).copied() else { return };
        let counts = match (charge.state, charge.counts) {
            (ChargeState::Approved, Counts::Always | Counts::UnlessDeclined)
            | (ChargeState::Declined, Counts::Always) => true,
            _ => false,
        };
        if counts && !self.counted.contains(&id) {
            self.counted.push(id);
        }
        if charge.state == ChargeState::Approved {
            let days = super::rules::days_of(&self.sub, id);
            self.bought.insert(id, days);
        }
        self.count(match charge.state {
            ChargeState::Approved => "approved",
            ChargeState::Declined => "declined for good",
            ChargeState::Retrying => "retrying",
            ChargeState::Unknown => "unknown",
            ChargeState::UnderWay => "under way",
        });
    }

    fn settle_unknown(&mut self) {
        let open = self.sub.charges.iter().find(|c| is_open(c)).map(|c| c.id);
        let Some(id) = open else { return };
        self.count("settled later");
        let outcomes = [
            Outcome::Approved,
            Outcome::Approved,
            Outcome::Declined { retry: true },
            Outcome::Declined { retry: false },
            Outcome::NotSent,
        ];
        let outcome = outcomes[self.rng.usize(0..5)];
        self.settle(id, outcome);
    }

    fn change(&mut self) -> Change {
        let won = self.rng.i64(1..40) * 500 + 1;
        let price = Money { won, tax_free: self.rng.i64(0..=won) };
        Change {
            plan: self.rng.bool().then(|| self.rng.u32(1..5)),
            price: self.rng.bool().then_some(price),
            cadence: (self.rng.u8(0..3) == 0).then(|| cadence(&mut self.rng)),
        }
    }

    fn change_later(&mut self) {
        let change = self.change();
        if self.sub.change(change, When::NextPeriod, self.today).is_ok() {
            self.count("change later");
        }
    }

    fn change_now(&mut self) {
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

    fn there_and_back(&mut self) -> Result<(), String> {
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
            plan: Some(self.sub.terms.plan),
            price: (self.sabotage != Sabotage::NotForgotten).then_some(shown),
            cadence: Some(self.sub.terms.cadence),
        };
        let _ = back.change(change, When::NextPeriod, self.today);
        self.count("there and back");
        if back == self.sub { Ok(()) } else { Err("rule 3: there and back is something".into()) }
    }

    fn pause(&mut self) {
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
            retrying.into_iter().for_each(|id| self.ended(id));
        }
    }

    fn consent(&mut self) -> Result<(), String> {
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

    fn small_calls(&mut self) {
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
                if self.sub.take_credit(won) {
                    self.paid_out += won;
                }
            }
            _ => {
                let id = self.rng.u32(1..self.sub.next_charge + 1);
                let before = self.sub.segments.clone();
                if self.sub.refund(id, self.rng.i64(1..9_000)) {
                    self.count("refund");
                }
                assert_eq!(before, self.sub.segments, "a refund changes no segment");
            }
        }
    }

    fn corrupt(&mut self, id: u32) {
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

fn say_day(step: i32, today: NaiveDate) -> String {
    format!("step {step}, {today}")
}

fn is_open(charge: &Charge) -> bool {
    matches!(charge.state, ChargeState::Unknown | ChargeState::UnderWay)
}

fn cadence(rng: &mut Rng) -> Cadence {
    match rng.u8(0..6) {
        0 => every(rng.u32(1..5), Interval::Week, rng.u32(1..8)),
        1 => every(1, Interval::Year, rng.u32(1..32)),
        2 => every(rng.u32(2..7), Interval::Month, rng.u32(1..32)),
        _ => every(1, Interval::Month, rng.u32(1..32)),
    }
}

fn phases(rng: &mut Rng) -> Vec<Phase> {
    let won = rng.i64(1..40) * 500 + 1;
    let last = Phase { cycles: None, price: Money { won, tax_free: rng.i64(0..=won) } };
    let step = |rng: &mut Rng, won| Phase { cycles: Some(rng.u32(1..4)), price: Money::taxed(won) };
    match rng.u8(0..4) {
        0 => vec![step(rng, 0), last],
        1 => vec![step(rng, 100), step(rng, won / 2), last],
        _ => vec![last],
    }
}
