//! `PRICE_RISE_FALLBACK`.

use crate::config::read::Reader;

/// What becomes of a price rise, or of the first charge after a trial, that the customer has not
/// consented to by its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceRiseFallback {
    /// `keep_price`: the rise is dropped, the old amount charged; what was free stays free.
    KeepPrice,
    /// `end`: the subscription ends, nothing is charged.
    End,
}

impl PriceRiseFallback {
    pub(super) fn read(r: &mut Reader) -> Self {
        const NAME: &str = "PRICE_RISE_FALLBACK";
        match r.text(NAME).as_deref() {
            None | Some("keep_price") => Self::KeepPrice,
            Some("end") => Self::End,
            Some(_) => r.wrong(NAME, "keep_price or end").unwrap_or(Self::KeepPrice),
        }
    }
}
