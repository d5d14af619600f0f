//! The calls that the service makes, each with its fields and the checks of its answer.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::kiwoom::answers::{self, Approval, Cancellation, Registered};
use crate::kiwoom::card::{BirthDate, CardNumber, CardPassword, ExpireDate};
use crate::kiwoom::charset;
use crate::kiwoom::codes;
use crate::kiwoom::error::GatewayError;
use crate::kiwoom::exchange::{Exchange, Ticket};
use crate::kiwoom::pace::Turn;
use crate::kiwoom::tax;
use crate::kiwoom::text::{CustomerId, OrderNo};
use crate::kiwoom::wire::{Answer, Fields};
use crate::rules::money::Won;

/// PAYMETHOD of a registration.
pub const KEYGEN: &str = "CARD-KEYGEN";
/// PAYMETHOD of a charge, and of the cancellation of one.
pub const BATCH: &str = "CARD-BATCH";
/// PRODUCTTYPE: digital goods.
const DIGITAL: &str = "1";
/// CANCELREASON holds 20 characters (protocol section 1).
const MAX_CANCEL_REASON_CHARS: usize = 20;

/// KiwoomPay for one merchant (CPID) and one key.
pub struct KiwoomClient {
    exchange: Exchange,
    cpid: String,
    bill_type: String,
    pub(super) agent_url: Url,
    pub(super) window_url: Url,
}

/// What the client needs to know about the contract.
pub struct Contract {
    /// API base.
    pub base_url: Url,
    /// Merchant pages, for receipts.
    pub agent_url: Url,
    /// API base as a browser reaches it, for the hosted window.
    pub window_url: Url,
    /// CPID.
    pub cpid: String,
    /// 연동키.
    pub auth_key: SecretString,
    /// BILLTYPE.
    pub bill_type: String,
    /// Total time of one call.
    pub timeout: Duration,
}

/// A card to be registered.
pub struct Registration<'a> {
    /// Unique number of this call.
    pub order_no: &'a OrderNo,
    /// The card.
    pub card_number: &'a CardNumber,
    /// Its month of expiry.
    pub expire_date: &'a ExpireDate,
    /// First two digits of the PIN.
    pub card_password: &'a CardPassword,
    /// Birth date or business number of its holder.
    pub birth_date: &'a BirthDate,
    /// The merchant's customer.
    pub customer_id: &'a CustomerId,
}

/// A charge of a registered card.
pub struct ChargeOrder<'a> {
    /// Unique number of this attempt.
    pub order_no: &'a OrderNo,
    /// KiwoomPay's billing key.
    pub autokey: &'a SecretString,
    /// Won.
    pub amount: Won,
    /// Its tax-free part in won.
    pub tax_free_amount: i64,
    /// What the buyer sees on the bill.
    pub product_name: &'a str,
    /// The merchant's customer.
    pub customer_id: &'a str,
    /// Name of the customer.
    pub customer_name: Option<&'a str>,
}

/// A cancellation (refund), whole or partial.
pub struct CancelOrder<'a> {
    /// DAOUTRX of the payment.
    pub transaction_id: &'a str,
    /// Won to give back.
    pub amount: Won,
    /// Its tax-free part in won; 0 = none.
    pub tax_free_amount: i64,
    /// For the merchant's own records at KiwoomPay.
    pub reason: &'a str,
}

impl KiwoomClient {
    /// Fails only when TLS cannot be set up.
    pub fn new(contract: Contract) -> reqwest::Result<Self> {
        Ok(Self {
            exchange: Exchange::new(contract.base_url, contract.auth_key, contract.timeout)?,
            cpid: contract.cpid,
            bill_type: contract.bill_type,
            agent_url: contract.agent_url,
            window_url: contract.window_url,
        })
    }

    /// Registers a card (protocol section 2.1). Moves no money, so an unknown outcome may be tried
    /// again; the key that may have been made then is never used. The turn is one for [`KEYGEN`].
    pub async fn register(
        &self,
        turn: Turn,
        card: Registration<'_>,
    ) -> Result<Registered, GatewayError> {
        let fields = Fields::new(&self.cpid, turn.method());
        let ticket = self.exchange.ready(turn, &fields).await?;
        let fields = fields
            .with("ORDERNO", card.order_no.as_str())
            .with("PRODUCTTYPE", DIGITAL)
            .with("BILLTYPE", &self.bill_type)
            .with("AMOUNT", "0")
            .with("PRODUCTNAME", "카드 등록")
            .with("IPADDRESS", "127.0.0.1")
            .with("USERID", card.customer_id.as_str())
            .with("PRODUCTCODE", "")
            .with("CARDNO", card.card_number.expose())
            .with("EXPIREDT", &card.expire_date.expose_yyyymm())
            .with("CARDAUTH", card.birth_date.expose())
            .with("CARDPASSWORD", card.card_password.expose())
            .with("QUOTA", "00")
            .with("TAXFREECD", "00")
            .with("DIRECT_YN", "N");
        let answer = self.exchange.send(ticket, &fields).await.map_err(|error| match error {
            GatewayError::Refused { code, message } => {
                GatewayError::Refused { code, message: card.card_number.masked_in(message) }
            }
            other => other,
        })?;
        answers::registered(&answer)
    }

