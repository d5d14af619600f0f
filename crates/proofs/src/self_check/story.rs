//! Everything that a merchant does, well: each operation of the API with what it needs, and each
//! fault of the gateway in each exchange with it.

use chrono::Months;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::process::Failure;
use crate::self_check::caller::Caller;
use crate::self_check::marks::{CARD_PASSWORD, Marks};
use crate::self_check::notices::paid;
use crate::self_check::routes::{Known, Operation};
use kiwoom_clock::Clock;

const CUSTOMER: &str = "customer-1";
pub(super) const AMOUNT: i64 = 9900;
/// A day of KiwoomPay's, with a sale that is not ours.
const LIST: &str = "<DATA>\nS|20261129101500|cMP26112910150000000|NOT-OURS|9900\n</DATA>\n";
/// Longer than the services wait for the gateway.
const DELAY_MS: u64 = 2200;
/// On a machine that is busy an answer may be late by itself.
const TRIES: usize = 5;
/// Kinds of faults that take their time. Only the most talkative services meet them, each one every
/// other kind.
const SLOW: [&str; 4] = ["delay_before", "delay_after", "slow", "huge"];

/// A merchant at one service.
pub struct Story<'a> {
    /// How it calls the service.
    pub caller: &'a Caller,
    /// Its customers' secrets.
    pub marks: &'a Marks,
    /// The gateway's own pages.
    pub sandbox_url: &'a str,
}

