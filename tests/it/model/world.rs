//! The scheduler that picks what happens next.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use fastrand::Rng;
use kiwoom_billing::rules::schedule::{RetryDays, Rules};

use super::rows::{
    Call, Counters, Flow, Gateway, Mail, Payment, Proc, Refund, Sabotage, Step, Sub,
};
use super::subs;

pub struct World {
    pub rng: Rng,
    pub sabotage: Sabotage,
    pub counters: Counters,
    pub rules: Rules,
    /// The moved clock.
    pub now: DateTime<Utc>,
    /// Real seconds.
    pub tick: u64,
    pub faults: bool,
    pub subs: Vec<Sub>,
    pub payments: BTreeMap<String, Payment>,
    pub refunds: Vec<Option<Refund>>,
    pub gateway: Gateway,
    pub calls: Vec<Call>,
    pub mail: Vec<Mail>,
    pub procs: Vec<Proc>,
    pub flows: Vec<Flow>,
    pub last_number: u32,
    pub last_flow: u64,
    trace: bool,
}

impl World {
    pub fn new(seed: u64, sabotage: Sabotage) -> Self {
        let mut rng = Rng::with_seed(seed);
        let now: DateTime<Utc> = "2027-12-20T03:00:00Z".parse().unwrap();
        let retry_days = RetryDays::new(vec![1, 3]).unwrap();
        let minimum = if rng.u8(0..4) == 0 { 1_000 } else { 1 };
        let end_without_consent = rng.u8(0..6) == 0;
        let rules = Rules { charge_hour: 10, retry_days, minimum, end_without_consent };
        let subs = (0..rng.usize(1..=3)).map(|_| subs::new(&mut rng, &rules, now)).collect();
        let procs =
            (1..=rng.u32(1..=3)).map(|number| Proc { number, frozen_until: 0, locked: true });
        let procs: Vec<Proc> = procs.collect();
        let last_number = u32::try_from(procs.len()).unwrap();
        Self {
            rng,
            sabotage,
            counters: Counters::default(),
            rules,
            now,
            tick: 0,
            faults: true,
            subs,
            payments: BTreeMap::new(),
            refunds: Vec::new(),
            gateway: Gateway::default(),
            calls: Vec::new(),
            mail: Vec::new(),
            procs,
            flows: Vec::new(),
            last_number,
            last_flow: 0,
            trace: std::env::var_os("MODEL_SEED").is_some(),
        }
    }

    pub fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>6} s {}  {}", self.tick, self.now, what());
        }
    }

    /// A fault of so many in a hundred, while there are faults.
    pub fn fault(&mut self, percent: u32) -> bool {
        self.faults && self.rng.u32(0..100) < percent
    }

    /// The whole history: faults for a while, then rest.
    pub fn live(&mut self) -> Result<(), String> {
        for _ in 0..self.rng.u32(60..220) {
            self.happen()?;
            super::check::always(self)?;
        }
        self.rest()
    }

    fn happen(&mut self) -> Result<(), String> {
        self.tick += self.rng.u64(0..3);
        match self.rng.u32(0..100) {
            0..43 => self.step_one(),
            43..57 => self.answer_one(),
            57..63 => self.claim(),
            63..73 => self.pass_time(),
            73..77 => self.crash(),
            77..80 => self.freeze(),
            80..83 => self.recover(),
            83..86 => self.deliver(),
            86..88 => self.operator(),
            88..90 => self.merchant_pays(),
            90..92 => self.merchant_charges(),
            92..94 => self.merchant_refunds(),
            _ => return self.merchant_asks(),
        }
        Ok(())
    }

    /// No more faults: everybody wakes up, and all that is open comes to its end.
    fn rest(&mut self) -> Result<(), String> {
        self.faults = false;
        for _ in 0..5_000 {
            self.tick += 1;
            for proc in &mut self.procs {
                (proc.frozen_until, proc.locked) = (0, true);
            }
            if !self.calls.is_empty() {
                self.answer_one();
            } else if !self.flows.is_empty() {
                self.step_one();
            } else if self.mail.is_empty() {
                self.recover();
                self.claim();
                if self.flows.is_empty() {
                    return Ok(());
                }
            } else {
                self.deliver();
            }
            super::check::always(self)?;
        }
        Err("it does not come to rest".into())
    }

    pub fn is_live(&self, number: u32) -> bool {
        self.procs.iter().any(|proc| proc.number == number && proc.locked)
    }

    pub fn awake(&mut self) -> Option<u32> {
        let awake: Vec<u32> =
            self.procs.iter().filter(|p| p.frozen_until <= self.tick).map(|p| p.number).collect();
        (!awake.is_empty()).then(|| awake[self.rng.usize(..awake.len())])
    }

    fn step_one(&mut self) {
        let frozen: Vec<u32> =
            self.procs.iter().filter(|p| p.frozen_until > self.tick).map(|p| p.number).collect();
        let ready: Vec<u64> = self
            .flows
            .iter()
            .filter(|flow| flow.step != Step::Await && !frozen.contains(&flow.proc))
            .map(|flow| flow.id)
            .collect();
        if !ready.is_empty() {
            let id = ready[self.rng.usize(..ready.len())];
            self.step(id);
        }
    }

    fn crash(&mut self) {
        let index = self.rng.usize(..self.procs.len());
        self.last_number += 1;
        let fresh = Proc { number: self.last_number, frozen_until: 0, locked: true };
        let dead = std::mem::replace(&mut self.procs[index], fresh).number;
        for flow in self.flows.iter().filter(|flow| flow.proc == dead) {
            self.counters.count(flow.step.killed_in());
        }
        self.say(|| format!("process {dead} dies"));
        self.flows.retain(|flow| flow.proc != dead);
    }

    fn freeze(&mut self) {
        let loses_lock = self.rng.bool();
        let time = self.rng.u64(3..400);
        let index = self.rng.usize(..self.procs.len());
        let until = self.tick + time;
        let proc = &mut self.procs[index];
        (proc.frozen_until, proc.locked) = (until, !loses_lock);
        let number = proc.number;
        self.say(|| format!("process {number} stands still for {time} s, lock lost: {loses_lock}"));
    }

    fn pass_time(&mut self) {
        let next = self.subs.iter().filter_map(|sub| sub.loaded.row.next_attempt_at).min();
        match (self.rng.u32(0..100), next) {
            (0..70, Some(next)) => self.now = self.now.max(next),
            (70..85, _) => self.tick += self.rng.u64(1..400),
            (85..97, _) => self.now += Duration::hours(self.rng.i64(1..30)),
            _ => {
                self.now += Duration::days(self.rng.i64(20..75));
                self.counters.count("the clock jumps over weeks");
            }
        }
        for proc in &mut self.procs {
            // Awake again, a process takes its lock back.
            if proc.frozen_until <= self.tick {
                proc.locked = true;
            }
        }
    }
}
