//! The subscriptions: how they begin, what is due, and what their callers ask of them.

use std::collections::HashSet;

use chrono::{DateTime, Days, NaiveDate, Utc};
use fastrand::Rng;
use kiwoom_billing::payments::store::paid_time::{Identity, Loaded};
use kiwoom_billing::rules::ids::{BillingKeyId, SubscriptionId};
use kiwoom_billing::rules::metadata::Metadata;
use kiwoom_billing::rules::moments::Work;
use kiwoom_billing::rules::money::Won;
use kiwoom_billing::rules::schedule::Rules;
use kiwoom_billing::rules::subscription_state::Status as RowStatus;
use kiwoom_clock::kst;
use kiwoom_paid_time::{
    Cadence, Change, ChargeState, FirstPeriod, Interval, Money, Phase, Proration, Refused, Start,
    Status, Subscription, Terms, When,
};

use super::rows::{Job, Sabotage, Sub};
use super::world::World;

/// One that begins on some day soon.
pub fn new(rng: &mut Rng, rules: &Rules, now: DateTime<Utc>) -> Sub {
    let today = kst(now).date_naive();
    let terms = Terms { cadence: cadence(rng), phases: phases(rng) };
    let days = rng.u32(1..40);
    let first = [FirstPeriod::Prorated, FirstPeriod::Full, FirstPeriod::Free][rng.usize(0..3)];
    let (start, promised) = match rng.u8(0..4) {
        0 => (Start::Trial(today, days), i64::from(days)),
        1 => (Start::Now(today, first), 0),
        _ => (Start::OnAnchor(today + Days::new(rng.u64(1..20))), 0),
    };
    let stubs = [Proration::Prorated, Proration::Prorated, Proration::Full, Proration::Free];
    let mut paid = Subscription::new(terms, start, stubs[rng.usize(0..4)], rules.minimum);
    paid.total_cycles = (rng.u8(0..5) == 0).then(|| rng.usize(1..6));
    paid.end_without_consent = rules.end_without_consent;
    let identity = Identity {
        id: SubscriptionId::new(),
        customer_id: "customer".into(),
        plan_id: "plan".into(),
        billing_key_id: BillingKeyId::new(),
        product_name: "month".into(),
        amount: Won::new(1).unwrap(),
        metadata: Metadata::default(),
        retry_days: None,
        created_at: now,
    };
    let mut loaded = Loaded::new(identity, RowStatus::Active, paid, now);
    loaded.plan(rules);
    Sub { loaded, lease: None, promised, counted: HashSet::new(), consents: Vec::new() }
}

fn cadence(rng: &mut Rng) -> Cadence {
    let (count, interval, last) = match rng.u8(0..6) {
        0 => (rng.u32(1..5), Interval::Week, 7),
        1 => (1, Interval::Year, 31),
        2 => (rng.u32(2..7), Interval::Month, 31),
        _ => (1, Interval::Month, 31),
    };
    Cadence { interval, count, anchor: rng.u32(1..=last) }
}

fn price(rng: &mut Rng) -> Money {
    let won = rng.i64(1..40) * 500 + 1;
    Money { won, tax_free: rng.i64(0..=won) }
}

fn phases(rng: &mut Rng) -> Vec<Phase> {
    let last = Phase { cycles: None, price: price(rng) };
    let step = |cycles, won| Phase { cycles: Some(cycles), price: Money::taxed(won) };
    match rng.u8(0..6) {
        0 => vec![step(rng.u32(1..3), 0), last],
        1 => vec![step(rng.u32(1..3), 100), last],
        _ => vec![last],
    }
}

/// What production's `begin` does: what is due at `now`; for a caller also what is owed. The answer
/// is the charge that has to be made.
pub fn begin(s: &mut Loaded, by_merchant: bool, rules: &Rules, now: DateTime<Utc>) -> Option<u32> {
    let mut work = s.work(rules, now);
    if let Work::Midnight(today) = work {
        s.midnight(today);
        work = s.work(rules, now);
    }
    match work {
        Work::Due(today) => {
            s.row.retries.clear();
            s.paid.due(today)
        }
        Work::Retry(charge) => s.paid.retry(charge).then_some(charge),
        _ if by_merchant && s.paid.status == Status::Unpaid => {
            s.paid.come_back(kst(now).date_naive()).ok().flatten()
        }
        _ if by_merchant => {
            let retrying = s.paid.charges.iter().rfind(|c| c.state == ChargeState::Retrying);
            let charge = retrying.map(|c| c.id)?;
            s.paid.retry(charge).then_some(charge)
        }
        Work::Nothing | Work::Midnight(_) => None,
    }
}

impl World {
    pub fn today(&self) -> NaiveDate {
        kst(self.now).date_naive()
    }

    /// Commits what became of a subscription.
    pub fn store(&mut self, sub: usize, mut loaded: Loaded) {
        loaded.plan(&self.rules);
        loaded.derive(self.now);
        let sub = &mut self.subs[sub];
        (sub.loaded, sub.lease) = (loaded, None);
        sub.count_ended();
    }

