//! `AUTH_FAILURES_PER_MINUTE` and `REGISTER_*_PER_HOUR`.

use crate::config::read::Reader;

/// How often something may be tried, in each process; 0 = no limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `AUTH_FAILURES_PER_MINUTE`: requests without a good API key, for each address.
    pub auth_failures_per_minute: u32,
    /// `REGISTER_CUSTOMER_PER_HOUR`: registrations of cards for each customer.
    pub register_customer_per_hour: u32,
    /// `REGISTER_ADDRESS_PER_HOUR`: the same for each address that calls.
    pub register_address_per_hour: u32,
    /// `REGISTER_KEY_PER_HOUR`: the same for each API key.
    pub register_key_per_hour: u32,
}

impl Limits {
    /// A sandbox has no cards that somebody could find out.
    pub(super) fn read(r: &mut Reader, sandboxed: bool) -> Self {
        let unless_sandboxed = |count: u32| if sandboxed { 0 } else { count };
        let range = 0..=1_000_000;
        Self {
            auth_failures_per_minute: r.number("AUTH_FAILURES_PER_MINUTE", range.clone(), 30),
            register_customer_per_hour: r.number(
                "REGISTER_CUSTOMER_PER_HOUR",
                range.clone(),
                unless_sandboxed(10),
            ),
            register_address_per_hour: r.number(
                "REGISTER_ADDRESS_PER_HOUR",
                range.clone(),
                unless_sandboxed(600),
            ),
            register_key_per_hour: r.number("REGISTER_KEY_PER_HOUR", range, unless_sandboxed(600)),
        }
    }
}
