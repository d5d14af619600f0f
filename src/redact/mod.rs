//! The one place that says what may not be shown: card numbers, API keys, paths that hold them.

pub mod card_text;
pub mod shown;