    /// Step 1 of a charge. The turn is one for [`BATCH`].
    pub async fn ready_to_charge(&self, turn: Turn) -> Result<Ticket, GatewayError> {
        let fields = Fields::new(&self.cpid, turn.method());
        self.exchange.ready(turn, &fields).await
    }

    /// Step 2 of a charge (protocol section 2.2): takes the money.
    pub async fn charge(
        &self,
        ticket: Ticket,
        order: ChargeOrder<'_>,
    ) -> Result<Approval, GatewayError> {
        let (tax_code, tax_free) = tax::code(order.tax_free_amount, order.amount);
        let fields = Fields::new(&self.cpid, ticket.method())
            .with("ORDERNO", order.order_no.as_str())
            .with("PRODUCTTYPE", DIGITAL)
            .with("BILLTYPE", &self.bill_type)
            .with("AMOUNT", &order.amount.to_string())
            .with("PRODUCTNAME", order.product_name)
            .with("IPADDRESS", "127.0.0.1")
            .with("USERID", order.customer_id)
            .with("PRODUCTCODE", tax_free.as_deref().unwrap_or_default())
            .with("QUOTA", "00")
            .with("TAXFREECD", tax_code)
            .with("AUTOKEY", order.autokey.expose_secret())
            .with_some("USERNAME", order.customer_name);
        let answer = self.exchange.send(ticket, &fields).await?;
        answers::approval(&answer, &order.amount.to_string(), order.order_no.as_str())
    }

    /// Step 1 of a cancellation. The turn is one for the PAYMETHOD that was paid with.
    pub async fn ready_to_cancel(&self, turn: Turn) -> Result<Ticket, GatewayError> {
        let fields = Fields::new(&self.cpid, turn.method()).with("CANCELREQ", "Y");
        self.exchange.ready(turn, &fields).await
    }

    /// Step 2 of a cancellation (protocol section 2.3): gives money back.
    pub async fn cancel(
        &self,
        ticket: Ticket,
        order: CancelOrder<'_>,
    ) -> Result<Cancellation, GatewayError> {
        let amount = order.amount.to_string();
        let told = order.tax_free_amount > 0 && tax::is_taken_by_cancellation(ticket.method());
        let tax_free = told.then(|| order.tax_free_amount.to_string());
        let fields = Fields::new(&self.cpid, ticket.method())
            .with("TRXID", order.transaction_id)
            .with("AMOUNT", &amount)
            .with("CANCELREASON", &cancel_reason(order.reason))
            .with("CANCELREQ", "Y")
            .with_some("TAXFREEAMT", tax_free.as_deref());
        let answer = self.exchange.send(ticket, &fields).await?;
        answers::cancellation(&answer, &amount, order.transaction_id)
    }

    /// A call that moves no money, retried.
    pub(super) async fn ask(&self, path: &str, fields: &Fields) -> Result<Answer, GatewayError> {
        let answer = self.exchange.ask(path, fields).await?;
        match answer.result() {
            Some((code, message)) if code != codes::SUCCESS => {
                Err(GatewayError::ReadyRefused { code, message })
            }
            _ => Ok(answer),
        }
    }

    /// The merchant id.
    pub fn cpid(&self) -> &str {
        &self.cpid
    }
}

/// At most 20 characters, `?` for what CP949 does not have: the full reason is in our own records.
fn cancel_reason(reason: &str) -> String {
    let fits =
        |c: char| if c == '|' || charset::encode(&c.to_string()).is_none() { '?' } else { c };
    reason.chars().map(fits).take(MAX_CANCEL_REASON_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_made_to_fit() {
        assert_eq!(cancel_reason("고객 변심 🎉 a|b"), "고객 변심 ? a?b");
        assert_eq!(cancel_reason(&"가".repeat(30)).chars().count(), 20);
    }
}
