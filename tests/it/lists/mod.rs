//! Lists: pages, filters, and the export of what they hold.

mod csv_export;
mod filters;
mod pagination;
