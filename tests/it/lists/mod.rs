//! Lists: pages, filters, and the export of what they hold.

mod export;
mod filters;
mod pagination;
