//! Refunds of payments and of credit.

use super::*;

const MONTHLY: Cadence = Cadence { interval: Interval::Month, count: 1, anchor: 15 };
const NOW: When = When::Now { consented: true };

#[test]
fn credit_goes_back_to_the_card_that_paid_for_its_days() {
    let start = Start::Now(day("2027-03-15"), FirstPeriod::Prorated);
    let mut of_both = terms(MONTHLY, 9_900);
    of_both.phases[0].price.tax_free = 3_000;
    let mut sub = subscribe(of_both, start);
    live(&mut sub, "2027-03-15", "2027-03-15");
    let cheaper = Change { price: Some(Money { won: 4_900, tax_free: 1_400 }), cadence: None };
    sub.change(cheaper, NOW, day("2027-03-25")).unwrap();
    // Credit of 6,707 with 2,033 tax-free; 3,319 with 948 are used.
    assert_eq!(sub.credit, Money { won: 3_388, tax_free: 1_085 });
    assert_eq!(sub.find_charge(1).unwrap().refundable(), Money { won: 3_193, tax_free: 967 });
    assert_eq!(sub.refund_credit(1, 3_389), None);
    assert_eq!(sub.refund_credit(2, 1_000), None, "the card paid nothing for it");
    assert_eq!(sub.refund_credit(1, 1_000), Some(Money { won: 1_000, tax_free: 320 }));
    assert_eq!(sub.credit, Money { won: 2_388, tax_free: 765 });
    assert_eq!(sub.find_charge(1).unwrap().refundable(), Money { won: 3_193, tax_free: 967 });
    assert!(sub.refund(1, Money { won: 3_193, tax_free: 967 }));
    assert_eq!(sub.quote(1, day("2027-03-24")).unwrap().value, Money::ZERO);
}

#[test]
fn credit_is_of_neither_part_more_than_did_not_go_back() {
    let credited = |back: Money| {
        let start = Start::Now(day("2027-03-15"), FirstPeriod::Prorated);
        let mut of_both = terms(MONTHLY, 9_900);
        of_both.phases[0].price.tax_free = 3_000;
        let mut sub = subscribe(of_both, start);
        live(&mut sub, "2027-03-15", "2027-03-15");
        assert!(sub.refund(1, back));
        let cheaper = Change { price: Some(Money { won: 4_900, tax_free: 1_400 }), cadence: None };
        sub.change(cheaper, NOW, day("2027-03-25")).unwrap();
        sub.find_charge(1).unwrap().credited
    };
    // Of 21 of 31 days, 6,707 with 2,033 tax-free: nothing that is tax-free is left, or 3,900 taxed.
    let tax_free = Money { won: 3_000, tax_free: 3_000 };
    assert_eq!(credited(tax_free), Money { won: 6_707, tax_free: 0 });
    assert_eq!(credited(Money::taxed(3_000)), Money { won: 6_707, tax_free: 2_807 });
    assert_eq!(credited(Money::taxed(5_000)), Money { won: 4_900, tax_free: 3_000 });
    assert_eq!(credited(Money::taxed(1)), Money { won: 6_707, tax_free: 2_033 });
}

#[test]
fn a_quote_takes_off_the_tax_free_part_that_went_back() {
    let start = Start::Now(day("2027-03-15"), FirstPeriod::Prorated);
    let mut of_both = terms(MONTHLY, 11_000);
    of_both.phases[0].price.tax_free = 3_000;
    let mut sub = subscribe(of_both, start);
    live(&mut sub, "2027-03-15", "2027-03-15");
    assert!(sub.refund(1, Money { won: 8_000, tax_free: 0 }));
    // 30 of 31 days are left, 10,646 with 2,904; what is left of the payment is all tax-free.
    let quote = sub.quote(1, day("2027-03-15")).unwrap();
    assert_eq!(quote.value, Money { won: 3_000, tax_free: 3_000 });
}

#[test]
fn no_credit_is_refunded_that_was_not_given_for_the_charge_or_may_be_undone() {
    let won = |won| Change { price: Some(Money::taxed(won)), cadence: None };
    let start = Start::Now(day("2027-03-15"), FirstPeriod::Prorated);
    let mut sub = subscribe(terms(MONTHLY, 9_900), start);
    live(&mut sub, "2027-03-15", "2027-03-15");
    sub.change(won(4_900), NOW, day("2027-03-25")).unwrap();
    let charged = live(&mut sub, "2027-04-15", "2027-04-15");
    assert_eq!(charged, rows(&[("2027-04-15", 1_512, "2027-05-15")]));
    let day = day("2027-04-25");
    sub.change(won(900), NOW, day).unwrap();
    // 20 of 30 days: 3,267 back, 600 for them at the new price.
    assert_eq!((sub.credit.won, sub.find_charge(1).unwrap().credited.won), (2_667, 6_707));
    assert_eq!(sub.refund_credit(3, 1_513), None, "its card paid 1,512");
    assert_eq!(sub.refund_credit(3, 1_512).map(|back| back.won), Some(1_512));
    let dearer = sub.change(won(90_000), NOW, day).unwrap().unwrap();
    assert_eq!(sub.refund_credit(1, 1), None);
    sub.settle(dearer, Outcome::Declined { retry: false }, day);
    assert_eq!(sub.credit.won, 1_155);
    assert_eq!(sub.refund_credit(1, 1_156), None);
    assert_eq!(sub.refund_credit(1, 1_155).map(|back| back.won), Some(1_155));
}
