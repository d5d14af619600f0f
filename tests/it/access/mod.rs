//! Who may call: API keys, their scopes, and how often.

mod api_keys;
mod auth;
mod edge_proxies;
mod key_rotation;
mod key_secrecy;
mod rate_limits;
mod scopes;
