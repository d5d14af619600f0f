//! Calls to the gateway and what it makes of them: books of its own, answers that are lost or late.

use kiwoom_billing::payments::refund::RefundOutcome;
use kiwoom_billing::rules::payment_state::Outcome;
use kiwoom_billing::rules::payment_state::Verdict;

use super::books::approved;
use super::rows::{Call, Charged, Flow, Job, Mail, Sabotage, Step};
use super::world::World;

/// An intent older than this is not sent.
const SENT_WITHIN: u64 = 5;

impl World {
    pub fn send(&mut self, flow: &mut Flow) -> bool {
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
            Job::Due { .. } | Job::Change { .. } | Job::OneOff => {
                Call::Charge { flow: id, order, amount: flow.amount }
            }
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
            Call::Charge { flow, order, amount } => {
                let answer = self.charge(&order, amount);
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

    pub fn hear(&mut self, id: u64, step: Option<Step>) {
        let Some(flow) = self.flows.iter_mut().find(|flow| flow.id == id) else { return };
        if flow.step == Step::Await {
            let refund = matches!(flow.job, Job::Refund { .. });
            let unknown = if refund {
                Step::RecordRefund(RefundOutcome::Unknown)
            } else {
                Step::Record(Outcome::Unknown)
            };
            flow.step = step.unwrap_or(unknown);
        } else {
            self.counters.count("answer after the time-out");
        }
    }

    fn charge(&mut self, order: &str, amount: i64) -> Outcome {
        *self.gateway.calls.entry(order.to_owned()).or_default() += 1;
        if self.fault(15) {
            let (verdict, name) = match self.rng.u8(..) {
                ..40 => (Verdict::Never, "hard decline"),
                40..60 => (Verdict::OurMistake, "refused for our mistake"),
                _ => (Verdict::RetryLater, "soft decline"),
            };
            self.counters.count(name);
            return Outcome::Declined { code: "2003".into(), message: String::new(), verdict };
        }
        let transaction = format!("t{}", self.gateway.charges.len());
        self.gateway.charges.push(Charged {
            order: order.to_owned(),
            transaction: transaction.clone(),
            amount,
            given_back: 0,
        });
        self.say(|| format!("{order} is charged: {transaction}"));
        for _ in 0..self.rng.u32(0..=2) {
            let amount = amount + i64::from(self.fault(10));
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
        match self.gateway.charges.iter_mut().find(|charged| charged.order == order) {
            Some(charged) if charged.given_back + amount <= charged.amount => {
                charged.given_back += amount;
                RefundOutcome::Refunded { transaction_id, refunded_at }
            }
            _ => declined(),
        }
    }
}

fn not_sent(refund: bool) -> Step {
    if refund { Step::RecordRefund(RefundOutcome::NotSent) } else { Step::Record(Outcome::NotSent) }
}
