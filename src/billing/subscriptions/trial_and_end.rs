//! Fields that say where a subscription begins to cost something, and where it ends.

use crate::http::extract::{Fields, UpTo};
use crate::rules::text::Text;

/// `trialDays`.
pub type TrialDays = UpTo<730>;
/// `freeCycles`.
pub type FreeCycles = UpTo<24>;
/// `totalCycles`.
pub type TotalCycles = UpTo<600>;

/// Refuses `trialDays` together with `freeCycles`, and either together with `chargeNow`.
pub fn check_trial(f: &mut Fields, charge_now: bool) {
    let names = ["trialDays", "freeCycles"];
    if f.has(names[0]) {
        refuse_together(f, names[1], names[0]);
    }
    for name in names.into_iter().filter(|_| charge_now) {
        refuse_together(f, name, "chargeNow");
    }
}

/// Refuses `endDate` together with `totalCycles`.
pub fn check_limit(f: &mut Fields) {
    if f.has("endDate") {
        refuse_together(f, "totalCycles", "endDate");
    }
}

/// Refuses `name`, when it is given, beside `other`.
pub fn refuse_together(f: &mut Fields, name: &'static str, other: &str) {
    if f.has(name) {
        let reason = Text::new(
            format!("{other}와(과) 함께 사용할 수 없습니다."),
            format!("May not be given together with {other}."),
        );
        f.refuse(name, reason);
    }
}
