//! The part of the verdict that is about what people see: charts and sums are those of the payments,
//! which the other rules hold against the gateway's ledger.

use crate::simulate::figures::Figures;
use crate::simulate::load::Books;
use crate::simulate::verdict::Violations;

const RULE: &str = "figures differ";

/// Adds what is shown otherwise than it is.
pub fn judge(books: &Books, violations: &mut Violations) {
    let shown = &books.figures;
    let right = Figures::of(&books.payments, shown.range);
    if shown.money != right.money {
        violations.add(RULE, &format!("{:?}, not {:?}", shown.money, right.money));
    }
    for day in shown.range.0.iter_days().take_while(|day| *day < shown.range.1) {
        let (shown, right) = (shown.attempts.get(&day), right.attempts.get(&day));
        if shown != right {
            violations.add(RULE, &format!("{day}: {shown:?}, not {right:?}"));
        }
    }
}
