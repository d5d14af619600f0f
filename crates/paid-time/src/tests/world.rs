//! A random history: calls, answers, faults and days that pass. What the world remembers by itself
//! (consents, promises, cycles, days bought) is what the rules are checked against.

use std::collections::{HashMap, HashSet};

use fastrand::Rng;

use super::acts::{cadence, phases};
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

#[derive(Clone)]
pub struct World {
    pub rng: Rng,
    pub sabotage: Sabotage,
    pub sub: Subscription,
    pub today: NaiveDate,
    /// Days promised free: by the trial and by extensions.
    pub promised: i64,
    /// Free periods promised: by a first phase of 0 won.
    pub free_periods: usize,
    /// Days that each approved charge bought.
    pub bought: HashMap<u32, i64>,
    /// Charges of which days were exchanged for credit.
    pub exchanged: HashSet<u32>,
    /// Charges that were recorded with the amount that the gateway took.
    pub recorded: HashSet<u32>,
    /// Charges that ended and count, by the world's own book.
    pub counted: Vec<u32>,
    /// Consents that were taken.
    pub consents: Vec<Consent>,
    /// A copy of the database, to be restored.
    pub saved: Option<Box<World>>,
    pub log: bool,
    pub reached: HashMap<&'static str, u64>,
}

impl World {
    pub fn new(seed: u64, sabotage: Sabotage, log: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let today = match rng.u8(0..10) {
            0 => day("2028-02-29"),
            1 => day("2027-01-31"),
            _ => day("2027-01-01") + chrono::Days::new(rng.u64(0..1_500)),
        };
        let phases = phases(&mut rng);
        let free = phases.first().filter(|p| p.price.won == 0).and_then(|p| p.cycles);
        let terms = Terms { cadence: cadence(&mut rng), phases };
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
            free_periods: free.unwrap_or(0) as usize,
            bought: HashMap::new(),
            exchanged: HashSet::new(),
            recorded: HashSet::new(),
            counted: Vec::new(),
            consents: Vec::new(),
            saved: None,
            log,
            reached: HashMap::new(),
        }
    }

    pub fn live(&mut self) -> Result<(), String> {
        for step in 0..30 {
            let told = self.step().and_then(|()| super::rules::hold(self));
            if self.log {
                println!("{} {:?}", self.today, self.sub.status);
                for s in &self.sub.segments {
                    println!(
                        "    {} {} {:?} {:?} {:?}",
                        s.period.start, s.period.end, s.kind, s.reason, s.charge
                    );
                }
            }
            told.map_err(|broken| format!("{} ({})", broken, say_day(step, self.today)))?;
            if self.sub.status == Status::Canceled && !self.sub.charges.iter().any(is_open) {
                break;
            }
        }
        Ok(())
    }

    pub fn count(&mut self, name: &'static str) {
        *self.reached.entry(name).or_default() += 1;
    }

    pub fn step(&mut self) -> Result<(), String> {
        match self.rng.u8(0..27) {
            0 => self.change_later(),
            1 => self.change_now()?,
            2 => self.there_and_back()?,
            3 => self.pause(),
            4 => self.consent()?,
            5 => self.small_calls(),
            6 | 7 => self.settle_unknown(),
            8 => super::rules::forecast_is_what_happens(self)?,
            24 => self.approve_late(),
            25 => self.restore(),
            26 => self.midnight()?,
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

    pub fn due(&mut self) -> Result<(), String> {
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
        super::rules::ends_in_time(self, before)?;
        super::rules::today_is_covered(self)?;
        if let Some(id) = asked {
            super::rules::is_as_told(self, told, id)?;
            super::rules::is_within_total(self, id)?;
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

    pub fn answer(&mut self, id: u32) {
        let retry = self.rng.bool();
        let outcome = match self.rng.u8(0..20) {
            0 | 1 => Outcome::Unknown,
            2..=4 => Outcome::Declined { retry },
            5 if retry => Outcome::NotSent,
            5 => Outcome::Refused,
            6 => return self.count("in flight"),
            _ => Outcome::Approved,
        };
        self.settle(id, outcome);
    }

    pub fn settle(&mut self, id: u32, outcome: Outcome) {
        self.sub.settle(id, outcome, self.today);
        self.ended(id);
        if self.sabotage == Sabotage::CycleLost {
            let declined = self.sub.charges.iter_mut().filter(|c| c.state == ChargeState::Declined);
            declined.for_each(|c| c.counts = Counts::Never);
        }
    }

    /// Writes down what a charge that has ended bought, and that it counts.
    pub fn ended(&mut self, id: u32) {
        let Some(charge) = self.sub.charges.iter().find(|c| c.id == id).copied() else { return };
        let counts = matches!(
            (charge.state, charge.counts),
            (ChargeState::Approved, Counts::Always | Counts::UnlessDeclined)
                | (ChargeState::Declined, Counts::Always)
        );
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
            Outcome::Refused,
        ];
        let outcome = outcomes[self.rng.usize(0..6)];
        self.settle(id, outcome);
    }
}

fn say_day(step: i32, today: NaiveDate) -> String {
    format!("step {step}, {today}")
}

pub fn is_open(charge: &Charge) -> bool {
    matches!(charge.state, ChargeState::Unknown | ChargeState::UnderWay)
}
