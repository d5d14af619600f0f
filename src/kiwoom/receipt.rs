//! Receipts (전표) in KiwoomPay's merchant pages (protocol section 5).

use crate::kiwoom::client::KiwoomClient;

impl KiwoomClient {
    /// The receipt page of a payment under this CPID (protocol section 5). `method` is what it was paid
    /// with.
    pub fn receipt_url(&self, cpid: &str, method: &str, transaction_id: &str) -> String {
        let (page, query) = match method {
            "CARD" => ("PayInfoPrintDirectCard", "&STATUS=A"),
            "KAKAOPAY" => ("PayInfoPrintKakaoPay", ""),
            "NAVERPAY" => ("PayInfoPrintNaverPay", "&STATUS=A"),
            _ => ("PayInfoPrint", ""),
        };
        let agent = self.agent_url.as_str().trim_end_matches('/');
        let cpid = if page == "PayInfoPrint" { format!("CPID={cpid}&") } else { String::new() };
        format!("{agent}/common/{page}.jsp?{cpid}DAOUTRX={transaction_id}{query}")
    }
}
