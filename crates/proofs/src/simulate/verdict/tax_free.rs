//! The part of the verdict that is about what is free of tax: it adds up as the won do, and no more of
//! it goes back than was charged.

use crate::simulate::load::{Books, Entry, Subscription, Transaction};
use crate::simulate::segments::{Charge, ChargeState};
use crate::simulate::verdict::Violations;
use crate::simulate::verdict::schedule::Attempts;

const RULE: &str = "tax-free parts differ";

/// What the gateway was told of a transaction's tax-free part, held against the payment we have for it.
pub fn against_ours(transaction: &Transaction, payment: &Entry, violations: &mut Violations) {
    let (charged, gone) = (transaction.tax_free_amount, transaction.canceled_tax_free);
    let made = payment.refunds_tax_free;
    // Of a refund that is unknown it may have been told or not.
    let told = made..=made + payment.refunding_tax_free;
    let as_told = payment.has_learnt_refund || told.contains(&gone);
    if charged != payment.tax_free_amount || !as_told {
        let no = &payment.order_no;
        violations.add(RULE, &format!("{no}: at the gateway {gone} of {charged} went back"));
    }
}

/// Adds what is wrong in our own books.
pub fn judge(books: &Books, attempts: &Attempts<'_>, violations: &mut Violations) {
    for payment in &books.payments {
        let gone = payment.refunded_amount + payment.refunding_amount;
        let gone_tax_free = payment.refunds_tax_free + payment.refunding_tax_free;
        let (kept, kept_tax_free) =
            (payment.amount - gone, payment.tax_free_amount - gone_tax_free);
        if !(0..=kept).contains(&kept_tax_free) {
            let no = &payment.order_no;
            violations.add(RULE, &format!("{no}: {kept_tax_free} of {kept} kept won"));
        }
    }
    for subscription in &books.subscriptions {
        for charge in &subscription.paid_time.charges {
            let attempts = attempts.get(&(subscription.id, charge.number));
            let attempts = attempts.map_or(&[][..], Vec::as_slice);
            if let Some(found) = of_charge(charge, subscription, attempts) {
                let (id, number) = (subscription.id, charge.number);
                violations.add(RULE, &format!("{id}: charge {number}: {found}"));
            }
        }
    }
}

/// What is wrong with the tax-free part of a charge: each attempt asks for it, and what of it is no
/// longer in its days is credit or went back.
fn of_charge(charge: &Charge, subscription: &Subscription, attempts: &[&Entry]) -> Option<String> {
    if let Some(other) = attempts.iter().find(|a| a.tax_free_amount != charge.tax_free_amount) {
        return Some(format!("{} asks for {}", other.order_no, other.tax_free_amount));
    }
    if charge.state == ChargeState::Declined {
        return None;
    }
    let gone = attempts.iter().map(|a| a.refunded_amount + a.refunding_amount).sum::<i64>();
    let of_gone = attempts.iter().map(|a| a.refunds_tax_free + a.refunding_tax_free).sum::<i64>();
    let (price, credited) = (charge.price_tax_free(), charge.credited_tax_free);
    let (rest, rest_tax_free) =
        (charge.price() - gone - charge.credited, price - of_gone - credited);
    if !(0..=rest).contains(&rest_tax_free) {
        return Some(format!("{of_gone} went back and {credited} are credit, of {price}"));
    }
    // Where money went back the credit is of what was left, not in the proportion of its days. And
    // credit pays for days of the other kind when there is no more of theirs.
    let own = subscription.paid_time.of(charge.number);
    let worth: i64 = own.map(|segment| segment.tax_free_amount).sum();
    let right = charge.credit_tax_free - charge.credit..=charge.credit_tax_free;
    let wrong = gone == 0 && !right.contains(&(price - worth - credited));
    wrong.then(|| format!("days {worth} and credit {credited}, of {price}"))
}