    /// One thing that a caller asks of a subscription, in one transaction of its own.
    pub fn merchant_asks(&mut self) -> Result<(), String> {
        let sub = self.rng.usize(..self.subs.len());
        let today = self.today();
        let mut s = self.subs[sub].loaded.clone();
        let days = self.rng.u32(1..50);
        match self.rng.u8(0..20) {
            0..4 => {
                let change = self.change();
                if s.paid.change(change, When::NextPeriod, today).is_ok() {
                    self.counters.count("changed from the next period on");
                }
            }
            4..8 => {
                let (change, consented) = (self.change(), self.rng.u8(0..4) > 0);
                return self.change_now(sub, change, consented);
            }
            8..10 => return self.there_and_back(&s.paid),
            10 | 11 if s.paid.status == Status::Active => {
                let until = self.rng.bool().then(|| today + Days::new(days.into()));
                if s.paid.pause(today, until).is_ok() {
                    self.counters.count("paused");
                }
            }
            12 | 13 if s.paid.status == Status::Paused => {
                s.resume(today);
                if self.sabotage == Sabotage::DayGivenAway {
                    let _ = s.paid.extend(1);
                }
                self.counters.count("resumed by call");
            }
            14 | 15 => return self.consent(sub, s),
            16 if s.paid.extend(days).is_ok() => {
                self.subs[sub].promised += i64::from(days);
                self.counters.count("given free days");
            }
            17 => s.paid.pause_at_period_end = s.paid.status == Status::Active,
            18 => s.paid.cancel_at_period_end = self.rng.bool() && s.paid.status == Status::Active,
            19 if self.rng.bool() && s.paid.status != Status::Canceled => {
                s.paid.cancel(today);
                self.counters.count("subscription canceled");
            }
            _ => return Ok(()),
        }
        self.say(|| format!("subscription {sub} is {:?}: {:?}", s.paid.status, s.paid.pending));
        self.store(sub, s);
        Ok(())
    }

    fn change(&mut self) -> Change {
        Change {
            price: self.rng.bool().then(|| price(&mut self.rng)),
            cadence: (self.rng.u8(0..3) == 0).then(|| cadence(&mut self.rng)),
        }
    }

    /// A change at once that needs a charge goes through an intent, as every charge does.
    fn change_now(&mut self, sub: usize, change: Change, consented: bool) -> Result<(), String> {
        let mut s = self.subs[sub].loaded.clone();
        match s.paid.change(change, When::Now { consented }, self.today()) {
            Err(_) if s.paid != self.subs[sub].loaded.paid => {
                Err("a refused change changes something".into())
            }
            Err(refused) => {
                self.say(|| format!("subscription {sub}, at once: {refused:?}"));
                Ok(())
            }
            Ok(Some(_)) => {
                if let Some(proc) = self.awake() {
                    self.spawn(proc, Job::Change { sub, change, consented });
                }
                Ok(())
            }
            Ok(None) => {
                self.counters.count("changed at once without a charge");
                self.agreed(sub, &s);
                self.store(sub, s);
                Ok(())
            }
        }
    }

    /// What was changed at once to a higher price was agreed to.
    pub fn agreed(&mut self, sub: usize, s: &Loaded) {
        let (given, rate) = (self.today(), s.paid.terms.rate(0));
        let consent = kiwoom_paid_time::Consent { given, rise_on: given, rate };
        self.subs[sub].consents.push(consent);
    }

    /// Rule 3: changing everything from the next period on and changing it back is nothing.
    fn there_and_back(&mut self, paid: &Subscription) -> Result<(), String> {
        // A first charge that is overdue may be put off by another day: nothing is covered yet.
        let is_overdue = paid.segments.is_empty() && paid.covered_to() < self.today();
        let is_changed = paid.pending.is_some() || paid.consent.is_some();
        if is_overdue || is_changed || paid.status == Status::Canceled {
            return Ok(());
        }
        let mut back = paid.clone();
        for _ in 0..3 {
            let change = self.change();
            let _ = back.change(change, When::NextPeriod, self.today());
        }
        // With phases there is no price to go back to.
        let price = (paid.terms.phases.len() == 1).then(|| paid.terms.phases[0].price);
        if price.is_none() && back.pending.is_some_and(|pending| pending.price.is_some()) {
            return Ok(());
        }
        let change = Change { price, cadence: Some(paid.terms.cadence) };
        let _ = back.change(change, When::NextPeriod, self.today());
        self.counters.count("there and back");
        // Before the first charge the day from which its anchor day is looked for may have moved on.
        if back.covered_to() == paid.covered_to() {
            back.start = paid.start;
        }
        if back == *paid {
            Ok(())
        } else {
            Err(format!("rule 3: there and back is something: {paid:?}, then {back:?}"))
        }
    }

    /// Rule 5: a consent that cannot hold is refused, with the first day on which it can.
    fn consent(&mut self, sub: usize, mut s: Loaded) -> Result<(), String> {
        match s.paid.give_consent(self.today()) {
            Ok(()) => {
                self.subs[sub].consents.extend(s.paid.consent);
                self.counters.count("consent");
                self.store(sub, s);
            }
            Err(Refused::ConsentFrom(first)) => {
                self.counters.count("consent too early");
                if first <= self.today() || s.paid.give_consent(first).is_err() {
                    return Err(format!("rule 5: {first} is not the first day"));
                }
            }
            Err(_) => {}
        }
        Ok(())
    }
}

impl Sub {
    /// Notes charges that have ended and count.
    pub fn count_ended(&mut self) {
        use kiwoom_paid_time::Counts;
        for charge in &self.loaded.paid.charges {
            let counts = matches!(
                (charge.state, charge.counts),
                (ChargeState::Approved, Counts::Always | Counts::UnlessDeclined)
                    | (ChargeState::Declined, Counts::Always)
            );
            if counts {
                self.counted.insert(charge.id);
            }
        }
    }
}
