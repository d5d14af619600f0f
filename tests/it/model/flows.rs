//! The flows of a process, one step at a time: claim, intent, call, record. Each step is what one
//! transaction or one message is in production.

use chrono::Duration;
use kiwoom_billing::kiwoom::codes::Verdict;
use kiwoom_billing::payments::order::{Change, Outcome, State, decide, obstacle};
use kiwoom_billing::payments::refund::{RefundOutcome, decide as decide_refund};
use kiwoom_billing::payments::standing::{Attempt, Due, Status};
use kiwoom_billing::payments::store::RefundState;
use kiwoom_billing::schedule::{Period, due_at};

use super::world::{AMOUNT, Call, Lease, Mail, Payment, Refund, Sabotage, World};

const LEASE_SECS: u64 = 300;
/// An intent older than this is not sent.
const SENT_WITHIN: u64 = 5;

/// What a flow is about.
#[derive(Clone, PartialEq, Eq)]
pub enum Job {
    /// A period, by the schedule under a lease or by the caller.
    Period {
        sub: usize,
        lease: Option<Lease>,
    },
    OneOff,
    Refund {
        order: String,
        amount: i64,
    },
}

#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    Intend,
    /// The commit was not confirmed.
    TakeBack,
    Send,
    /// The gateway has the request, or will have it.
    Await,
    Record(Outcome),
    RecordRefund(RefundOutcome),
}

#[derive(Clone)]
pub struct Flow {
    pub id: u64,
    pub proc: u32,
    pub job: Job,
    pub step: Step,
    /// The row of the attempt, once it is written.
    pub order: String,
    pub refund: usize,
    pub committed_at: u64,
    pub tries: u32,
    /// Of a model that commits once: the row nobody else sees.
    pub unseen: Option<Payment>,
}

impl Step {
    pub fn killed_in(&self) -> &'static str {
        match self {
            Self::Intend => "killed before the intent",
            Self::TakeBack => "killed before the intent is taken back",
            Self::Send => "killed between intent and call",
            Self::Await => "killed while the gateway has the call",
            Self::Record(_) | Self::RecordRefund(_) => "killed before the outcome is recorded",
        }
    }
}

