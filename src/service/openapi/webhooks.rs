//! What is delivered to the receivers of events: each type of event with the body of its delivery.

use serde_json::{Map, Value, json};

use super::references::reference;
use crate::rules::event_types::TYPES;

/// What an event is of, the schema of its `data`, and the name of the event's own.
const OBJECTS: [(&str, &str, &str); 8] = [
    ("billing_key", "BillingKeyTold", "BillingKeyEvent"),
    ("subscription", "SubscriptionTold", "SubscriptionEvent"),
    ("payment", "PaymentTold", "PaymentEvent"),
    ("order", "OrderBody", "OrderEvent"),
    ("refund", "RefundBody", "RefundEvent"),
    ("link", "PaymentLinkBody", "PaymentLinkEvent"),
    ("customer", "ErasedCustomerBody", "CustomerEvent"),
    ("webhook_endpoint", "WebhookEndpointBody", "WebhookEndpointEvent"),
];

/// `webhooks`, by the type of event. Adds the schema of each kind of event to `schemas`.
pub fn described(schemas: &mut Map<String, Value>) -> Value {
    for (object, data, name) in OBJECTS {
        let mut event = schemas.get("EventBody").cloned().unwrap_or_default();
        let types: Vec<_> = TYPES.iter().filter(|kind| object_of(kind) == object).collect();
        event["description"] = format!("An event of a {}.", object.replace('_', " ")).into();
        event["properties"]["type"] = json!({"type": "string", "enum": types});
        event["properties"]["object"] = json!({"type": "string", "enum": [object]});
        event["properties"]["data"] = json!({"oneOf": [reference(data), {"type": "null"}]});
        schemas.insert(name.to_owned(), event);
    }
    TYPES.iter().map(|kind| ((*kind).to_owned(), json!({"post": delivery(kind)}))).collect()
}

fn object_of(kind: &str) -> &str {
    kind.split_once('.').map_or(kind, |(object, _)| object)
}

fn delivery(kind: &str) -> Value {
    let name = OBJECTS.iter().find(|(object, ..)| *object == object_of(kind)).map(|row| row.2);
    json!({
        "tags": ["events"],
        "operationId": operation_id(kind),
        "summary": format!("Told: {kind}"),
        "description": "Signed as Standard Webhooks says; answer 2xx within 10 seconds. One that is not taken \
            comes again, with the same `webhook-id`.\n\nStandard Webhooks 방식으로 서명합니다. 10초 안에 2xx로 \
            응답해야 하며, 받지 못한 이벤트는 같은 `webhook-id`로 다시 보냅니다.",
        "security": [{}],
        "parameters": [
            header("webhook-id", "The event's id, the same each time that it comes"),
            header("webhook-timestamp", "When it was sent, in seconds since 1970"),
            header("webhook-signature", "`v1,` and the HMAC-SHA256 in Base64; two while the secret changes"),
        ],
        "requestBody": {
            "required": true,
            "content": {"application/json": {"schema": reference(name.unwrap_or("EventBody"))}},
        },
        "responses": {"200": {"description": "Taken"}},
    })
}

/// `payment.partially_refunded` → `onPaymentPartiallyRefunded`.
fn operation_id(kind: &str) -> String {
    let words = kind.split(['.', '_']).map(|word| word[..1].to_uppercase() + &word[1..]);
    format!("on{}", words.collect::<String>())
}

fn header(name: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "header", "required": true, "description": description,
        "schema": {"type": "string"},
    })
}
