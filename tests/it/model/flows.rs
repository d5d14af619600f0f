//! The flows of a process, one step at a time: claim, intent, call, record. Each step is what one
//! transaction or one message is in production.

use chrono::Duration;
use kiwoom_billing::payments::store::RefundState;
use kiwoom_billing::rules::payment_state::{State, obstacle};
use kiwoom_billing::rules::schedule::Period;
use kiwoom_billing::rules::subscription_state::{Due, Status};

use super::rows::{AMOUNT, Flow, Job, Lease, Payment, Refund, Sabotage, Step};
use super::world::World;

const LEASE_SECS: u64 = 300;
/// Longer than an intent may be sent.
const SETTLED_BY_HAND_AFTER: u64 = 7;

impl World {
    /// A process claims what is due.
    pub fn claim(&mut self) {
        let Some(proc) = self.awake() else { return };
        for sub in 0..self.subs.len() {
            let due = self.subs[sub].state.next_attempt_at.is_some_and(|at| at <= self.now);
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
            self.spawn(proc, Job::Period { sub, lease: Some(lease) });
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
            if self.subs.iter().any(|s| s.state.next_attempt_at.is_some_and(|at| at <= now)) {
                self.claim();
            }
        }
    }

    pub fn begin(&mut self, sub: Option<usize>, one_off: bool) {
        let Some(proc) = self.awake() else { return };
        match sub {
            Some(sub) => self.spawn(proc, Job::Period { sub, lease: None }),
            None if one_off => self.spawn(proc, Job::OneOff),
            None => {}
        }
    }

    pub fn merchant_pays(&mut self) {
        let sub = self.rng.usize(..self.subs.len());
        self.begin(Some(sub), false);
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
            let amount = self.rng.i64(1..=AMOUNT);
            self.spawn(proc, Job::Refund { order: order.clone(), amount });
        }
    }

    fn spawn(&mut self, proc: u32, job: Job) {
        self.last_flow += 1;
        let id = self.last_flow;
        self.flows.push(Flow {
            id,
            proc,
            job,
            step: Step::Intend,
            order: String::new(),
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
                Job::Period { sub, lease } => self.intend_period(&mut flow, sub, lease),
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

    fn intend_period(&mut self, flow: &mut Flow, sub: usize, lease: Option<Lease>) -> bool {
        // Step 1 at the gateway comes before the intent; it may fail.
        if self.fault(4) {
            self.counters.count("step 1 failed");
            if lease.is_some() {
                let later = self.subs[sub].state.postponed(self.now);
                self.subs[sub].state = later;
                self.subs[sub].lease = None;
            }
            return false;
        }
        if lease.is_some() && self.lost(sub, lease) {
            self.counters.count("lease lost: nothing sent");
            return false;
        }
        let Some(period) = self.due_period(sub, lease.is_some()) else {
            if lease.is_some() {
                self.reschedule(sub);
            }
            return false;
        };
        let earlier: Vec<State> = self.attempts(sub, period);
        let blocked = earlier.iter().any(|state| obstacle(*state).is_some());
        if blocked && self.sabotage != Sabotage::NoLookNoIndex {
            self.counters.count("an earlier attempt stands in the way");
            if lease.is_some() {
                self.reschedule(sub);
            }
            return false;
        }
        flow.order = format!("SUB{sub}-{}-{}", period.start, earlier.len() + 1);
        if self.sabotage == Sabotage::NoLookNoIndex && self.payments.contains_key(&flow.order) {
            return false;
        }
        let state = &mut self.subs[sub].state;
        let before = state.next_attempt_at.take();
        let lease_before = self.subs[sub].lease.take();
        let row = Self::row(flow, Some((sub, period)), lease.is_none());
        if self.commits(flow, row) {
            return true;
        }
        // Rolled back.
        self.subs[sub].state.next_attempt_at = before;
        self.subs[sub].lease = lease_before;
        flow.step == Step::TakeBack
    }

    fn lost(&self, sub: usize, lease: Option<Lease>) -> bool {
        let current = self.subs[sub].lease;
        current != lease || current.is_none_or(|lease| lease.until <= self.tick)
    }

    fn due_period(&self, sub: usize, schedule: bool) -> Option<Period> {
        let state = &self.subs[sub].state;
        if let Due::Charge(period) = state.due(&self.rules, self.now) {
            return Some(period);
        }
        let owed = matches!(state.status, Status::PastDue | Status::Unpaid);
        let again = self.sabotage == Sabotage::NoLookNoIndex && state.status == Status::Active;
        (!schedule && (owed || again)).then(|| state.period())
    }

    fn attempts(&self, sub: usize, period: Period) -> Vec<State> {
        let of_period = self.payments.values().filter(|payment| {
            payment.sub.is_some_and(|(s, p)| s == sub && p.start == period.start)
        });
        of_period.map(|payment| payment.state).collect()
    }

    fn reschedule(&mut self, sub: usize) {
        let state = &mut self.subs[sub].state;
        if state.next_attempt_at.is_some() {
            state.next_attempt_at = state.next_moment(&self.rules);
        }
        if state.next_attempt_at.is_some_and(|at| at <= self.now) {
            state.next_attempt_at = Some(self.now + Duration::hours(1));
        }
        self.subs[sub].lease = None;
    }

    fn intend_one_off(&mut self, flow: &mut Flow) -> bool {
        flow.order = format!("ORD{}", flow.id);
        let row = Self::row(flow, None, true);
        self.commits(flow, row) || flow.step == Step::TakeBack
    }

    fn row(flow: &Flow, sub: Option<(usize, Period)>, by_merchant: bool) -> Payment {
        Payment {
            flow: flow.id,
            sub,
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
        let left = AMOUNT - payment.refunded - payment.refunding;
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
