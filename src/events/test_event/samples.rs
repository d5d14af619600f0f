//! Examples of what events are about, as the API shows it.

use chrono::{DateTime, Days, Months, Utc};
use kiwoom_clock::{kst, rfc3339_kst};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rules::ids::{
    BillingKeyId, PaymentId, PaymentLinkId, RefundId, SubscriptionId, WebhookEndpointId,
};

/// The object of an event of this type, with this id, as it would be after such a change at `now`.
pub fn of(kind: &str, id: Uuid, now: DateTime<Utc>) -> Value {
    let (object, what) = kind.split_once('.').unwrap_or((kind, ""));
    match object {
        "billing_key" => billing_key(what, id, now),
        "subscription" => subscription(what, id, now),
        "payment" => payment(what, id, now),
        "order" => order(what, now),
        "refund" => refund(what, id, now),
        "link" => link(what, id, now),
        _ => webhook_endpoint(id, now),
    }
}

fn billing_key(what: &str, id: Uuid, now: DateTime<Utc>) -> Value {
    let expires = kst(now).date_naive() + Months::new(1);
    let expires = expires.format("%Y-%m").to_string();
    let mut key = json!({
        "billingKey": BillingKeyId(id).to_string(),
        "customerId": "test-customer",
        "customerName": "홍길동",
        "card": {"company": "신한카드", "companyCode": "CCLG", "number": "411111******1111", "expires": expires},
        "status": "active",
        "createdAt": rfc3339_kst(now),
    });
    match what {
        "deactivated" => {
            key["status"] = json!("inactive");
            key["inactive"] = json!({
                "code": "TEST", "message": "시험 이벤트", "since": rfc3339_kst(now),
            });
        }
        "deleted" => key["status"] = json!("deleted"),
        "expiring" => {
            key["expires"] = json!(expires);
            key["subscriptions"] = json!([SubscriptionId::new().to_string()]);
        }
        _ => {}
    }
    key
}

fn subscription(what: &str, id: Uuid, now: DateTime<Utc>) -> Value {
    let start = kst(now).date_naive();
    let (end, last) = (start + Months::new(1), start + Months::new(1) - Days::new(1));
    let status = match what {
        "past_due" | "unpaid" | "paused" | "canceled" => what,
        _ => "active",
    };
    let goes_on = matches!(status, "active" | "past_due");
    let is_canceled = status == "canceled";
    let next = json!({
        "date": end, "amount": 9900, "periodStart": end, "periodEnd": end + Months::new(1),
        "reason": "whole",
    });
    let retry = json!({"attempt": 1, "nextAt": rfc3339_kst(now + Days::new(1))});
    json!({
        "id": SubscriptionId(id).to_string(),
        "status": status,
        "billingKey": BillingKeyId::new().to_string(),
        "customerId": "test-customer",
        "planId": "test-plan",
        "amount": 9900,
        "productName": "시험 이벤트",
        "cycleDay": 15,
        "nextBillingDate": goes_on.then_some(end),
        "currentPeriod": {"start": start, "end": end},
        "paidThrough": last,
        "coverage": if goes_on { "paid" } else { "none" },
        "nextCharge": if goes_on { next } else { Value::Null },
        "creditBalance": 0,
        "cancelAtPeriodEnd": false,
        "retry": if status == "past_due" { retry } else { Value::Null },
        "retryDays": [1, 3, 5],
        "accessUntil": rfc3339_kst(now + Days::new(30)),
        "metadata": {},
        "createdAt": rfc3339_kst(now),
        "canceledAt": is_canceled.then(|| rfc3339_kst(now)),
        "cancelReason": is_canceled.then_some("시험 이벤트"),
    })
}

