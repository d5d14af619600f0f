//! Everything that a merchant does, well: each operation of the API with what it needs, and each
//! fault of the gateway in each exchange with it.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::caller::{Ask, Caller};
use super::marks::{CARD_PASSWORD, Marks};
use super::routes::{Known, Operation};
use crate::process::Failure;
use crate::sandbox;

const CUSTOMER: &str = "customer-1";
const AMOUNT: i64 = 9900;
/// Longer than the services wait for the gateway.
const DELAY_MS: u64 = 1200;
/// Kinds of faults that take their time: only the most talkative service meets them.
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
    /// Two cards, one of them a company's. What other requests need from then on.
    pub async fn begin(&self) -> Result<Known, Failure> {
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
            ("used", json!(1)),
            ("total", json!(2)),
            ("until", json!("2099-12-31")),
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
    pub async fn operations(
        &self,
        operations: &[Operation],
        known: &mut Known,
    ) -> Result<(), Failure> {
        for operation in operations {
            self.refresh(operation, known).await?;
            let mut asks = vec![operation.good(known, 0)];
            asks.extend((1..operation.bodies.len()).map(|kind| operation.good(known, kind)));
            if operation.path.starts_with("/webhook/") && operation.path != "/webhook/health" {
                let order = text(&known["orderId"])?;
                asks[0].target = format!("{}?{}", operation.path, paid(&order, self.marks));
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
        if path == "/billing/key/{billingKey}" {
            let old = known.insert("billingKey", json!(self.register().await?));
            drop(old);
        }
        let needs = |words: &[&str]| words.iter().any(|word| path.contains(word));
        if needs(&["/subscription/", "/cancel", "/payment/", "/refund", "/pay"]) {
            self.subscribe(known).await?;
        }
        if needs(&["/easypay/status", "/easypay/cancel", "/webhook"]) {
            self.prepare(known).await?;
        }
        if needs(&["/events/"]) {
            let events = self.caller.good(Method::GET, "/events?limit=1", None).await.json;
            known.insert("eventId", events["data"]["items"][0]["id"].clone());
        }
        let subscription = known.get("subscriptionId").and_then(Value::as_str).unwrap_or_default();
        let subscription = format!("/billing/subscription/{subscription}");
        match path {
            "/billing/subscription/{id}/resume" => {
                self.caller.post(&format!("{subscription}/pause"), &json!({}), &[200]).await?;
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
        let body = json!({
            "billingKey": known["billingKey"], "customerId": CUSTOMER, "planId": known["planId"],
            "amount": AMOUNT, "productName": "월간 구독", "cycleDay": 15, "chargeNow": true,
            "metadata": {"source": "self-check"},
        });
        let made = self.caller.post("/billing/subscribe", &body, &[201]).await?;
        let id = text(&made["data"]["id"])?;
        let list = format!("/billing/payments?subscriptionId={id}");
        let payments = self.caller.good(Method::GET, &list, None).await.json;
        known.insert("paymentId", payments["data"]["items"][0]["id"].clone());
        known.insert("subscriptionId", json!(id));
        known.insert("planId", json!(format!("plan-{}", Uuid::now_v7().simple())));
        Ok(())
    }

    async fn prepare(&self, known: &Known) -> Result<Value, Failure> {
        let body = json!({
            "orderId": known["orderId"], "amount": AMOUNT, "productName": "주문",
            "customerName": "홍길동",
        });
        self.caller.post("/easypay/prepare", &body, &[200]).await
    }

    async fn pay(&self, known: &Known, status: u16) -> Result<Value, Failure> {
        let body = json!({
            "billingKey": known["billingKey"], "customerId": CUSTOMER, "amount": AMOUNT,
            "productName": "단건 결제",
        });
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
            "on": on, "kind": kind, "code": "9115", "delayMs": DELAY_MS,
            "message": format!("카드번호 {card} 승인 거절"),
            "url": format!("https://gateway.example.com/pay/process?CARDNO={card}"),
        });
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("{}/faults", self.sandbox_url);
        client.delete(&url).send().await?.error_for_status()?;
        // Not every kind can befall every exchange: the sandbox refuses those that cannot.
        client.post(&url).json(&fault).send().await?;
        Ok(())
    }

    /// Every fault in every exchange; without those that take long unless `slow`. How many.
    pub async fn faults(&self, known: &mut Known, slow: bool) -> Result<usize, Failure> {
        let mut count = 0;
        for kind in sandbox::fault_kinds().filter(|kind| slow || !SLOW.contains(kind)) {
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
            "CARD-BATCH" => {
                let body = json!({
                    "billingKey": known["billingKey"], "customerId": CUSTOMER, "amount": AMOUNT,
                    "productName": "단건 결제",
                });
                ("/billing/pay", body)
            }
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

    /// Notifications with secrets in them, good and bad, in each way to send one.
    pub async fn notifications(&self, known: &mut Known) -> Result<usize, Failure> {
        let marks = self.marks;
        let mut count = 0;
        for path in ["/webhook/kiwoom", "/webhook/noti"] {
            known.insert("orderId", json!(format!("O-{}", Uuid::now_v7().simple())));
            self.prepare(known).await?;
            let order = text(&known["orderId"])?;
            let wrong = paid(&marks.stray_card, marks);
            let failed = format!(
                "{}&RESULTCODE=9115&ERRORMESSAGE={}",
                paid(&order, marks),
                marks.echoed_card
            );
            let own = format!("birthDate={}&apiKey={}", marks.birth_date, marks.wrong_key);
            for fields in [failed, paid(&order, marks), wrong, own] {
                let form = "application/x-www-form-urlencoded".to_owned();
                let pairs = url::form_urlencoded::parse(fields.as_bytes());
                let object: Value = pairs.map(|(k, v)| (k.into_owned(), json!(v))).collect();
                let bodies = [
                    None,
                    Some((form, fields.clone().into_bytes())),
                    Some(("application/json".to_owned(), object.to_string().into_bytes())),
                ];
                for body in bodies {
                    count += 1;
                    self.notify(path, &fields, body).await;
                }
            }
        }
        Ok(count)
    }

    async fn notify(&self, path: &str, fields: &str, body: Option<(String, Vec<u8>)>) {
        let (method, target) = match &body {
            None => (Method::GET, format!("{path}?{fields}")),
            Some(_) => (Method::POST, path.to_owned()),
        };
        let operation = format!("{method} {path}");
        self.caller.ask(Ask { operation, method, target, headers: Vec::new(), body }).await;
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

/// The notification of a paid order, with a card number that KiwoomPay has not masked.
fn paid(order: &str, marks: &Marks) -> String {
    let card = &marks.echoed_card;
    format!(
        "PAYMETHOD=KAKAOPAY&CPID={}&DAOUTRX={}&ORDERNO={order}&AMOUNT={AMOUNT}\
         &SETTDATE=20260205101010&CARDNO={card}&RESERVEDSTRING={card}&PRODUCTNAME=%C7%D1",
        sandbox::CPID,
        &Uuid::new_v4().simple().to_string()[..20],
    )
}

fn text(value: &Value) -> Result<String, Failure> {
    Ok(value.as_str().ok_or("an answer without what was asked for")?.to_owned())
}
