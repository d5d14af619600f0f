//! The verdict: do the gateway's ledger and our books agree, and was anybody charged twice? Pure.

mod coverage;
mod figures;
mod prices;
mod schedule;
mod tax_free;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::simulate::load::{Books, Entry, Transaction};
use kiwoom_billing::rules::payment_state::State;

const MAX_EXAMPLES_OF_A_RULE: usize = 5;

/// Rules that can be broken, in the order in which they are printed.
pub const RULES: &[&str] = &[
    "charged twice",
    "a day paid twice",
    "calls per attempt > 1",
    "money not in the books",
    "booked without money",
    "other amount",
    "wrong price",
    "a rise without consent",
    "wrong day",
    "a day given away",
    "credit lost",
    "tax-free parts differ",
    "not as foretold",
    "charged after cancel",
    "over-refunded",
    "refunds differ",
    "figures differ",
    "unknown not listed",
    "still sending",
    "event missing or twice",
    "database would take it",
    "not paused",
    "not forgotten",
    "slow to stop",
];

/// What was found.
#[derive(Debug, Default)]
pub struct Violations {
    found: BTreeMap<&'static str, usize>,
    examples: Vec<String>,
}

impl Violations {
    fn add(&mut self, rule: &'static str, example: &str) {
        let found = self.found.entry(rule).or_default();
        *found += 1;
        if *found <= MAX_EXAMPLES_OF_A_RULE {
            self.examples.push(format!("{rule}: {example}"));
        }
    }

    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    /// Every rule with how often it was broken.
    pub fn counts(&self) -> Vec<(&'static str, usize)> {
        RULES.iter().map(|rule| (*rule, self.found.get(rule).copied().unwrap_or(0))).collect()
    }

    /// Some of what was found.
    pub fn examples(&self) -> &[String] {
        &self.examples
    }
}

/// Compares the two sides.
pub fn judge(ledger: &[Transaction], books: &Books) -> Violations {
    let mut violations = Violations::default();
    let ours: HashMap<&str, &Entry> =
        books.payments.iter().map(|p| (p.order_no.as_str(), p)).collect();
    let paid: HashMap<&str, &Entry> = books
        .payments
        .iter()
        .filter(|p| p.state == State::Approved)
        .filter_map(|p| Some((p.transaction_id.as_deref()?, p)))
        .collect();
    twice(ledger, &ours, &mut violations);
    for transaction in ledger {
        let untold = books.diary.untold.contains(&transaction.order_no);
        let (id, no) = (transaction.transaction_id.as_str(), transaction.order_no.as_str());
        match (paid.get(id), ours.get(no)) {
            (Some(payment), _) => against_ours(transaction, payment, untold, &mut violations),
            (None, Some(payment)) if payment.state == State::Unknown => {
                against_ours(transaction, payment, untold, &mut violations);
            }
            (None, _) => violations.add("money not in the books", no),
        }
    }
    against_ledger(ledger, books, &mut violations);
    let attempts = schedule::attempts(books);
    schedule::judge(books, &attempts, &mut violations);
    prices::judge(books, &attempts, &mut violations);
    tax_free::judge(books, &attempts, &mut violations);
    let taken = ledger.iter().filter_map(|transaction| {
        let own = paid.get(transaction.transaction_id.as_str());
        Some((transaction, *own.or(ours.get(transaction.order_no.as_str()))?))
    });
    coverage::judge(&taken.collect::<Vec<_>>(), books, &attempts, &mut violations);
    figures::judge(books, &mut violations);
    for barrier in &books.open_barriers {
        violations.add("database would take it", barrier);
    }
    for found in &books.not_paused {
        violations.add("not paused", found);
    }
    for found in &books.diary.left {
        violations.add("not forgotten", found);
    }
    for found in &books.diary.otherwise {
        violations.add("not as foretold", found);
    }
    for stop in &books.slow_stops {
        violations.add("slow to stop", stop);
    }
    violations
}

/// One transaction for an order, for a charge of a subscription, and for what a caller asked once.
fn twice(ledger: &[Transaction], ours: &HashMap<&str, &Entry>, violations: &mut Violations) {
    let mut orders = HashSet::new();
    let mut charges = HashSet::new();
    let mut asked = HashSet::new();
    for transaction in ledger {
        let no = &transaction.order_no;
        let again = !orders.insert(no);
        let charge = ours.get(no.as_str()).and_then(|p| p.subscription_id.zip(p.charge_no));
        let one_off = transaction.product_name.starts_with("단건 ");
        let asked_again = one_off && !asked.insert(&transaction.product_name);
        if again || asked_again || charge.is_some_and(|charge| !charges.insert(charge)) {
            violations.add("charged twice", no);
        }
        if transaction.calls > 1 {
            violations.add("calls per attempt > 1", no);
        }
    }
}

/// What the gateway took and gave back, held against the payment that we have for it: one that was
/// asked for, or money that was not. Of what it has told falsely, or of a cancellation that it has
/// not told at all, the amounts may differ.
fn against_ours(
    transaction: &Transaction,
    payment: &Entry,
    untold: bool,
    violations: &mut Violations,
) {
    let no = &transaction.order_no;
    let given_back = transaction.canceled_amount;
    if given_back > transaction.amount {
        violations.add("over-refunded", no);
    }
    if untold {
        return;
    }
    if payment.amount != transaction.amount {
        violations.add("other amount", no);
    }
    if payment.state != State::Approved {
        return;
    }
    tax_free::against_ours(transaction, payment, violations);
    // A refund whose outcome is unknown to us may or may not have been made.
    if given_back > payment.refunded_amount + payment.refunding_amount {
        violations.add("money not in the books", &format!("{no}: a refund"));
    }
    if given_back < payment.refunded_amount {
        violations.add("booked without money", &format!("{no}: a refund"));
    }
}

/// What we hold for paid the gateway has to have taken; what we do not know has to be listed.
fn against_ledger(ledger: &[Transaction], books: &Books, violations: &mut Violations) {
    let listed: HashSet<&str> = books.listed_unknown.iter().map(String::as_str).collect();
    let held: HashSet<&str> = ledger.iter().map(|t| t.transaction_id.as_str()).collect();
    for payment in &books.payments {
        let no = &payment.order_no;
        match payment.state {
            State::Approved if !holds(&held, payment) => {
                violations.add("booked without money", no);
            }
            State::Unknown if !listed.contains(no.as_str()) => {
                violations.add("unknown not listed", no);
            }
            State::Sending => violations.add("still sending", no),
            State::Approved
            | State::Unknown
            | State::Ready
            | State::Declined
            | State::Expired
            | State::Closed
            | State::Mismatch => {}
        }
        // Money that turned out to be an order's own has been told of before.
        let told = payment.state == State::Approved || payment.is_unexpected;
        if payment.paid_events != i64::from(told) {
            violations.add("event missing or twice", no);
        }
        if payment.refunded_amount + payment.refunding_amount > payment.amount {
            violations.add("over-refunded", no);
        }
        if payment.refunded_amount != payment.refunds {
            violations.add("refunds differ", no);
        }
    }
}

fn holds(held: &HashSet<&str>, payment: &Entry) -> bool {
    payment.transaction_id.as_deref().is_some_and(|id| held.contains(id))
}
