//! Receipts (전표) in KiwoomPay's merchant pages (protocol section 5). Those of the test and of the
//! production pages cannot be seen in the other ones.

use crate::kiwoom::client::KiwoomClient;

impl KiwoomClient {
    /// The receipt page of a payment under this CPID (protocol section 5). `method` is what it was paid
    /// with.
    pub fn receipt_url(&self, cpid: &str, method: &str, transaction_id: &str) -> String {
        let (page, query) = match method {
            "CARD" | "CARD-BATCH" => ("PayInfoPrintDirectCard", "&STATUS=A"),
            "CARDK" => ("PayInfoPrintCreditCard", "&STATUS=A"),
            "BANK" => ("PayInfoPrintBank", "&STATUS=A"),
            "NAVERPAY" => ("PayInfoPrintNaverPay", "&STATUS=A"),
            "KAKAOPAY" => ("PayInfoPrintKakaoPay", ""),
            "VACCOUNT" => ("PayInfoPrintVaccount", ""),
            _ => ("PayInfoPrint", ""),
        };
        let cpid = if page == "PayInfoPrint" { format!("CPID={cpid}&") } else { String::new() };
        self.merchant_page(page, &format!("{cpid}DAOUTRX={transaction_id}{query}"))
    }

    /// The page of the cash receipt (현금영수증) that the buyer may have asked for: of a payment by bank
    /// transfer or into a virtual account. The production pages alone have any.
    pub fn cash_receipt_url(&self, method: &str, transaction_id: &str) -> Option<String> {
        matches!(method, "BANK" | "VACCOUNT")
            .then(|| self.merchant_page("CashRecInfoPrint", &format!("DAOUTRX={transaction_id}")))
    }

    fn merchant_page(&self, page: &str, query: &str) -> String {
        format!("{}/common/{page}.jsp?{query}", self.agent_url.as_str().trim_end_matches('/'))
    }
}
