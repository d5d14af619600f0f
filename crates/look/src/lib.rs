//! How every page looks: console, front door, sandbox, example, receipts, payment window.

/// The style sheet. It loads nothing, and knows light and dark screens from 390 pixels up.
pub const CSS: &str = include_str!("look.css");
