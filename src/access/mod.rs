//! Who calls, from where, and how often: API keys, the origin of a request, limits.

pub mod actor;
pub mod api_keys;
pub mod card_testing;
pub mod failed_keys;
pub mod forwarding;
pub mod origin;
pub mod rate_limit;
pub mod request_id;
pub mod trace;
