//! The calls that the service makes, each with its fields and the checks of its answer.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::kiwoom::answers::{self, Approval, Cancellation, Registered};
use crate::kiwoom::card::{BirthDate, CardNumber, CardPassword, ExpireDate};
use crate::kiwoom::codes::{Codes, SUCCESS};
use crate::kiwoom::error::GatewayError;
use crate::kiwoom::exchange::{Exchange, Ticket};
use crate::kiwoom::pace::Turn;
use crate::kiwoom::set_up::{Call, SetUp};
use crate::kiwoom::spelling;
use crate::kiwoom::tax;
use crate::kiwoom::text::{CustomerId, OrderNo};
use crate::kiwoom::wire::{Answer, Fields};
use crate::rules::contract::{Contract, Contracts};
use crate::rules::forward_proxy::ForwardProxy;
use crate::rules::money::Won;

/// PAYMETHOD of a registration.
pub const KEYGEN: &str = "CARD-KEYGEN";
/// PAYMETHOD of a charge, and of the cancellation of one.
pub const BATCH: &str = "CARD-BATCH";
/// CANCELREASON holds 20 characters (protocol section 1).
const MAX_CANCEL_REASON_CHARS: usize = 20;

/// KiwoomPay for one merchant with all its contracts.
pub struct KiwoomClient {
    pub(super) exchange: Exchange,
    contracts: Contracts,
    unnamed_cpid: String,
    codes: Arc<Codes>,
    set_up: SetUp,
    pub(super) agent_url: Url,
    pub(super) window_url: Url,
}

/// Where KiwoomPay is, and how long it may take.
pub struct Endpoints {
    /// API base.
    pub base_url: Url,
    /// Merchant pages, for receipts.
    pub agent_url: Url,
    /// API base as a browser reaches it, for the hosted window.
    pub window_url: Url,
    /// Total time of one call, both steps.
    pub timeout: Duration,
    /// What calls go through.
    pub proxy: Option<ForwardProxy>,
    /// What result codes mean.
    pub codes: Codes,
}

