//! What happens to what.

/// Every type of event that there is, as the database (`*_event` in the migrations) and the notices
/// name them.
pub const TYPES: &[&str] = &[
    "billing_key.registered",
    "billing_key.updated",
    "billing_key.deactivated",
    "billing_key.activated",
    "billing_key.deleted",
    "billing_key.expiring",
    "subscription.created",
    "subscription.renewal_upcoming",
    "subscription.consent_needed",
    "subscription.price_rise_upcoming",
    "subscription.trial_ending",
    "subscription.renewed",
    "subscription.updated",
    "subscription.past_due",
    "subscription.recovered",
    "subscription.unpaid",
    "subscription.paused",
    "subscription.resumed",
    "subscription.canceled",
    "payment.created",
    "payment.approved",
    "payment.declined",
    "payment.refused",
    "payment.unknown",
    "payment.not_sent",
    "payment.partially_refunded",
    "payment.refunded",
    "payment.unexpected",
    "payment.closed",
    "payment.updated",
    "order.created",
    "order.reopened",
    "order.paid",
    "order.failed",
    "order.expired",
    "order.closed",
    "order.mismatch",
    "order.partially_canceled",
    "order.canceled",
    "order.updated",
    "refund.created",
    "refund.succeeded",
    "refund.declined",
    "refund.unknown",
    "refund.not_sent",
    "refund.updated",
    "customer.erased",
    "link.created",
    "link.opened",
    "link.paid",
    "link.expired",
    "link.canceled",
    "link.unknown",
    "webhook_endpoint.created",
    "webhook_endpoint.updated",
    "webhook_endpoint.deleted",
];

/// Words for all types of an object.
pub const OBJECTS: &[&str] = &[
    "billing_key.*",
    "subscription.*",
    "payment.*",
    "order.*",
    "refund.*",
    "customer.*",
    "link.*",
    "webhook_endpoint.*",
];

/// The types that these words name; a word of a later version names none.
pub fn all_named(words: &[String]) -> Vec<&'static str> {
    words.iter().filter_map(|word| named(word)).flatten().collect()
}

/// The types that a word names: one, or all of an object (`subscription.*`).
pub fn named(word: &str) -> Option<Vec<&'static str>> {
    let of_object = |kind: &&&str| match word.strip_suffix(".*") {
        Some(object) => kind.split_once('.').is_some_and(|(of, _)| of == object),
        None => **kind == word,
    };
    let types: Vec<_> = TYPES.iter().filter(of_object).copied().collect();
    if types.is_empty() { None } else { Some(types) }
}
