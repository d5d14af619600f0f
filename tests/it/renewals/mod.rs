//! What the schedule charges, on which day, and what follows when it fails.

mod anchors;
pub mod dunning;
pub mod forecast;
mod intervals;
mod lost_periods;
mod new_card;
mod subscription_edges;
