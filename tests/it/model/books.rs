//! What changes the books: outcomes, recovery, notifications, an operator. All by the program's own
//! rules.

use kiwoom_billing::payments::refund::{RefundOutcome, decide as decide_refund};
use kiwoom_billing::payments::store::{InitiatedBy, Kind, Payment as Stored, RefundState};
use kiwoom_billing::rules::ids::PaymentId;
use kiwoom_billing::rules::money::Won;
use kiwoom_billing::rules::payment_state::{Change, Outcome, State, Verdict, decide};

use super::rows::{Call, Flow, Job, Payment, Sabotage, Step};
use super::world::World;

impl World {
    /// Nothing was sent: what was written goes again.
    pub fn take_back(&mut self, flow: &Flow) -> bool {
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

    pub fn record(&mut self, flow: &mut Flow, outcome: &Outcome) -> bool {
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
    pub fn settle_own(&mut self, flow: &Flow, outcome: &Outcome) {
        if self.payments.get(&flow.order).is_some_and(|payment| payment.flow == flow.id) {
            self.settle(&flow.order, outcome);
            // Its process sends nothing for it any more.
            if let Some(payment) = self.payments.get_mut(&flow.order) {
                payment.fresh_until = 0;
            }
        }
    }

    pub fn record_refund(&mut self, flow: &Flow, outcome: &RefundOutcome) -> bool {
        if self.fault(15) {
            return true;
        }
        self.settle_refund(flow.refund, outcome);
        false
    }

    /// The outcome and what follows from it, in one transaction.
    pub fn settle(&mut self, order: &str, outcome: &Outcome) {
        let Some(payment) = self.payments.get_mut(order) else { return };
        let decided = decide(payment.state, payment.transaction.as_deref(), outcome);
        let Ok(change) = decided else {
            return self.counters.count("an outcome contradicts the books");
        };
        let (sub, before) = (payment.sub, stored(payment));
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
        let Some((sub, id)) = sub else { return };
        if self.sabotage == Sabotage::NoConsequences && self.fault(20) {
            return;
        }
        let mut s = self.subs[sub].loaded.clone();
        s.take_in((&before, id), outcome, &self.rules, self.now);
        s.derive(self.now);
        (self.subs[sub].loaded, self.subs[sub].lease) = (s, None);
        self.subs[sub].count_ended();
    }

    pub fn settle_refund(&mut self, index: usize, outcome: &RefundOutcome) {
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
        if mail.amount != payment.amount {
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
        let unknown = self.payments.iter().find(|(order, p)| {
            p.state == State::Unknown && p.fresh_until <= self.tick && !on_its_way(order)
        });
        let Some(order) = unknown.map(|(order, _)| order.clone()) else { return };
        let charged = self.gateway.charges.iter().find(|charged| charged.order == order);
        let outcome = match charged {
            Some(charged) => approved(charged.transaction.clone(), self),
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

pub fn approved(transaction_id: String, world: &World) -> Outcome {
    let (auth_number, method, cpid) = (None, None, None);
    Outcome::Approved { transaction_id, auth_number, approved_at: world.now, method, cpid }
}

/// The row of a payment as production reads it.
pub fn stored(payment: &Payment) -> Stored {
    Stored {
        id: PaymentId::new(),
        order_no: String::new(),
        kind: Kind::Subscription,
        state: payment.state,
        amount: Won::new(payment.amount).unwrap(),
        tax_free_amount: 0,
        refunded_amount: payment.refunded,
        refunding_amount: payment.refunding,
        product_name: String::new(),
        customer_id: None,
        billing_key_id: None,
        subscription_id: None,
        charge_no: payment.sub.map(|(_, charge)| charge.try_into().unwrap()),
        period_start: None,
        period_end: None,
        initiated_by: if payment.by_merchant {
            InitiatedBy::Merchant
        } else {
            InitiatedBy::Scheduler
        },
        method: None,
        transaction_id: payment.transaction.clone(),
        auth_number: None,
        failure_code: None,
        failure_message: None,
        merchant_setting: None,
        created_at: chrono::DateTime::UNIX_EPOCH,
        approved_at: None,
        settled_at: None,
        late: false,
        order_id: None,
        unexpected: None,
        cpid: None,
        earlier_cpids: None,
        overdue: false,
        credited: 0,
        credited_tax_free: 0,
    }
}
