//! Processes and connections that die, hang or double: nothing is charged twice, nothing is lost.

mod balancer;
pub mod crash;
mod crash_moments;
mod crash_renewals;
mod crash_schedule;
mod fencing;
mod kept_keys;
mod lost_commits;
mod replicas;
pub mod takeover;