impl Story<'_> {
    /// All of it. What is known then, and how many faults and notifications there were.
    pub async fn tell(
        &self,
        operations: &[Operation],
        lane: Option<usize>,
    ) -> Result<(Known, usize, usize), Failure> {
        let mut known = self.begin().await?;
        self.operations(operations, &mut known).await?;
        let faults = self.faults(&mut known, lane).await?;
        let notifications = self.notifications(&mut known).await?;
        Ok((known, faults, notifications))
    }

    /// Two cards, one of them a company's. What other requests need from then on.
    async fn begin(&self) -> Result<Known, Failure> {
        let marks = self.marks;
        let corporate = card(&marks.corporate_card, &marks.business_number);
        self.caller.post("/billing/register", &corporate, &[201]).await?;
        let mut known = Known::from([
            ("cardNumber", json!(marks.card)),
            ("expireDate", json!("4912")),
            ("cardPassword", json!(CARD_PASSWORD)),
            ("birthDate", json!(marks.birth_date)),
            ("customerId", json!(CUSTOMER)),
            ("customerName", json!("홍길동")),
            ("productName", json!("월간 구독")),
            ("amount", json!(AMOUNT)),
            ("method", json!("checkbox")),
            ("outcome", json!("declined")),
            ("reason", json!("확인")),
            ("days", json!(3)),
            ("used", json!(1)),
            ("total", json!(2)),
            ("from", json!("2000-01-01")),
            ("to", json!("2999-01-01")),
            // Nothing is delivered again by each of thousands of requests.
            ("since", json!("2999-01-01T00:00:00Z")),
            ("url", json!("https://shop.example.com/events")),
            ("into", json!(CUSTOMER)),
            ("type", json!("payment.approved")),
            ("until", json!((Clock::system().now() + Months::new(3)).date_naive())),
        ]);
        known.insert("billingKey", json!(self.register().await?));
        Ok(known)
    }

    async fn register(&self) -> Result<String, Failure> {
        let card = card(&self.marks.card, &self.marks.birth_date);
        let made = self.caller.post("/billing/register", &card, &[201]).await?;
        text(&made["data"]["billingKey"])
    }

    /// Each operation with a good request and what it needs.
    async fn operations(&self, operations: &[Operation], known: &mut Known) -> Result<(), Failure> {
        for operation in operations {
            self.refresh(operation, known).await?;
            let mut asks = vec![operation.good(known, 0)];
            asks.extend((1..operation.bodies.len()).map(|kind| operation.good(known, kind)));
            if operation.path.starts_with("/webhook/") && operation.path != "/webhook/health" {
                let order = text(&known["orderId"])?;
                asks[0].target = format!("{}?{}", operation.path, paid(&order, self.marks));
            }
            if operation.path == "/reconciliations" {
                asks[0].target.clone_from(&operation.path);
                asks[0].body = Some(("text/csv".to_owned(), LIST.into()));
            }
            for ask in asks {
                self.caller.ask(ask).await;
            }
        }
        Ok(())
    }

    /// New ids for what the operation uses up.
    async fn refresh(&self, operation: &Operation, known: &mut Known) -> Result<(), Failure> {
        let path = operation.path.as_str();
        let unique = Uuid::now_v7().simple().to_string();
        known.insert("planId", json!(format!("plan-{unique}")));
        known.insert("orderId", json!(format!("O-{unique}")));
        known.insert("amount", json!(AMOUNT));
        known.insert("customerId", json!(CUSTOMER));
        // The subscriptions of another operation use the one that there is.
        known.insert("billingKey", json!(self.register().await?));
        let needs = |words: &[&str]| words.iter().any(|word| path.contains(word));
        if needs(&["/subscription/", "/cancel", "/payment/", "/refund", "/pay"]) {
            self.subscribe(known).await?;
        }
        if needs(&["/easypay/status", "/easypay/cancel", "/easypay/order/", "/webhook"]) {
            self.prepare(known).await?;
        }
        if needs(&["/easypay/links"]) {
            self.link(known).await?;
        }
        if needs(&["/events/"]) {
            let events = self.caller.good(Method::GET, "/events?limit=1", None).await.json;
            known.insert("eventId", events["data"]["items"][0]["id"].clone());
        }
        if needs(&["/webhook-endpoints/"]) {
            let body = json!({"url": known["url"], "enabled": false});
            let made = self.caller.post("/webhook-endpoints", &body, &[201]).await?;
            known.insert("webhook-endpointId", made["data"]["id"].clone());
        }
        let subscription = known.get("subscriptionId").and_then(Value::as_str).unwrap_or_default();
        let subscription = format!("/billing/subscription/{subscription}");
        match path {
            "/customers/{customerId}" | "/customers/{customerId}/merge" => {
                let mut other = card(&self.marks.card, &self.marks.birth_date);
                other["customerId"] = json!(unique);
                self.caller.post("/billing/register", &other, &[201]).await?;
                known.insert("customerId", json!(unique));
            }
            "/easypay/cancel" => {
                let order = json!({"orderId": known["orderId"]});
                self.caller.post(path, &order, &[200]).await?;
            }
            "/billing/subscription/{id}/resume" => {
                self.caller.post(&format!("{subscription}/pause"), &json!({}), &[200]).await?;
            }
            "/billing/subscription/{id}/paid" => {
                let shown = self.caller.good(Method::GET, &subscription, None).await.json;
                let next = shown["data"]["nextCharge"]["periodStart"].clone();
                known.insert("periodStart", next);
                known.insert("transactionId", json!(unique[..20]));
            }
            "/billing/subscription/{id}/consent" => {
                let rise = json!({"amount": 12_000});
                self.caller.good(Method::PATCH, &subscription, Some(&rise)).await;
                known.insert("amount", json!(12_000));
            }
            "/billing/payment/{id}/resolve" => {
                self.fault("CARD-BATCH", "drop_after").await?;
                known.insert("paymentId", self.pay(known, 202).await?["data"]["id"].clone());
            }
            "/easypay/order/{orderId}/resolve" => {
                known.insert("transactionId", json!(unique[..20]));
            }
            "/billing/refund/{id}/resolve" => {
                self.fault("CANCEL", "drop_after").await?;
                let refund = self.refund(known, 202).await?;
                known.insert("refundId", refund["data"]["refund"]["id"].clone());
            }
            _ => {}
        }
        Ok(())
    }

    /// A subscription whose first period is paid.
    async fn subscribe(&self, known: &mut Known) -> Result<(), Failure> {
        let mut made = Err("not tried".into());
        for n in 0..TRIES {
            let plan = format!("{}-{n}", text(&known["planId"])?);
            let body = json!({
                "billingKey": known["billingKey"], "customerId": CUSTOMER, "planId": plan,
                "amount": AMOUNT, "productName": "월간 구독", "cycleDay": 15, "chargeNow": true,
                "metadata": {"source": "self-check"},
            });
            made = self.caller.post("/billing/subscribe", &body, &[201]).await;
            if made.is_ok() {
                break;
            }
        }
        let made = made?;
        let id = text(&made["data"]["id"])?;
        let list = format!("/billing/payments?subscriptionId={id}");
        let payments = self.caller.good(Method::GET, &list, None).await.json;
        known.insert("paymentId", payments["data"]["items"][0]["id"].clone());
        known.insert("subscriptionId", json!(id));
        known.insert("planId", json!(format!("plan-{}", Uuid::now_v7().simple())));
        Ok(())
    }

    pub(super) async fn prepare(&self, known: &Known) -> Result<Value, Failure> {
        let body = json!({
            "orderId": known["orderId"], "amount": AMOUNT, "productName": "주문",
            "customerName": "홍길동",
        });
        self.caller.post("/easypay/prepare", &body, &[200]).await
    }

    async fn link(&self, known: &mut Known) -> Result<(), Failure> {
        let body = json!({"amount": AMOUNT, "productName": "주문", "customerName": "홍길동"});
        let made = self.caller.post("/easypay/links", &body, &[201]).await?;
        known.insert("linkId", made["data"]["id"].clone());
        Ok(())
    }

    async fn pay(&self, known: &Known, status: u16) -> Result<Value, Failure> {
        let body = single(known);
        for _ in 1..TRIES {
            if let Ok(paid) = self.caller.post("/billing/pay", &body, &[status]).await {
                return Ok(paid);
            }
        }
        self.caller.post("/billing/pay", &body, &[status]).await
    }

    async fn refund(&self, known: &Known, status: u16) -> Result<Value, Failure> {
        let body = json!({"paymentId": known["paymentId"], "amount": 1000, "reason": "변심"});
        self.caller.post("/billing/refund", &body, &[status]).await
    }

    /// What goes wrong at the gateway next. Its messages repeat a card number.
    async fn fault(&self, on: &str, kind: &str) -> Result<(), Failure> {
        let card = &self.marks.echoed_card;
        let fault = json!({
            "on": on, "kind": kind, "code": "2003", "delayMs": DELAY_MS,
            "message": format!("카드번호 {card} 승인 거절"),
            "url": format!("https://gateway.example.com/pay/process?CARDNO={card}"),
        });
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("{}/faults", self.sandbox_url);
        client.delete(&url).send().await?.error_for_status()?;
        // Not every kind can happen in every exchange: the sandbox refuses those that cannot.
        client.post(&url).json(&fault).send().await?;
        Ok(())
    }

    /// Every fault in every exchange; of those that take long those of the lane. How many.
    async fn faults(&self, known: &mut Known, lane: Option<usize>) -> Result<usize, Failure> {
        let mut count = 0;
        let place = |kind: &str| SLOW.iter().position(|slow| *slow == kind);
        let ours = |kind: &&str| place(kind).is_none_or(|at| lane == Some(at % 2));
        for kind in kiwoom_sandbox::fault_kinds().filter(ours) {
            for on in ["READY", "CARD-KEYGEN", "CARD-BATCH", "CANCEL", "HASH"] {
                self.meet(known, on, kind).await?;
                count += 1;
            }
        }
        let client = reqwest::Client::builder().no_proxy().build()?;
        client.delete(format!("{}/faults", self.sandbox_url)).send().await?;
        Ok(count)
    }

    async fn meet(&self, known: &mut Known, on: &str, kind: &str) -> Result<(), Failure> {
        let any = [200, 201, 202, 400, 402, 409, 500, 502, 503];
        let card = card(&self.marks.card, &self.marks.birth_date);
        let (path, body) = match on {
            "CARD-BATCH" => ("/billing/pay", single(known)),
            "CANCEL" => {
                let paid = self.pay(known, 200).await?;
                let body = json!({"paymentId": paid["data"]["id"], "amount": 1000});
                ("/billing/refund", body)
            }
            "HASH" => {
                let order = json!(format!("O-{}", Uuid::now_v7().simple()));
                let body = json!({
                    "orderId": order, "amount": AMOUNT, "productName": "주문",
                    "customerName": "홍길동",
                });
                ("/easypay/prepare", body)
            }
            _ => ("/billing/register", card),
        };
        self.fault(on, kind).await?;
        self.caller.post(path, &body, &any).await.map(drop)
    }
}

/// A registration.
pub fn card(number: &str, birth_date: &str) -> Value {
    json!({
        "cardNumber": number, "expireDate": "4912", "cardPassword": CARD_PASSWORD,
        "birthDate": birth_date, "customerName": "홍길동", "customerId": CUSTOMER,
        "customerEmail": "hong@example.com",
    })
}

/// A single charge.
fn single(known: &Known) -> Value {
    json!({
        "billingKey": known["billingKey"], "customerId": CUSTOMER, "amount": AMOUNT,
        "productName": "단건 결제",
    })
}

pub(super) fn text(value: &Value) -> Result<String, Failure> {
    Ok(value.as_str().ok_or("an answer without what was asked for")?.to_owned())
}
