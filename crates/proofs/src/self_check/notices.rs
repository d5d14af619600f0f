//! Notifications of KiwoomPay, as they should be and with secrets in them.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::process::Failure;
use crate::self_check::caller::Ask;
use crate::self_check::marks::Marks;
use crate::self_check::routes::Known;
use crate::self_check::story::{AMOUNT, Story, text};

impl Story<'_> {
    /// Notifications with secrets in them, good and bad, in each way to send one.
    pub(super) async fn notifications(&self, known: &mut Known) -> Result<usize, Failure> {
        let marks = self.marks;
        let mut count = 0;
        for path in ["/webhook/kiwoom", "/webhook/noti"] {
            known.insert("orderId", json!(format!("O-{}", Uuid::now_v7().simple())));
            self.prepare(known).await?;
            let order = text(&known["orderId"])?;
            let wrong = paid(&marks.stray_card, marks);
            let failed = format!(
                "{}&RESULTCODE=2003&ERRORMESSAGE={}",
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

/// The notification of a paid order, with a card number that KiwoomPay has not masked.
pub fn paid(order: &str, marks: &Marks) -> String {
    let card = &marks.echoed_card;
    format!(
        "PAYMETHOD=KAKAOPAY&CPID={}&DAOUTRX={}&ORDERNO={order}&AMOUNT={AMOUNT}\
         &SETTDATE=20260205101010&CARDNO={card}&RESERVEDSTRING={card}&PRODUCTNAME=%C7%D1",
        kiwoom_sandbox::CPID,
        &Uuid::new_v4().simple().to_string()[..20],
    )
}
