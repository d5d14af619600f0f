//! The tax-free part of an amount as KiwoomPay is told of it. Each kind of call has a field of its own
//! for it, and no charge and no window has TAXFREEAMT (protocol sections 1, 2.2, 2.3 and 3).

use crate::rules::money::Won;

/// TAXFREECD of an amount with this tax-free part in won, and the part in digits when only some of it
/// is tax-free.
pub(super) fn code(part: i64, amount: Won) -> (&'static str, Option<String>) {
    match part {
        0 => ("00", None),
        n if n == amount.get() => ("01", None),
        n => ("02", Some(n.to_string())),
    }
}

/// Where the window reads the tax-free part of a mixed amount: TELNO2 for cards, FREEAMT for 카카오페이.
/// For the other easy payments neither is documented. They get both, and each holds the same number.
pub(super) fn window_fields(methods: &[&str]) -> impl Iterator<Item = &'static str> {
    let others = [("TELNO2", &["KAKAOPAY"][..]), ("FREEAMT", &["CARD", "CARDK"])];
    let read = |others: &[&str]| methods.iter().any(|method| !others.contains(method));
    others.into_iter().filter(move |(_, others)| read(others)).map(|(field, _)| field)
}

/// Whether a cancellation of this PAYMETHOD takes TAXFREEAMT.
pub fn is_taken_by_cancellation(method: &str) -> bool {
    !matches!(method, "KAKAOPAY" | "PAYCO")
}

/// Whether this PAYMETHOD can take an amount that is tax-free, wholly or in part. A bank transfer and a
/// virtual account are taxed whole.
pub fn is_taken_by_method(method: &str) -> bool {
    !matches!(method, "BANK" | "VACCOUNT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_told_of_the_part_where_it_reads_it() {
        let fields = |methods: &[&str]| window_fields(methods).collect::<Vec<_>>();
        assert_eq!(fields(&["CARD"]), ["TELNO2"]);
        assert_eq!(fields(&["CARDK"]), ["TELNO2"]);
        assert_eq!(fields(&["KAKAOPAY"]), ["FREEAMT"]);
        for methods in [&["PAYCO"][..], &["CARD", "KAKAOPAY"], &["KAKAOPAY", "NAVERPAY"]] {
            assert_eq!(fields(methods), ["TELNO2", "FREEAMT"], "{methods:?}");
        }
    }
}
