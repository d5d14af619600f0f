//! Consents to rises. A rise is a higher price per day; the customer has to agree to it within the
//! 30 days before it (전자상거래법 제13조 제6항).

use chrono::{Duration, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::next::Planning;
use crate::segment::{Kind, Rate, Reason, Segment};
use crate::subscription::{Refused, Subscription};

/// Days before a rise within which a consent to it can be given.
const CONSENT_DAYS: i64 = 30;
/// How far ahead a step of the phases is looked for, in segments.
const STEPS_AHEAD: usize = 120;

/// A customer's consent to one rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The day on which it was given.
    pub given: NaiveDate,
    /// The day of the rise as it stood then.
    pub rise_on: NaiveDate,
    /// What was agreed to.
    pub rate: Rate,
}

impl Subscription {
    /// The next rise that needs a consent, given or not: its day and price, when each charge until
    /// then is approved.
    pub fn rise(&self) -> Option<(NaiveDate, Rate)> {
        self.rise_from().map(|(on, _, to)| (on, to))
    }

    /// As [`Self::rise`], with the price before it: the day, from what, to what.
    pub fn rise_from(&self) -> Option<(NaiveDate, Rate, Rate)> {
        let mut ahead = self.clone();
        ahead.consent = None;
        for _ in 0..STEPS_AHEAD {
            let wanted = ahead.terms.with(ahead.pending);
            let phase = ahead.phase();
            let rate = wanted.rate(phase);
            if ahead.needs_consent(rate) {
                return Some((ahead.covered_to(), ahead.agreed_rate(), rate));
            }
            let last = ahead.pending.is_none() && phase + 1 >= wanted.phases.len();
            let Planning::Segment(next) = ahead.next() else { return None };
            if last && ahead.last_rate().is_some() {
                return None;
            }
            let day = ahead.covered_to();
            ahead.begin(next, day);
        }
        None
    }

    /// The first day on which the consent to the next rise can be given. `None` when none is missing.
    pub fn consent_from(&self) -> Option<NaiveDate> {
        let (rise_on, rate) = self.rise()?;
        let missing = self.consent.is_none_or(|consent| consent.rate != rate);
        missing.then(|| rise_on - Duration::days(CONSENT_DAYS))
    }

    /// Records the consent to the next rise. `given` is the day on which the customer gave it; that
    /// it is not in the future is the caller's to see to. Refused when it would be older than 30 days
    /// on the day of the rise: the answer is the first day on which it can be given.
    pub fn give_consent(&mut self, given: NaiveDate) -> Result<(), Refused> {
        let (rise_on, rate) = self.rise().ok_or(Refused::NoRise)?;
        let first = rise_on - Duration::days(CONSENT_DAYS);
        if given < first {
            return Err(Refused::ConsentFrom(first));
        }
        self.consent = Some(Consent { given, rise_on, rate });
        Ok(())
    }

    /// Whether charging `rate` next is a rise without a consent. One that was given in time holds
    /// though pauses, free days or a late charge have moved the day since.
    pub(crate) fn needs_consent(&self, rate: Rate) -> bool {
        rate.is_above(self.agreed_rate()) && self.consent.is_none_or(|consent| consent.rate != rate)
    }

    /// Whether the price that comes next lacks its consent.
    pub(crate) fn lacks_consent(&self) -> bool {
        self.needs_consent(self.terms.with(self.pending).rate(self.phase()))
    }

    /// The price that was agreed to last: that of the last days, or before them that of the beginning.
    pub(crate) fn agreed_rate(&self) -> Rate {
        self.last_rate().unwrap_or_else(|| self.terms.rate(0))
    }

    /// The price that held last: of the last days that were paid, open or promised at 0 won.
    pub(crate) fn last_rate(&self) -> Option<Rate> {
        let told = |s: &&Segment| match s.kind {
            Kind::Paid | Kind::Open => true,
            Kind::Free => {
                matches!(s.reason, Reason::Trial | Reason::FreePhase | Reason::NoConsent)
            }
            Kind::None => false,
        };
        let mut of_all = self.segments.iter().chain(&self.kept);
        of_all.rfind(told).map(|s| s.rate)
    }
}
