//! Examples of requests, which work on the sandbox. An id that only the service can make ends in
//! `_example`: the page at `/docs` puts the newest of its kind in its place.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

/// Puts examples into an operation of the description.
pub fn add(operation: &mut Value, today: NaiveDate) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        // A single charge has no days: its use is counted.
        let is_wanted = parameter["required"] == true
            || id == "quoteRefund" && name != "asOf"
            || name == "metadata";
        if is_wanted && let Some(example) = of_parameter(&id, name, today) {
            parameter["example"] = example;
        }
    }
    let media = if id == "createReconciliation" { "text/csv" } else { "application/json" };
    let content = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut);
    if let (Some(body), Some(content)) = (of_body(&id, today), content)
        && let Some(mut form) = content.shift_remove(media)
    {
        form["example"] = body;
        // The page at `/docs` offers the first one.
        content.shift_insert(0, media.to_owned(), form);
    }
}

fn of_parameter(id: &str, name: &str, today: NaiveDate) -> Option<Value> {
    Some(match name {
        "id" if id.contains("Webhook") => json!("we_example"),
        "id" if id.contains("Event") => json!("evt_example"),
        "id" if id.contains("PaymentLink") => json!("link_example"),
        "id" if id.contains("Refund") => json!("ref_example"),
        "id" if id.contains("Payment") => json!("pay_example"),
        "id" => json!("sub_example"),
        "paymentId" => json!("pay_example"),
        "billingKey" => json!("bk_example"),
        "orderId" => json!("order-1001"),
        "customerId" => json!("user123"),
        "until" => json!(today + Days::new(31)),
        "used" => json!(1),
        "total" => json!(3),
        "from" => json!(today - Days::new(30)),
        "to" => json!(today + Days::new(1)),
        // Without an example the page makes up three keys, and finds nothing.
        "metadata" => json!({}),
        _ => return None,
    })
}

fn of_body(id: &str, today: NaiveDate) -> Option<Value> {
    Some(match id {
        "registerBillingKey" => json!({
            "cardNumber": "4111111111111111", "expireDate": "3012", "cardPassword": "12",
            "birthDate": "901231", "customerName": "홍길동", "customerId": "user123",
        }),
        "createSubscription" => json!({
            "billingKey": "bk_example", "customerId": "user123", "planId": "monthly", "amount": 9900,
            "productName": "월간 구독", "chargeNow": true,
        }),
        "updateSubscription" => json!({"productName": "월간 구독 플러스"}),
        "cancelSubscription" => json!({"subscriptionId": "sub_example", "atPeriodEnd": true}),
        "extendSubscription" => json!({"days": 7, "reason": "장애 보상"}),
        "pauseSubscription" => json!({"until": today + Days::new(31)}),
        "recordPaidPeriod" => json!({
            "periodStart": today, "transactionId": "T20260101000001", "reason": "가맹점 관리자에서 확인",
        }),
        "recordPriceConsent" => json!({"amount": 12000, "method": "checkbox"}),
        "createPayment" => json!({
            "billingKey": "bk_example", "customerId": "user123", "amount": 5000, "productName": "단건 결제",
        }),
        "refundPayment" => {
            json!({"paymentId": "pay_example", "amount": 1000, "reason": "고객 요청"})
        }
        "resolvePayment" | "resolveRefund" => {
            json!({"outcome": "declined", "reason": "가맹점 관리자에서 확인"})
        }
        "prepareOrder" => json!({
            "orderId": "order-1001", "amount": 9900, "productName": "상품", "customerName": "홍길동",
        }),
        "cancelOrder" => json!({"orderId": "order-1001", "reason": "고객 요청"}),
        "createPaymentLink" => json!({
            "amount": 9900, "productName": "상품", "customerName": "홍길동", "customerId": "user123",
            "until": today + Days::new(7),
        }),
        "resolveOrder" => json!({
            "transactionId": "T20260101000002", "method": "KAKAOPAY", "reason": "가맹점 관리자에서 확인",
        }),
        "createTestEvent" => json!({"type": "payment.approved"}),
        "createWebhookEndpoint" => {
            json!({"url": "https://shop.example/webhooks", "types": ["payment.*", "subscription.*"]})
        }
        "updateWebhookEndpoint" => json!({"description": "주문 서버", "types": ["payment.*"]}),
        "rotateWebhookSecret" => json!({"previousSecretHours": 24}),
        "mergeCustomers" => json!({"into": "user456", "reason": "고객 요청으로 합침"}),
        // Without an example the page makes up an endpoint.
        "redeliverEvent" => json!({}),
        "redeliverEvents" => json!({"since": format!("{today}T00:00:00+09:00")}),
        "createReconciliation" => {
            json!(
                "transactionId,orderNo,amount,at\nT20260101000003,order-1001,9900,2026-01-01 12:00:00\n"
            )
        }
        _ => return None,
    })
}
