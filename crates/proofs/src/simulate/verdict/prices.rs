//! The part of the verdict that is about what days cost: shares, credit, and consents to rises.

use crate::simulate::diary::{Asked, History};
use crate::simulate::load::{Books, Subscription};
use crate::simulate::segments::{Charge, ChargeState, Kind, Reason, Segment};
use crate::simulate::terms::{Offer, Price};
use crate::simulate::verdict::Violations;
use crate::simulate::verdict::schedule::Attempts;

/// Adds what is wrong with the prices.
pub fn judge(books: &Books, attempts: &Attempts<'_>, violations: &mut Violations) {
    for subscription in &books.subscriptions {
        let id = subscription.id;
        let given_back = |charge: &Charge| {
            let attempts = attempts.get(&(id, charge.number)).map_or(&[][..], Vec::as_slice);
            attempts.iter().map(|p| p.refunded_amount + p.refunding_amount).sum::<i64>()
        };
        for found in lost(subscription, &given_back) {
            violations.add("credit lost", &format!("{id}: {found}"));
        }
        for charge in &subscription.paid_time.charges {
            let given = given_back(charge);
            if given + charge.credited > charge.price() {
                let (price, number) = (charge.price(), charge.number);
                let found = format!("{id}: charge {number} of {price}: {given} and credit");
                violations.add("over-refunded", &found);
            }
            let attempts = attempts.get(&(id, charge.number)).into_iter().flatten();
            for attempt in attempts.filter(|attempt| attempt.amount != charge.amount) {
                violations.add("other amount", &attempt.order_no);
            }
        }
        let Some(history) = books.diary.histories.get(&id) else { continue };
        for charge in &subscription.paid_time.charges {
            if let Some(found) = wrong_price(charge, subscription, history, attempts) {
                violations.add("wrong price", &format!("{id}: {found}"));
            }
        }
        if let Some(found) = without_consent(subscription, history) {
            violations.add("a rise without consent", &format!("{id}: {found}"));
        }
    }
}

/// The price of a charge's days is still there, as days, as credit or given back; and the balances are
/// what was given less what was used.
fn lost(subscription: &Subscription, given_back: &dyn Fn(&Charge) -> i64) -> Vec<String> {
    let time = &subscription.paid_time;
    let mut found = Vec::new();
    let holding = || time.charges.iter().filter(|c| c.state != ChargeState::Declined);
    for charge in holding() {
        let worth: i64 = time.of(charge.number).map(|s| s.amount).sum();
        // For money that went back no credit is given when its days are changed.
        let missing = charge.price() - worth - charge.credited;
        if !(0..=given_back(charge)).contains(&missing) {
            let (price, credited, number) = (charge.price(), charge.credited, charge.number);
            found.push(format!("charge {number} of {price}: days {worth}, credited {credited}"));
        }
    }
    let sum = |of: fn(&Charge) -> i64| holding().map(of).sum::<i64>();
    let credited: i64 = time.charges.iter().map(|c| c.credited).sum();
    let left = credited - sum(|c| c.credit);
    if left != subscription.credit {
        found.push(format!("balance {}, {left} left of what was given", subscription.credit));
    }
    let carried = sum(|c| c.carried_out - c.carried_in);
    if carried != subscription.carried {
        found.push(format!("carried {}, left {carried}", subscription.carried));
    }
    // What is free of tax may become less: taxed won have paid for it then.
    let free_of_tax: i64 = time.charges.iter().map(|c| c.credited_tax_free).sum();
    if !(0..=left.min(free_of_tax)).contains(&subscription.credit_tax_free) {
        found.push(format!("{} of the balance free of tax", subscription.credit_tax_free));
    }
    found
}

/// Why the price of a charge cannot be that of the days that it was made for: a whole period costs
/// the price that was asked for, a part its share by days, rounded down. What is begun ends on an
/// anchor day, unless a change at once ends it where the days ended that it replaces.
fn wrong_price(
    charge: &Charge,
    subscription: &Subscription,
    history: &History,
    attempts: &Attempts<'_>,
) -> Option<String> {
    let own: Vec<&Segment> = subscription.paid_time.of(charge.number).collect();
    let first = attempts.get(&(subscription.id, charge.number))?.first()?;
    let (start, end) = first.period_start.zip(first.period_end)?;
    let (rate, rate_tax_free) = (own.first()?.rate_amount, own.first()?.rate_tax_free);
    let told = |what: &str| {
        Some(format!("{}: {} for {start} to {end}, {what}", first.order_no, charge.price()))
    };
    if !history.has_price(Price { won: rate, tax_free: rate_tax_free }) {
        return told(&format!("nobody asked for {rate}, {rate_tax_free} of it free of tax"));
    }
    let days = (end - start).num_days();
    // Only of what has all its days the tax-free part is known: days without service cost nothing, nor
    // do those for which the card was declined.
    let served = own.iter().filter(|s| s.kind != Kind::None && s.reason != Reason::Declined);
    let has_all = served.map(|s| s.days()).sum::<i64>() == days;
    let tax_free = own.iter().map(|s| s.tax_free_amount).sum::<i64>();
    let costs = |share: &dyn Fn(i64) -> i64| {
        charge.price() == share(rate) && (!has_all || tax_free == share(rate_tax_free))
    };
    if own.iter().any(|s| s.reason == Reason::Changed) {
        // Of several periods at once, and of one that was divided, the parts are not known.
        let [only] = own[..] else { return None };
        let whole = only.days() == days && charge.credited == 0;
        let share = |won: i64| won * days / i64::from(only.of_days);
        let wrong = whole && !costs(&share);
        return if wrong { told(&format!("not {}", share(rate))) } else { None };
    }
    if history.terms.offer == Offer::Now("full") && charge.number == 1 {
        return if costs(&|won| won) { None } else { told(&format!("not {rate}")) };
    }
    let ends: Vec<_> = history.anchors().filter(|anchor| anchor.is_on(end)).collect();
    if ends.is_empty() {
        return told("which is no anchor day");
    }
    let right = ends.iter().any(|anchor| {
        let from = anchor.before(end);
        let of_days = (end - from).num_days();
        costs(&|won| if from == start { won } else { won * days / of_days })
    });
    if right { None } else { told(&format!("of {rate}")) }
}

/// A price per day that is higher than the one that held before it, and that nobody agreed to. Who agreed
/// to more has agreed to what it was cut to on the same day.
fn without_consent(subscription: &Subscription, history: &History) -> Option<String> {
    let mut held: Option<&Segment> = None;
    for segment in &subscription.paid_time.segments {
        let told = segment.kind == Kind::Free
            && matches!(segment.reason, Reason::Trial | Reason::FreePhase | Reason::NoConsent);
        if segment.is_charged() {
            let above = |held: &Segment| {
                segment.rate_amount * held.rate_twelfths > held.rate_amount * segment.rate_twelfths
            };
            let agreed = history
                .asked
                .iter()
                .any(|asked| matches!(asked, Asked::Consent(won) if *won >= segment.rate_amount));
            if held.is_some_and(above) && !agreed {
                return Some(format!("{} from {} on", segment.rate_amount, segment.starts_on));
            }
        }
        if told || segment.is_charged() {
            held = Some(segment);
        }
    }
    None
}