fn payment(what: &str, id: Uuid, now: DateTime<Utc>) -> Value {
    let (status, refundable) = match what {
        "created" | "not_sent" => ("pending", 0),
        "declined" | "closed" => ("declined", 0),
        "refused" | "unknown" => (what, 0),
        "partially_refunded" => (what, 6600),
        "refunded" => (what, 0),
        _ => ("approved", 9900),
    };
    let is_paid = matches!(status, "approved" | "partially_refunded" | "refunded");
    let failure = match status {
        "declined" => json!({"code": "TEST", "message": "시험 이벤트"}),
        "refused" => {
            json!({"code": "TEST", "message": "시험 이벤트", "setting": "KIWOOM_BILLING_CPID"})
        }
        _ => Value::Null,
    };
    let mut payment = json!({
        "id": PaymentId(id).to_string(),
        "orderId": format!("TEST-{}", id.simple()),
        "status": status,
        "amount": 9900,
        "refundableAmount": refundable,
        "customerId": "test-customer",
        "billingKey": BillingKeyId::new().to_string(),
        "productName": "시험 이벤트",
        "method": "CARD",
        "transactionId": is_paid.then_some("TEST0000000000000000"),
        "authNumber": is_paid.then_some("00000000"),
        "approvedAt": is_paid.then(|| rfc3339_kst(now)),
        "receiptUrl": null,
        "failure": failure,
        "createdAt": rfc3339_kst(now),
    });
    if what == "unexpected" {
        payment["unexpected"] = json!("already_paid");
    }
    payment
}

fn order(what: &str, now: DateTime<Utc>) -> Value {
    let status = match what {
        "created" | "reopened" => "ready",
        "closed" => "canceled",
        "updated" => "paid",
        _ => what,
    };
    let canceled = match what {
        "partially_canceled" => 3300,
        "canceled" => 9900,
        _ => 0,
    };
    let is_paid = matches!(what, "paid" | "updated") || canceled > 0;
    let is_canceled = canceled > 0 || what == "closed";
    let mut order = json!({
        "orderId": format!("TEST-{}", Uuid::now_v7().simple()),
        "status": status,
        "amount": 9900,
        "paidAmount": if is_paid { 9900 } else { 0 },
        "canceledAmount": canceled,
        "method": is_paid.then_some("KAKAOPAY"),
        "transactionId": is_paid.then_some("TEST0000000000000000"),
        "receiptUrl": null,
        "paidAt": is_paid.then(|| rfc3339_kst(now)),
        "canceledAt": is_canceled.then(|| rfc3339_kst(now)),
        "createdAt": rfc3339_kst(now),
    });
    if matches!(what, "failed" | "mismatch") {
        order["failure"] = json!({"code": "TEST", "message": "시험 이벤트"});
    }
    order
}

fn refund(what: &str, id: Uuid, now: DateTime<Utc>) -> Value {
    let status = match what {
        "created" | "not_sent" => "pending",
        "declined" | "unknown" => what,
        _ => "refunded",
    };
    let is_refunded = status == "refunded";
    json!({
        "id": RefundId(id).to_string(),
        "paymentId": PaymentId::new().to_string(),
        "amount": 3300,
        "status": status,
        "reason": "시험 이벤트",
        "refundedAt": is_refunded.then(|| rfc3339_kst(now)),
        "transactionId": is_refunded.then_some("TEST0000000000000000"),
    })
}

fn link(what: &str, id: Uuid, now: DateTime<Utc>) -> Value {
    let status = if what == "created" { "open" } else { what };
    let was_opened = matches!(status, "opened" | "paid" | "unknown");
    let has_ended = !matches!(status, "open" | "opened");
    json!({
        "id": PaymentLinkId(id).to_string(),
        "kind": "subscription",
        "status": status,
        "url": null,
        "orderId": was_opened.then(|| format!("TEST-{}", id.simple())),
        "paymentId": was_opened.then(|| PaymentId::new().to_string()),
        "subscriptionId": SubscriptionId::new().to_string(),
        "amount": 9900,
        "productName": "시험 이벤트",
        "methods": ["KAKAOPAY"],
        "automatic": false,
        "until": rfc3339_kst(now + Days::new(7)),
        "createdAt": rfc3339_kst(now),
        "openedAt": was_opened.then(|| rfc3339_kst(now)),
        "endedAt": has_ended.then(|| rfc3339_kst(now)),
    })
}

fn webhook_endpoint(id: Uuid, now: DateTime<Utc>) -> Value {
    json!({
        "id": WebhookEndpointId(id).to_string(),
        "url": "https://shop.example.com/events",
        "description": "시험 이벤트",
        "types": ["payment.*"],
        "enabled": true,
        "previousSecretUntil": null,
        "createdAt": rfc3339_kst(now),
    })
}
