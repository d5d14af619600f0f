//! The flows of a process, one step at a time: claim, intent, call, record. Each step is what one
//! transaction or one message is in production.

use chrono::Duration;
use kiwoom_billing::payments::store::RefundState;
use kiwoom_billing::payments::store::paid_time::Loaded;
use kiwoom_billing::rules::payment_state::{State, obstacle};
use kiwoom_paid_time::When;

use super::rows::{AMOUNT, Flow, Job, Lease, Payment, Refund, Sabotage, Step, Sub};
use super::subs;
use super::world::World;

const LEASE_SECS: u64 = 300;
/// Longer than an intent may be sent.
const SETTLED_BY_HAND_AFTER: u64 = 7;

impl World {
    /// A process claims what is due.
    pub fn claim(&mut self) {
        let Some(proc) = self.awake() else { return };
        for sub in 0..self.subs.len() {
            let due = self.subs[sub].loaded.row.next_attempt_at.is_some_and(|at| at <= self.now);
            let free = match self.subs[sub].lease {
                None => true,
                Some(lease) => lease.until < self.tick || !self.is_live(lease.owner),
            };
            if !due || !free {
                continue;
            }
            if self.subs[sub].lease.is_some() {
                self.counters.count("lease taken over");
            }
            let lease = Lease { owner: proc, until: self.tick + LEASE_SECS };
            self.subs[sub].lease = Some(lease);
            // The answer to the claim may be lost: nobody works on it until the lease is over.
            if self.fault(5) {
                self.counters.count("claim's answer lost");
                continue;
            }
            self.spawn(proc, Job::Due { sub, lease: Some(lease) });
        }
        if !self.faults {
            self.end_leases_of_nobody();
        }
    }

    /// At rest the leases that nobody works under run out.
    fn end_leases_of_nobody(&mut self) {
        if self.flows.is_empty() {
            let open = self.subs.iter().any(|sub| sub.lease.is_some());
            self.tick += if open { LEASE_SECS + 1 } else { 0 };
            for sub in &mut self.subs {
                sub.lease = sub.lease.filter(|lease| lease.until >= self.tick);
            }
            let now = self.now;
            let due = |sub: &Sub| sub.loaded.row.next_attempt_at.is_some_and(|at| at <= now);
            if self.subs.iter().any(due) {
                self.claim();
            }
        }
    }

    pub fn merchant_pays(&mut self) {
        let sub = self.rng.usize(..self.subs.len());
        if let Some(proc) = self.awake() {
            self.spawn(proc, Job::Due { sub, lease: None });
        }
    }

    pub fn merchant_charges(&mut self) {
        if let Some(proc) = self.awake() {
            self.spawn(proc, Job::OneOff);
        }
    }

    pub fn merchant_refunds(&mut self) {
        let paid: Vec<String> = self
            .payments
            .iter()
            .filter(|(_, p)| p.state == State::Approved)
            .map(|(order, _)| order.clone())
            .collect();
        let Some(proc) = self.awake().filter(|_| !paid.is_empty()) else { return };
        let order = paid[self.rng.usize(..paid.len())].clone();
        // Often twice at once, and often more than half: together too much.
        for _ in 0..self.rng.u32(1..=2) {
            let amount = self.rng.i64(1..=self.payments[&order].amount);
            self.spawn(proc, Job::Refund { order: order.clone(), amount });
        }
    }

    pub fn spawn(&mut self, proc: u32, job: Job) {
        self.last_flow += 1;
        let id = self.last_flow;
        self.flows.push(Flow {
            id,
            proc,
            job,
            step: Step::Intend,
            order: String::new(),
            amount: 0,
            refund: 0,
            committed_at: 0,
            tries: 0,
            unseen: None,
        });
    }

    /// One step of a flow.
    pub fn step(&mut self, id: u64) {
        let Some(index) = self.flows.iter().position(|flow| flow.id == id) else { return };
        let mut flow = self.flows.swap_remove(index);
        let goes_on = match flow.step.clone() {
            Step::Intend => match flow.job.clone() {
                Job::Due { sub, lease } => self.intend_due(&mut flow, sub, lease),
                Job::Change { sub, change, consented } => {
                    self.intend_change(&mut flow, sub, (change, When::Now { consented }))
                }
                Job::OneOff => self.intend_one_off(&mut flow),
                Job::Refund { order, amount } => self.intend_refund(&mut flow, order, amount),
            },
            Step::TakeBack => self.take_back(&flow),
            Step::Send => self.send(&mut flow),
            Step::Await => true,
            Step::Record(outcome) => self.record(&mut flow, &outcome),
            Step::RecordRefund(outcome) => self.record_refund(&flow, &outcome),
        };
        if goes_on {
            self.flows.push(flow);
        }
    }

    fn intend_due(&mut self, flow: &mut Flow, sub: usize, lease: Option<Lease>) -> bool {
        // Step 1 at the gateway comes before the intent; it may fail.
        if self.fault(4) {
            self.counters.count("step 1 failed");
            if lease.is_some() && !self.lost(sub, lease) {
                let (rules, now) = (self.rules.clone(), self.now);
                self.subs[sub].loaded.plan_after(Duration::minutes(5), &rules, now);
                self.subs[sub].lease = None;
            }
            return false;
        }
        if lease.is_some() && self.lost(sub, lease) {
            self.counters.count("lease lost: nothing sent");
            return false;
        }
        let mut s = self.subs[sub].loaded.clone();
        let begun = subs::begin(&mut s, lease.is_none(), &self.rules, self.now);
        let again = self.sabotage == Sabotage::NoLookNoIndex && lease.is_none();
        let last = s.paid.charges.last().filter(|c| again && c.amount.won > 0).map(|c| c.id);
        match begun.or(last) {
            Some(charge) => self.intend_charge(flow, (sub, charge), s),
            None => {
                if lease.is_some() || s.paid != self.subs[sub].loaded.paid {
                    self.store(sub, s);
                    self.recheck(sub);
                }
                false
            }
        }
    }