impl World {
    /// A process claims what is due.
    pub fn claim(&mut self) {
        let Some(proc) = self.awake() else { return };
        for sub in 0..self.subs.len() {
            let due = self.subs[sub].standing.next_attempt_at.is_some_and(|at| at <= self.now);
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
            if self.subs.iter().any(|s| s.standing.next_attempt_at.is_some_and(|at| at <= now)) {
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
                let later = self.subs[sub].standing.postponed(self.now);
                self.subs[sub].standing = later;
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
        let standing = &mut self.subs[sub].standing;
        let before = standing.next_attempt_at.take();
        let lease_before = self.subs[sub].lease.take();
        let row = self.row(flow, Some((sub, period)), lease.is_none());
        if self.commits(flow, row) {
            return true;
        }
        // Rolled back.
        self.subs[sub].standing.next_attempt_at = before;
        self.subs[sub].lease = lease_before;
        flow.step == Step::TakeBack
    }

    fn lost(&self, sub: usize, lease: Option<Lease>) -> bool {
        let current = self.subs[sub].lease;
        current != lease || current.is_none_or(|lease| lease.until <= self.tick)
    }

    fn due_period(&self, sub: usize, schedule: bool) -> Option<Period> {
        let standing = &self.subs[sub].standing;
        if let Due::Charge(period) = standing.due(&self.rules, self.now) {
            return Some(period);
        }
        let owed = matches!(standing.status, Status::PastDue | Status::Unpaid);
        let again = self.sabotage == Sabotage::NoLookNoIndex && standing.status == Status::Active;
        (!schedule && (owed || again)).then(|| standing.period())
    }

    fn attempts(&self, sub: usize, period: Period) -> Vec<State> {
        let of_period = self.payments.values().filter(|payment| {
            payment.sub.is_some_and(|(s, p)| s == sub && p.start == period.start)
        });
        of_period.map(|payment| payment.state).collect()
    }

    fn reschedule(&mut self, sub: usize) {
        let standing = &mut self.subs[sub].standing;
        if standing.next_attempt_at.is_some() {
            standing.next_attempt_at = standing.next_moment(&self.rules);
        }
        if standing.next_attempt_at.is_some_and(|at| at <= self.now) {
            standing.next_attempt_at = Some(self.now + Duration::hours(1));
        }
        self.subs[sub].lease = None;
    }

    fn intend_one_off(&mut self, flow: &mut Flow) -> bool {
        flow.order = format!("ORD{}", flow.id);
        let row = self.row(flow, None, true);
        self.commits(flow, row) || flow.step == Step::TakeBack
    }

    fn row(&self, flow: &Flow, sub: Option<(usize, Period)>, by_merchant: bool) -> Payment {
        Payment {
            flow: flow.id,
            sub,
            state: State::Sending,
            transaction: None,
            sender: flow.proc,
            by_merchant,
            refunded: 0,
            refunding: 0,
        }
    }

    /// Commits the intent, or not; the answer may be lost either way.
    fn commits(&mut self, flow: &mut Flow, row: Payment) -> bool {
        flow.committed_at = self.tick;
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

    /// Nothing was sent: what was written goes again.
    fn take_back(&mut self, flow: &Flow) -> bool {
        if self.fault(30) {
            return true;
        }
        if let Job::Refund { .. } = flow.job {
            self.settle_refund(flow.refund, &RefundOutcome::NotSent);
        } else {
            self.settle_own(flow, &Outcome::NotSent);
        }
        false
    }

    fn send(&mut self, flow: &mut Flow) -> bool {
        let refund = matches!(flow.job, Job::Refund { .. });
        let stale = self.tick - flow.committed_at > SENT_WITHIN;
        if stale && self.sabotage != Sabotage::NoFence {
            self.counters.count("stale intent not sent");
            flow.step = not_sent(refund);
            return true;
        }
        if self.fault(4) {
            self.counters.count("gateway not reached");
            flow.step = not_sent(refund);
            return true;
        }
        let (id, order) = (flow.id, flow.order.clone());
        self.say(|| format!("{order} is sent"));
        self.calls.push(match &flow.job {
            Job::Refund { amount, .. } => {
                Call::Cancel { flow: id, refund: flow.refund, order, amount: *amount }
            }
            Job::Period { .. } | Job::OneOff => Call::Charge { flow: id, order },
        });
        flow.step = Step::Await;
        true
    }

    /// The gateway carries out a call, or the caller's patience ends before.
    pub fn answer_one(&mut self) {
        if self.calls.is_empty() {
            return;
        }
        let index = self.rng.usize(..self.calls.len());
        if self.fault(15) {
            self.counters.count("timed out before the gateway acts");
            let (Call::Charge { flow, .. } | Call::Cancel { flow, .. }) = self.calls[index];
            self.hear(flow, None);
            return;
        }
        match self.calls.swap_remove(index) {
            Call::Charge { flow, order } => {
                let answer = self.charge(&order);
                let heard = (!self.fault(15)).then_some(answer);
                if heard.is_none() {
                    self.counters.count("charge's answer lost");
                }
                self.hear(flow, heard.map(Step::Record));
            }
            Call::Cancel { flow, refund, order, amount } => {
                let answer = self.give_back(refund, &order, amount);
                let heard = (!self.fault(15)).then_some(answer);
                self.hear(flow, heard.map(Step::RecordRefund));
            }
        }
    }

    fn hear(&mut self, id: u64, step: Option<Step>) {
        let Some(flow) = self.flows.iter_mut().find(|flow| flow.id == id) else { return };
        if flow.step == Step::Await {
            let refund = matches!(flow.job, Job::Refund { .. });
            let unknown = || match refund {
                true => Step::RecordRefund(RefundOutcome::Unknown),
                false => Step::Record(Outcome::Unknown),
            };
            flow.step = step.unwrap_or_else(unknown);
        } else {
            self.counters.count("answer after the time-out");
        }
    }

    fn charge(&mut self, order: &str) -> Outcome {
        *self.gateway.calls.entry(order.to_owned()).or_default() += 1;
        if self.fault(15) {
            let hard = self.rng.u8(..) < 40;
            let verdict = if hard { Verdict::Never } else { Verdict::RetryLater };
            self.counters.count(if hard { "hard decline" } else { "soft decline" });
            return Outcome::Declined { code: "9115".into(), message: String::new(), verdict };
        }
        let transaction = format!("t{}", self.gateway.charges.len());
        self.gateway.charges.push((order.to_owned(), transaction.clone(), 0));
        self.say(|| format!("{order} is charged: {transaction}"));
        for _ in 0..self.rng.u32(0..=2) {
            let amount = if self.fault(10) { AMOUNT + 1 } else { AMOUNT };
            let (order, transaction) = (order.to_owned(), transaction.clone());
            self.mail.push(Mail { order, transaction, amount });
        }
        approved(transaction, self)
    }

    fn give_back(&mut self, refund: usize, order: &str, amount: i64) -> RefundOutcome {
        *self.gateway.refund_calls.entry(refund).or_default() += 1;
        let declined = || RefundOutcome::Declined { code: "9029".into(), message: String::new() };
        if self.fault(10) {
            return declined();
        }
        let (transaction_id, refunded_at) = (None, self.now);
        match self.gateway.charges.iter_mut().find(|(charged, ..)| charged == order) {
            Some((.., given_back)) if *given_back + amount <= AMOUNT => {
                *given_back += amount;
                RefundOutcome::Refunded { transaction_id, refunded_at }
            }
            _ => declined(),
        }
    }

    fn record(&mut self, flow: &mut Flow, outcome: &Outcome) -> bool {
        if self.fault(15) {
            self.counters.count("outcome kept while the database is away");
            return true;
        }
        if *outcome == Outcome::Unknown
            && self.sabotage == Sabotage::RetryUnknown
            && flow.tries == 0
        {
            flow.tries = 1;
            flow.committed_at = self.tick;
            flow.step = Step::Send;
            return true;
        }
        if let Some(row) = flow.unseen.take() {
            self.payments.insert(flow.order.clone(), row);
        }
        let sub = self.payments.get(&flow.order).map(|payment| payment.state);
        if sub == Some(State::Unknown) && matches!(outcome, Outcome::Approved { .. }) {
            self.counters.count("unknown, then approved by its own sender");
        }
        self.settle_own(flow, outcome);
        false
    }

    /// By the id of the row, as in production.
    fn settle_own(&mut self, flow: &Flow, outcome: &Outcome) {
        if self.payments.get(&flow.order).is_some_and(|payment| payment.flow == flow.id) {
            self.settle(&flow.order, outcome);
        }
    }

    fn record_refund(&mut self, flow: &Flow, outcome: &RefundOutcome) -> bool {
        if self.fault(15) {
            return true;
        }
        self.settle_refund(flow.refund, outcome);
        false
    }

    /// The outcome and what follows from it, in one transaction.
    pub fn settle(&mut self, order: &str, outcome: &Outcome) {
        let Some(payment) = self.payments.get_mut(order) else { return };
        let change = match decide(payment.state, payment.transaction.as_deref(), outcome) {
            Ok(change) => change,
            Err(_) => {
                self.counters.count("an outcome contradicts the books");
                return;
            }
        };
        let (sub, by_merchant) = (payment.sub, payment.by_merchant);
        match change {
            Change::Nothing => return,
            Change::To(state) => {
                payment.state = state;
                if let Outcome::Approved { transaction_id, .. } = outcome {
                    payment.transaction = Some(transaction_id.clone());
                }
            }
            Change::Remove => drop(self.payments.remove(order)),
        }
        self.say(|| format!("{order} settled: {change:?}"));
        let Some((index, period)) = sub else { return };
        let attempt = Attempt { period, by_merchant };
        let sub = &mut self.subs[index];
        // Found unsent only when the next period was due: as any period missed by then.
        let next_due = due_at(period.end, self.rules.charge_hour);
        sub.passed_over |= change == Change::Remove && next_due <= self.now;
        sub.standing = sub.standing.after(attempt, outcome, &self.rules, self.now);
        sub.was_unpaid |= sub.standing.status == Status::Unpaid;
        sub.lease = None;
    }

    fn settle_refund(&mut self, index: usize, outcome: &RefundOutcome) {
        let Some(refund) = self.refunds[index].as_mut() else { return };
        match decide_refund(refund.state, outcome) {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => return self.counters.count("a refund's outcome contradicts the books"),
        }
        let Some(payment) = self.payments.get_mut(&refund.order) else { return };
        let (amount, held) = (refund.amount, &mut payment.refunding);
        match outcome {
            RefundOutcome::Refunded { .. } => {
                *held -= amount;
                payment.refunded += amount;
                refund.state = RefundState::Refunded;
            }
            RefundOutcome::Declined { .. } => {
                *held -= amount;
                refund.state = RefundState::Declined;
            }
            RefundOutcome::NotSent => {
                *held -= amount;
                self.refunds[index] = None;
            }
            RefundOutcome::Unknown => {
                refund.state = RefundState::Unknown;
                self.counters.count("refund unknown");
            }
        }
    }

    /// Calls of processes that are gone become unknown.
    pub fn recover(&mut self) {
        if self.sabotage == Sabotage::NoRecovery {
            return;
        }
        let cut: Vec<String> = self
            .payments
            .iter()
            .filter(|(_, p)| p.state == State::Sending && !self.is_live(p.sender))
            .map(|(order, _)| order.clone())
            .collect();
        for order in cut {
            self.counters.count("charge cut short, found unknown");
            self.settle(&order, &Outcome::Unknown);
        }
        for index in 0..self.refunds.len() {
            let cut = self.refunds[index].as_ref().is_some_and(|refund| {
                refund.state == RefundState::Sending && !self.is_live(refund.sender)
            });
            if cut {
                self.settle_refund(index, &RefundOutcome::Unknown);
            }
        }
        if self.sabotage == Sabotage::UnknownFails {
            self.fail_unknown();
        }
    }

    fn fail_unknown(&mut self) {
        let unknown = self.payments.iter().find(|(_, p)| p.state == State::Unknown);
        if let Some(order) = unknown.map(|(order, _)| order.clone()) {
            let (code, message, verdict) = (String::new(), String::new(), Verdict::RetryLater);
            self.settle(&order, &Outcome::Declined { code, message, verdict });
        }
    }

    /// A notification comes: in any order, twice, or never.
    pub fn deliver(&mut self) {
        if self.mail.is_empty() {
            return;
        }
        let index = self.rng.usize(..self.mail.len());
        let mail = self.mail[index].clone();
        if self.fault(20) {
            self.counters.count("notification sent again");
        } else {
            self.mail.swap_remove(index);
        }
        if self.fault(15) {
            self.counters.count("notification lost");
            return;
        }
        let Some(payment) = self.payments.get(&mail.order) else { return };
        if mail.amount != AMOUNT {
            self.counters.count("notification of another amount");
            return self.settle(&mail.order, &Outcome::Mismatch(mail.amount));
        }
        match payment.state {
            State::Unknown => self.counters.count("unknown, then approved by a notification"),
            State::Sending => self.counters.count("notification before the answer"),
            _ => self.counters.count("notification of what is known"),
        }
        let outcome = approved(mail.transaction, self);
        self.settle(&mail.order, &outcome);
    }

    /// A person looks into the gateway's books, once no call of the order can reach it any more.
    pub fn operator(&mut self) {
        let on_its_way = |order: &str| {
            let mut calls = self.calls.iter();
            calls.any(|call| matches!(call, Call::Charge { order: o, .. } if o == order))
        };
        let unknown =
            self.payments.iter().find(|(order, p)| p.state == State::Unknown && !on_its_way(order));
        let Some(order) = unknown.map(|(order, _)| order.clone()) else { return };
        let charged = self.gateway.charges.iter().find(|(charged, ..)| *charged == order);
        let outcome = match charged {
            Some((_, transaction, _)) => approved(transaction.clone(), self),
            None => Outcome::Declined {
                code: "RESOLVED".into(),
                message: String::new(),
                verdict: Verdict::RetryLater,
            },
        };
        self.counters.count("settled by hand");
        self.settle(&order, &outcome);
    }
}

fn approved(transaction_id: String, world: &World) -> Outcome {
    Outcome::Approved { transaction_id, auth_number: None, approved_at: world.now, method: None }
}

fn not_sent(refund: bool) -> Step {
    if refund { Step::RecordRefund(RefundOutcome::NotSent) } else { Step::Record(Outcome::NotSent) }
}
