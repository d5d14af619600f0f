//! Where a subscription begins to cost something, and where it ends.

use chrono::{Days, NaiveDate};

use crate::http::error::ApiError;
use crate::http::extract::{Fields, UpTo};
use crate::rules::schedule::Cadence;
use crate::rules::subscription_state::SubscriptionState;
use crate::rules::text::Text;

/// The trial before the first charge.
#[derive(Clone, Copy)]
pub enum Trial {
    /// Days after the start, and on to the next anchor day.
    Days(i16),
    /// Whole intervals.
    Cycles(i16),
}

/// When it is over.
#[derive(Clone, Copy)]
pub enum Limit {
    /// No period that would begin on this day or later is charged.
    Date(NaiveDate),
    /// After this many paid periods.
    Cycles(i16),
}

/// `trialDays`.
pub type TrialDays = UpTo<730>;
/// `freeCycles`.
pub type FreeCycles = UpTo<24>;
/// `totalCycles`.
pub type TotalCycles = UpTo<600>;

/// Refuses `trialDays` together with `freeCycles`, and either together with `chargeNow`.
pub fn check_trial(f: &mut Fields, charge_now: bool) {
    let names = ["trialDays", "freeCycles"];
    one_of(f, names);
    for name in names {
        if charge_now && f.has(name) {
            f.refuse(name, together("chargeNow"));
        }
    }
}

/// Refuses `endDate` together with `totalCycles`.
pub fn check_limit(f: &mut Fields) {
    one_of(f, ["endDate", "totalCycles"]);
}

impl Trial {
    /// What was asked for.
    pub fn of(days: Option<TrialDays>, cycles: Option<FreeCycles>) -> Option<Self> {
        days.map(|n| Self::Days(n.0)).or(cycles.map(|n| Self::Cycles(n.0)))
    }

    /// The first billing date of what would begin on `start`.
    pub fn first_charge(self, cadence: Cadence, start: NaiveDate) -> NaiveDate {
        match self {
            Self::Days(days) => {
                cadence.first_on_or_after(start + Days::new(days.unsigned_abs().into()))
            }
            Self::Cycles(count) => {
                (0..count).fold(cadence.first_on_or_after(start), |date, _| cadence.next(date))
            }
        }
    }
}

impl Limit {
    /// What was asked for.
    pub fn of(date: Option<NaiveDate>, cycles: Option<TotalCycles>) -> Option<Self> {
        date.map(Self::Date).or(cycles.map(|n| Self::Cycles(n.0)))
    }

    /// Sets it in place of the one there was. An error when the date is not after `today`.
    pub fn set(self, state: &mut SubscriptionState, today: NaiveDate) -> Result<(), ApiError> {
        (state.end_date, state.cycles_left) = match self {
            Self::Date(date) if date <= today => {
                let reason = Text::new("오늘보다 뒤여야 합니다.", "Has to be after today.");
                return Err(ApiError::invalid_field("endDate", reason));
            }
            Self::Date(date) => (Some(date), None),
            Self::Cycles(count) => (None, Some(count)),
        };
        Ok(())
    }
}

fn one_of(f: &mut Fields, [first, second]: [&'static str; 2]) {
    if f.has(first) && f.has(second) {
        f.refuse(second, together(first));
    }
}

fn together(other: &str) -> Text {
    Text::new(
        format!("{other}와(과) 함께 사용할 수 없습니다."),
        format!("May not be given together with {other}."),
    )
}