    fn intend_change(
        &mut self,
        flow: &mut Flow,
        sub: usize,
        (change, when): (kiwoom_paid_time::Change, When),
    ) -> bool {
        let mut s = self.subs[sub].loaded.clone();
        let Ok(Some(id)) = s.paid.change(change, when, self.today()) else { return false };
        if self.sabotage == Sabotage::CreditForUsedDays {
            s.paid.credit.won += 1;
        }
        self.counters.count("changed at once");
        self.agreed(sub, &s);
        self.intend_charge(flow, (sub, id), s)
    }

    /// The charge that the model has begun is written with it, or neither is.
    fn intend_charge(
        &mut self,
        flow: &mut Flow,
        (sub, charge): (usize, u32),
        mut s: Loaded,
    ) -> bool {
        let earlier: Vec<State> = self.attempts(sub, charge);
        let is_taken = earlier.iter().any(|state| obstacle(*state).is_some());
        if is_taken && self.sabotage != Sabotage::NoLookNoIndex {
            self.counters.count("the index refuses a second attempt of a charge");
            return false;
        }
        flow.order = format!("SUB{sub}-c{charge}-{}", earlier.len() + 1);
        if self.payments.contains_key(&flow.order) {
            return false;
        }
        flow.amount = s.paid.find_charge(charge).map_or(0, |charge| charge.amount.won);
        if self.sabotage == Sabotage::DayTwice
            && let Some(last) = s.paid.segments.last_mut().filter(|s| s.charge == Some(charge))
        {
            last.period.start = last.period.start - chrono::Days::new(1);
        }
        s.plan(&self.rules);
        s.derive(self.now);
        let before = (self.subs[sub].loaded.clone(), self.subs[sub].lease);
        (self.subs[sub].loaded, self.subs[sub].lease) = (s, None);
        let by_merchant = !matches!(flow.job, Job::Due { lease: Some(_), .. });
        let row = Self::row(flow, Some((sub, charge)), by_merchant);
        if self.commits(flow, row) {
            self.subs[sub].count_ended();
            return true;
        }
        // Rolled back.
        (self.subs[sub].loaded, self.subs[sub].lease) = before;
        flow.step == Step::TakeBack
    }

    fn lost(&self, sub: usize, lease: Option<Lease>) -> bool {
        let current = self.subs[sub].lease;
        current != lease || current.is_none_or(|lease| lease.until <= self.tick)
    }

    fn attempts(&self, sub: usize, charge: u32) -> Vec<State> {
        let of_it = self.payments.values().filter(|payment| payment.sub == Some((sub, charge)));
        of_it.map(|payment| payment.state).collect()
    }

    /// What is due and comes to nothing is looked at again later.
    fn recheck(&mut self, sub: usize) {
        let row = &mut self.subs[sub].loaded.row;
        if row.next_attempt_at.is_some_and(|at| at <= self.now) {
            self.counters.count("due, but nothing can be charged");
            row.next_attempt_at = Some(self.now + Duration::hours(1));
        }
    }

    fn intend_one_off(&mut self, flow: &mut Flow) -> bool {
        (flow.order, flow.amount) = (format!("ORD{}", flow.id), AMOUNT);
        let row = Self::row(flow, None, true);
        self.commits(flow, row) || flow.step == Step::TakeBack
    }

    fn row(flow: &Flow, sub: Option<(usize, u32)>, by_merchant: bool) -> Payment {
        Payment {
            flow: flow.id,
            sub,
            amount: flow.amount,
            state: State::Sending,
            transaction: None,
            sender: flow.proc,
            fresh_until: 0,
            by_merchant,
            refunded: 0,
            refunding: 0,
        }
    }

    /// Commits the intent, or not; the answer may be lost either way.
    fn commits(&mut self, flow: &mut Flow, mut row: Payment) -> bool {
        flow.committed_at = self.tick;
        row.fresh_until = self.tick + SETTLED_BY_HAND_AFTER;
        if self.sabotage == Sabotage::OneCommit {
            flow.unseen = Some(row);
            flow.step = Step::Send;
            return true;
        }
        if self.fault(4) {
            flow.step = Step::TakeBack;
            self.counters.count("commit lost and not done");
            return false;
        }
        self.payments.insert(flow.order.clone(), row);
        flow.step = Step::Send;
        if self.fault(4) {
            flow.step = Step::TakeBack;
            self.counters.count("commit done, its answer lost");
        }
        true
    }

    fn intend_refund(&mut self, flow: &mut Flow, order: String, amount: i64) -> bool {
        let Some(payment) = self.payments.get_mut(&order) else { return false };
        let charge = payment.sub.and_then(|(sub, id)| self.subs[sub].loaded.paid.find_charge(id));
        let credited = charge.map_or(0, |charge| charge.credited.won);
        let left = payment.amount - payment.refunded - payment.refunding - credited;
        if payment.state != State::Approved || amount > left && self.sabotage != Sabotage::NoHold {
            self.counters.count("refund refused: more than is left");
            return false;
        }
        payment.refunding += amount;
        let sender = flow.proc;
        let state = RefundState::Sending;
        self.refunds.push(Some(Refund { order: order.clone(), amount, state, sender }));
        (flow.order, flow.refund) = (order, self.refunds.len() - 1);
        flow.committed_at = self.tick;
        flow.step = if self.fault(4) { Step::TakeBack } else { Step::Send };
        true
    }
}