/// A card to be registered.
pub struct Registration<'a> {
    /// Unique number of this call.
    pub order_no: &'a OrderNo,
    /// The card.
    pub card_number: &'a CardNumber,
    /// Its month of expiry.
    pub expire_date: &'a ExpireDate,
    /// First two digits of the PIN, and birth date or business number of its holder: for contracts
    /// that check them.
    pub holder: Option<(&'a CardPassword, &'a BirthDate)>,
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
    /// Name of the customer. It is left out when nothing of it can be read there.
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
    /// `unnamed_cpid`: the CPID of payments and cards of which the books name none. Fails only when
    /// TLS cannot be set up.
    pub fn new(
        endpoints: Endpoints,
        contracts: Contracts,
        unnamed_cpid: String,
    ) -> reqwest::Result<Self> {
        let Endpoints { base_url, agent_url, window_url, timeout, proxy, codes } = endpoints;
        let codes = Arc::new(codes);
        Ok(Self {
            exchange: Exchange::new(base_url, timeout, proxy.as_ref(), codes.clone())?,
            contracts,
            unnamed_cpid,
            codes,
            set_up: SetUp::default(),
            agent_url,
            window_url,
        })
    }

    /// The contracts.
    pub fn contracts(&self) -> &Contracts {
        &self.contracts
    }

    /// The CPID of a payment or card of which the books name this one.
    pub fn cpid_of<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        named.unwrap_or(&self.unnamed_cpid)
    }

    /// The contract that a payment was made under, of which the books name this CPID; `None` when
    /// its key is not in the settings.
    pub fn contract_of(&self, named: Option<&str>) -> Option<&Arc<Contract>> {
        self.contracts.find(self.cpid_of(named))
    }

    /// Registers a card (protocol section 2.1). Moves no money, so an unknown outcome may be tried
    /// again; the key that may have been made then is never used. The turn is one for [`KEYGEN`].
    pub async fn register(
        &self,
        turn: Turn,
        card: Registration<'_>,
    ) -> Result<Registered, GatewayError> {
        let call = Call::new(turn.contract(), KEYGEN);
        let fields = Fields::new(&turn.contract().cpid, turn.method());
        let ready = self.exchange.ready(turn, &fields).await;
        let ticket = ready.inspect_err(|error| self.set_up.refused(&call, error))?;
        let contract = ticket.contract();
        let fields = fields
            .with("ORDERNO", card.order_no.as_str())
            .with("PRODUCTTYPE", contract.product_type.code())
            .with("BILLTYPE", &contract.bill_type)
            .with("AMOUNT", "0")
            .with("PRODUCTNAME", "카드 등록")
            .with("IPADDRESS", "127.0.0.1")
            .with_text("USERID", card.customer_id.as_str())
            .with("PRODUCTCODE", "")
            .with("CARDNO", card.card_number.expose())
            .with("EXPIREDT", &card.expire_date.expose_yyyymm())
            .with_some("CARDAUTH", card.holder.map(|(_, birth_date)| birth_date.expose()))
            .with_some("CARDPASSWORD", card.holder.map(|(password, _)| password.expose()))
            .with("QUOTA", "00")
            .with("TAXFREECD", "00")
            .with("DIRECT_YN", "N");
        let answer = self.exchange.send(ticket, &fields).await.map_err(|error| match error {
            GatewayError::Refused { code, message, verdict, setting } => {
                let message = card.card_number.masked_in(message);
                GatewayError::Refused { code, message, verdict, setting }
            }
            other => other,
        });
        self.set_up.answered(&call, &answer);
        answers::registered(&answer?)
    }

    /// Step 1 of a charge. The turn is one for [`BATCH`].
    pub async fn ready_to_charge(&self, turn: Turn) -> Result<Ticket, GatewayError> {
        let call = Call::new(turn.contract(), BATCH);
        let fields = Fields::new(&turn.contract().cpid, turn.method());
        let ready = self.exchange.ready(turn, &fields).await;
        ready.inspect_err(|error| self.set_up.refused(&call, error))
    }

    /// Step 2 of a charge (protocol section 2.2): takes the money.
    pub async fn charge(
        &self,
        ticket: Ticket,
        order: ChargeOrder<'_>,
    ) -> Result<Approval, GatewayError> {
        let (tax_code, tax_free) = tax::code(order.tax_free_amount, order.amount);
        let contract = ticket.contract();
        let call = Call::new(contract, BATCH);
        let fields = Fields::new(&contract.cpid, ticket.method())
            .with("ORDERNO", order.order_no.as_str())
            .with("PRODUCTTYPE", contract.product_type.code())
            .with("BILLTYPE", &contract.bill_type)
            .with("AMOUNT", &order.amount.to_string())
            .with_text("PRODUCTNAME", order.product_name)
            .with("IPADDRESS", "127.0.0.1")
            .with_text("USERID", order.customer_id)
            .with("PRODUCTCODE", tax_free.as_deref().unwrap_or_default())
            .with("QUOTA", "00")
            .with("TAXFREECD", tax_code)
            .with("AUTOKEY", order.autokey.expose_secret())
            .with_some("USERNAME", order.customer_name.and_then(spelling::name).as_deref());
        let answer = self.exchange.send(ticket, &fields).await;
        self.set_up.answered(&call, &answer);
        answers::approval(&answer?, &order.amount.to_string(), order.order_no.as_str())
    }

    /// Step 1 of a cancellation. The turn is one for the PAYMETHOD that was paid with.
    pub async fn ready_to_cancel(&self, turn: Turn) -> Result<Ticket, GatewayError> {
        let call = cancellation(turn.contract(), turn.method());
        let fields = Fields::new(&turn.contract().cpid, turn.method()).with("CANCELREQ", "Y");
        let ready = self.exchange.ready(turn, &fields).await;
        ready.inspect_err(|error| self.set_up.refused(&call, error))
    }

    /// Step 2 of a cancellation (protocol section 2.3): gives money back.
    pub async fn cancel(
        &self,
        ticket: Ticket,
        order: CancelOrder<'_>,
    ) -> Result<Cancellation, GatewayError> {
        let call = cancellation(ticket.contract(), ticket.method());
        let amount = order.amount.to_string();
        let told = order.tax_free_amount > 0 && tax::is_taken_by_cancellation(ticket.method());
        let tax_free = told.then(|| order.tax_free_amount.to_string());
        let fields = Fields::new(&ticket.contract().cpid, ticket.method())
            .with("TRXID", order.transaction_id)
            .with("AMOUNT", &amount)
            .with("CANCELREASON", &cancel_reason(order.reason))
            .with("CANCELREQ", "Y")
            .with_some("TAXFREEAMT", tax_free.as_deref());
        let answer = self.exchange.send(ticket, &fields).await;
        self.set_up.answered(&call, &answer);
        answers::cancellation(&answer?, &amount, order.transaction_id)
    }

    /// A call that moves no money, retried.
    pub(super) async fn ask(
        &self,
        path: &str,
        contract: &Contract,
        fields: &Fields,
    ) -> Result<Answer, GatewayError> {
        let answer = self.exchange.ask(path, &contract.auth_key, fields).await?;
        let answer = match answer.result() {
            Some((code, message)) if code != SUCCESS => {
                let setting = self.codes.setting(&code);
                Err(GatewayError::ReadyRefused { code, message, setting })
            }
            _ => Ok(answer),
        };
        self.set_up.answered(&Call::new(contract, path), &answer);
        answer
    }

    /// What result codes mean.
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// What KiwoomPay refuses because of the merchant's set-up.
    pub fn set_up(&self) -> &SetUp {
        &self.set_up
    }
}

fn cancellation(contract: &Contract, method: &str) -> Call {
    Call::new(contract, format!("cancellation of {method}"))
}

/// At most 20 characters, without those that are commands there (protocol section 1): the full reason
/// is in our own records.
fn cancel_reason(reason: &str) -> String {
    let plain = |c: char| match c {
        '[' => '(',
        ']' => ')',
        '^' | '｜' => '/',
        c => c,
    };
    spelling::on_wire(reason).chars().map(plain).take(MAX_CANCEL_REASON_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_made_to_fit() {
        assert_eq!(cancel_reason("[STOPREQ] 변심^[3]"), "(STOPREQ) 변심/(3)");
        assert_eq!(cancel_reason("고객 변심 🎉 a|b"), "고객 변심  a/b");
        assert_eq!(cancel_reason("🎉"), "?");
        assert_eq!(cancel_reason(&"가".repeat(30)).chars().count(), 20);
    }
}
