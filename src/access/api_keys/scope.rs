//! What a key may do: one table says which scope each route takes.

use axum::http::Method;
use clap::ValueEnum;

/// What a route takes. A key has one or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// Look at everything but the audit trail
    Read,
    /// Register and delete cards, charge them, make and change subscriptions, open orders
    Charge,
    /// Give money back
    Refund,
    /// Everything, and what is done by hand: settle the unknown, deliver again, the audit trail
    Admin,
}

impl Scope {
    /// As it is written in the database and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Admin => "admin",
        }
    }

    /// `None` for a word of a later version, which gives no right.
    pub fn parse(name: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|scope| scope.name() == name)
    }
}

/// Every route that needs a key, with its scope.
#[rustfmt::skip]
pub const SCOPES: &[(&str, &str, Scope)] = &[
    ("POST", "/billing/register", Scope::Charge),
    ("GET", "/billing/keys", Scope::Read),
    ("DELETE", "/billing/key/{billingKey}", Scope::Charge),
    ("POST", "/billing/key/{billingKey}/activate", Scope::Charge),
    ("POST", "/billing/subscribe", Scope::Charge),
    ("POST", "/billing/pay", Scope::Charge),
    ("GET", "/billing/payment/{id}", Scope::Read),
    ("GET", "/billing/payment/{id}/proof", Scope::Read),
    ("GET", "/billing/payments", Scope::Read),
    ("GET", "/billing/payments.csv", Scope::Read),
    ("POST", "/billing/payment/{id}/resolve", Scope::Admin),
    ("GET", "/billing/refund-quote", Scope::Read),
    ("POST", "/billing/refund", Scope::Refund),
    ("GET", "/billing/refunds", Scope::Read),
    ("POST", "/billing/refund/{id}/resolve", Scope::Admin),
    ("POST", "/billing/cancel", Scope::Charge),
    ("GET", "/billing/subscriptions", Scope::Read),
    ("GET", "/billing/forecast", Scope::Read),
    ("GET", "/billing/overview", Scope::Read),
    ("GET", "/billing/customer/{customerId}", Scope::Read),
    ("GET", "/customers/{customerId}/export", Scope::Read),
    ("DELETE", "/customers/{customerId}", Scope::Admin),
    ("POST", "/customers/{customerId}/merge", Scope::Admin),
    ("GET", "/billing/subscription/{id}", Scope::Read),
    ("PATCH", "/billing/subscription/{id}", Scope::Charge),
    ("GET", "/billing/subscription/{id}/timeline", Scope::Read),
    ("POST", "/billing/subscription/{id}/extend", Scope::Charge),
    ("POST", "/billing/subscription/{id}/paid", Scope::Admin),
    ("POST", "/billing/subscription/{id}/consent", Scope::Charge),
    ("GET", "/billing/subscription/{id}/consents", Scope::Read),
    ("POST", "/billing/subscription/{id}/pause", Scope::Charge),
    ("POST", "/billing/subscription/{id}/resume", Scope::Charge),
    ("GET", "/billing/movements", Scope::Read),
    ("GET", "/billing/movements.csv", Scope::Read),
    ("GET", "/billing/movements.xlsx", Scope::Read),
    ("GET", "/billing/summary", Scope::Read),
    ("GET", "/easypay/methods", Scope::Read),
    ("POST", "/easypay/prepare", Scope::Charge),
    ("GET", "/easypay/status/{orderId}", Scope::Read),
    ("POST", "/easypay/cancel", Scope::Refund),
    ("POST", "/easypay/order/{orderId}/resolve", Scope::Admin),
    ("GET", "/easypay/links", Scope::Read),
    ("POST", "/easypay/links", Scope::Charge),
    ("GET", "/easypay/links/{id}", Scope::Read),
    ("DELETE", "/easypay/links/{id}", Scope::Charge),
    ("GET", "/events", Scope::Read),
    ("GET", "/events/{id}", Scope::Read),
    ("POST", "/events/{id}/redeliver", Scope::Admin),
    ("POST", "/events/redeliver", Scope::Admin),
    ("POST", "/events/test", Scope::Admin),
    ("GET", "/webhook-endpoints", Scope::Admin),
    ("POST", "/webhook-endpoints", Scope::Admin),
    ("GET", "/webhook-endpoints/{id}", Scope::Admin),
    ("PATCH", "/webhook-endpoints/{id}", Scope::Admin),
    ("DELETE", "/webhook-endpoints/{id}", Scope::Admin),
    ("POST", "/webhook-endpoints/{id}/rotate-secret", Scope::Admin),
    ("GET", "/notifications", Scope::Read),
    ("GET", "/audit", Scope::Admin),
    ("POST", "/reconciliations", Scope::Admin),
    ("GET", "/status", Scope::Admin),
    ("GET", "/metrics", Scope::Read),
];

/// The scope for a method on a route as the router writes it. What the table does not name takes
/// `admin`: a route that was forgotten there is closed, not open.
pub fn needed(method: &Method, route: &str) -> Scope {
    // Served by the same handler.
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let found = SCOPES.iter().find(|(m, path, _)| *m == method && *path == route);
    found.map_or(Scope::Admin, |(_, _, scope)| *scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_named_takes_admin() {
        assert_eq!(needed(&Method::GET, "/billing/keys"), Scope::Read);
        assert_eq!(needed(&Method::HEAD, "/billing/keys"), Scope::Read);
        for (method, route) in [
            (Method::POST, "/billing/keys"),
            (Method::GET, "/billing/new"),
            (Method::GET, "/BILLING/KEYS"),
            (Method::OPTIONS, "/billing/keys"),
            (Method::GET, ""),
        ] {
            assert_eq!(needed(&method, route), Scope::Admin, "{method} {route}");
        }
    }

    #[test]
    fn a_scope_is_written_the_same_everywhere() {
        for scope in Scope::value_variants() {
            assert_eq!(Scope::parse(scope.name()), Some(*scope));
            let on_the_command_line = scope.to_possible_value().map(|v| v.get_name().to_owned());
            assert_eq!(on_the_command_line.as_deref(), Some(scope.name()));
        }
        assert_eq!(Scope::parse("Read"), None);
    }
}
