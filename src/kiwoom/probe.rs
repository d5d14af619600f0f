//! What can be asked of KiwoomPay without moving money: whether it is there, and takes the key.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::DATE;
use url::Url;

use crate::kiwoom::client::KiwoomClient;
use crate::kiwoom::error::GatewayError;
use crate::kiwoom::outgoing::causes;
use crate::kiwoom::wire::Fields;
use crate::rules::contract::Contract;

impl KiwoomClient {
    /// Where the gateway is.
    pub fn base_url(&self) -> &Url {
        self.exchange.base_url()
    }

    /// How long ago KiwoomPay last gave an answer that could be read; `None`: not since the start of the
    /// process.
    pub fn last_answer(&self) -> Option<Duration> {
        self.exchange.last_answer()
    }

    /// Whether the gateway's host answers at all, whatever it says: its time, where it tells it. The
    /// error names every cause, the outermost first.
    pub async fn reach(&self) -> Result<Option<DateTime<Utc>>, String> {
        let response = self.exchange.reach().await.map_err(causes)?;
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        Ok(date.map(|date| date.to_utc()))
    }

    /// Step 1 of a call with this PAYMETHOD, or of a cancellation of one, and nothing after it: whether
    /// KiwoomPay takes the key, and the method is open to the CPID of this contract. Moves no money.
    pub async fn try_ready(
        &self,
        contract: &Contract,
        method: &str,
        cancels: bool,
    ) -> Result<(), GatewayError> {
        let fields = Fields::new(&contract.cpid, method);
        let fields = fields.with_some("CANCELREQ", cancels.then_some("Y"));
        self.exchange.begin(&contract.auth_key, &fields).await.map(drop)
    }

    /// The hash of an order that nobody makes. Moves no money.
    pub async fn try_hash(&self, contract: &Contract, method: &str) -> Result<(), GatewayError> {
        let number = format!("CHK{}", uuid::Uuid::now_v7().simple());
        let fields = Fields::new(&contract.cpid, method)
            .with("TYPE", "P")
            .with("ORDERNO", &number)
            .with("AMOUNT", "1000");
        let answer = self.ask("/pay/hash", contract, &fields).await?;
        let there = answer.get("KIWOOM_ENC").is_some();
        there.then_some(()).ok_or_else(|| GatewayError::NotSent("hash answered without it".into()))
    }
}
