//! The verdict: do the gateway's ledger and our books agree, and was anybody charged twice? Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::load::{Books, Entry, Subscription, Transaction};
use crate::clock::kst;
use crate::payments::order::State;
use crate::payments::standing::Status;

const MAX_EXAMPLES: usize = 20;

/// Rules that can be broken, in the order in which they are printed.
const RULES: &[&str] = &[
    "charged twice",
    "calls per attempt > 1",
    "lost",
    "phantom",
    "other amount",
    "wrong day",
    "missed period",
    "over-refunded",
    "refunds differ",
    "unknown not listed",
    "still sending",
];

/// What was found.
#[derive(Debug, Default)]
pub struct Violations {
    found: BTreeMap<&'static str, usize>,
    examples: Vec<String>,
}

impl Violations {
    fn add(&mut self, rule: &'static str, example: &str) {
        *self.found.entry(rule).or_default() += 1;
        if self.examples.len() < MAX_EXAMPLES {
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
    twice(ledger, &ours, &mut violations);
    for transaction in ledger {
        against_ours(transaction, &ours, &mut violations);
    }
    let listed: HashSet<&str> = books.listed_unknown.iter().map(String::as_str).collect();
    let held: HashSet<&str> = ledger.iter().map(|t| t.transaction_id.as_str()).collect();
    for payment in &books.payments {
        let no = &payment.order_no;
        match payment.state {
            State::Approved if !holds(&held, payment) => violations.add("phantom", no),
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
        if payment.refunded_amount + payment.refunding_amount > payment.amount {
            violations.add("over-refunded", no);
        }
    }
    days(books, &mut violations);
    for subscription in &books.subscriptions {
        periods(subscription, books, &mut violations);
    }
    violations
}

fn holds(held: &HashSet<&str>, payment: &Entry) -> bool {
    payment.transaction_id.as_deref().is_some_and(|id| held.contains(id))
}

/// One transaction for an order, and one for a period of a subscription.
fn twice(ledger: &[Transaction], ours: &HashMap<&str, &Entry>, violations: &mut Violations) {
    let mut orders = HashSet::new();
    let mut periods = HashSet::new();
    for transaction in ledger {
        let no = &transaction.order_no;
        let again = !orders.insert(no);
        let period = ours.get(no.as_str()).and_then(|p| p.subscription_id.zip(p.period_start));
        if again || period.is_some_and(|period| !periods.insert(period)) {
            violations.add("charged twice", no);
        }
        if transaction.calls > 1 {
            violations.add("calls per attempt > 1", no);
        }
    }
}

/// What the gateway took has to be known to us, as approved or at least as unknown.
fn against_ours(
    transaction: &Transaction,
    ours: &HashMap<&str, &Entry>,
    violations: &mut Violations,
) {
    let no = &transaction.order_no;
    let known =
        ours.get(no.as_str()).filter(|p| matches!(p.state, State::Approved | State::Unknown));
    let Some(payment) = known else { return violations.add("lost", no) };
    if payment.amount != transaction.amount {
        violations.add("other amount", no);
    }
    if transaction.canceled_amount > transaction.amount {
        violations.add("over-refunded", no);
    }
    // A refund whose outcome is unknown to us may or may not have been made.
    let known = payment.refunded_amount..=payment.refunded_amount + payment.refunding_amount;
    if payment.state == State::Approved && !known.contains(&transaction.canceled_amount) {
        violations.add("refunds differ", no);
    }
}

/// The first attempt is made on the anchor day, the others on the days of the retries. The day is
/// that of the intent: a gateway that is slow may book it later.
fn days(books: &Books, violations: &mut Violations) {
    let anchors: HashMap<uuid::Uuid, &Subscription> =
        books.subscriptions.iter().map(|s| (s.id, s)).collect();
    for payment in &books.payments {
        let Some((id, start)) = payment.subscription_id.zip(payment.period_start) else { continue };
        let on_anchor = anchors.get(&id).is_some_and(|s| s.cycle_day.on_or_after(start) == start);
        if !on_anchor || !on_a_day(payment.created_at, start, &books.retry_days) {
            violations.add("wrong day", &payment.order_no);
        }
    }
}

fn on_a_day(at: DateTime<Utc>, start: NaiveDate, retry_days: &[u32]) -> bool {
    let late = (kst(at).date_naive() - start).num_days();
    late == 0 || retry_days.iter().any(|days| i64::from(*days) == late)
}

/// Every period from the first to the current one has an attempt, unless billing ended before.
fn periods(subscription: &Subscription, books: &Books, violations: &mut Violations) {
    let attempted: HashSet<NaiveDate> = books
        .payments
        .iter()
        .filter(|p| p.subscription_id == Some(subscription.id))
        .filter_map(|p| p.period_start)
        .collect();
    let billed = matches!(subscription.status, Status::Active | Status::PastDue);
    let last = if billed && !attempted.is_empty() {
        Some(subscription.period_start)
    } else {
        attempted.iter().max().copied()
    };
    let mut period = subscription.first_due;
    while last.is_some_and(|last| period <= last) {
        if !attempted.contains(&period) {
            violations.add("missed period", &format!("{} {period}", subscription.id));
        }
        period = subscription.cycle_day.after(period);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::AnchorDay;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn one_good_charge() -> (Vec<Transaction>, Books) {
        let id = uuid::Uuid::now_v7();
        let transaction = Transaction {
            order_no: "A".into(),
            transaction_id: "t".into(),
            amount: 9900,
            canceled_amount: 0,
            calls: 1,
        };
        let payment = Entry {
            order_no: "A".into(),
            state: State::Approved,
            transaction_id: Some("t".into()),
            amount: 9900,
            refunded_amount: 0,
            refunding_amount: 0,
            subscription_id: Some(id),
            period_start: Some(date("2026-12-15")),
            created_at: "2026-12-15T01:00:00Z".parse().unwrap(),
        };
        let subscription = Subscription {
            id,
            status: Status::Active,
            cycle_day: AnchorDay::new(15).unwrap(),
            period_start: date("2026-12-15"),
            first_due: date("2026-12-15"),
        };
        let books = Books {
            payments: vec![payment],
            subscriptions: vec![subscription],
            listed_unknown: Vec::new(),
            retry_days: vec![1, 3],
        };
        (vec![transaction], books)
    }

    #[test]
    fn what_agrees_is_clean() {
        let (ledger, books) = one_good_charge();
        assert!(judge(&ledger, &books).is_clean());
    }

    /// A check that cannot fail proves nothing: each rule is broken once, and found.
    #[test]
    fn every_broken_rule_is_found() {
        type Break = fn(&mut Vec<Transaction>, &mut Books);
        let breaks: &[(&str, Break)] = &[
            ("charged twice", |l, _| {
                l.push(Transaction { transaction_id: "u".into(), ..l[0].clone() });
            }),
            ("charged twice", |l, b| {
                l.push(Transaction {
                    order_no: "B".into(),
                    transaction_id: "u".into(),
                    ..l[0].clone()
                });
                let second = Entry {
                    order_no: "B".into(),
                    transaction_id: Some("u".into()),
                    ..b.payments[0].clone()
                };
                b.payments.push(second);
            }),
            ("calls per attempt > 1", |l, _| l[0].calls = 2),
            ("lost", |_, b| b.payments[0].state = State::Declined),
            ("lost", |l, _| l.push(Transaction { order_no: "B".into(), ..l[0].clone() })),
            ("phantom", |l, _| l.clear()),
            ("other amount", |l, _| l[0].amount = 9901),
            ("wrong day", |_, b| b.payments[0].created_at += chrono::Duration::days(2)),
            ("wrong day", |_, b| b.subscriptions[0].cycle_day = AnchorDay::new(16).unwrap()),
            ("missed period", |_, b| b.subscriptions[0].period_start = date("2027-01-15")),
            ("over-refunded", |_, b| b.payments[0].refunded_amount = 9901),
            ("over-refunded", |l, _| l[0].canceled_amount = 9901),
            ("refunds differ", |l, _| l[0].canceled_amount = 1),
            ("unknown not listed", |_, b| b.payments[0].state = State::Unknown),
            ("still sending", |_, b| b.payments[0].state = State::Sending),
        ];
        for (rule, break_it) in breaks {
            let (mut ledger, mut books) = one_good_charge();
            break_it(&mut ledger, &mut books);
            let violations = judge(&ledger, &books);
            assert!(violations.found.contains_key(rule), "{rule}: {violations:?}");
        }
    }
}
