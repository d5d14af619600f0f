//! What lists can be narrowed to.

use crate::http::description::{self, described};
use crate::http::extract::{Fields, InQuery};
use crate::payments::store::terms::Terms;
use crate::rules::money::Won;
use crate::rules::text::Text;

const MAX_PAIRS: usize = 5;

described!(Terms, description::pairs(MAX_PAIRS));

/// Reads `minAmount` and `maxAmount` (won, both included) and `metadata[key]=value`, at most
/// five pairs, from a query. What is wrong is noted in `f`.
pub fn terms(f: &mut Fields) -> Terms {
    let min_amount = f.optional::<InQuery<Won>>("minAmount").map(|won| won.0);
    let max_amount = f.optional::<InQuery<Won>>("maxAmount").map(|won| won.0);
    let pairs = f.entries("metadata");
    if pairs.len() > MAX_PAIRS {
        let ko = format!("{MAX_PAIRS}개를 넘을 수 없습니다.");
        f.refuse("metadata", Text::new(ko, format!("May not exceed {MAX_PAIRS} pairs.")));
    }
    Terms { min_amount, max_amount, metadata: pairs }
}
