//! Who may call: API keys, their scopes, and how often.

mod api_keys;
mod authentication;
mod client_address;
mod key_rotation;
mod key_secrecy;
mod rate_limits;
mod scopes;
