//! The merchant's contracts with KiwoomPay. Each has a merchant id (CPID), a key, and what may be
//! sold under it (protocol section 1).

use std::sync::Arc;

use secrecy::SecretString;

use crate::rules::money::Won;
use crate::rules::text::Text;

/// PRODUCTTYPE: what a contract is for. With the other one every payment is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductType {
    /// Digital goods.
    Digital,
    /// Physical goods.
    Physical,
}

impl ProductType {
    /// As it is on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Digital => "1",
            Self::Physical => "2",
        }
    }
}

/// How what is sold under a contract is taxed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaxType {
    /// Each sale says (건별구분): any part of it may be tax-free.
    PerSale,
    /// All of each sale is taxed.
    Taxed,
    /// All of each sale is tax-free.
    TaxFree,
}

impl TaxType {
    /// Whether a sale of `amount` may have this tax-free part in won; if not, what it has to be.
    pub fn check(self, amount: Won, tax_free: i64) -> Result<(), Text> {
        match self {
            Self::Taxed if tax_free != 0 => Err(Text::new(
                "이 계약은 과세 상품만 결제할 수 있어 0이어야 합니다(건별구분 계약이면 KIWOOM_TAX_TYPE 설정).",
                "Has to be 0: the contract is for taxed goods only (see KIWOOM_TAX_TYPE).",
            )),
            Self::TaxFree if tax_free != amount.get() => Err(Text::new(
                "이 계약은 면세 상품만 결제할 수 있어 결제 금액과 같아야 합니다(건별구분 계약이면 KIWOOM_TAX_TYPE 설정).",
                "Has to be the whole amount: the contract is for tax-free goods only (see \
                 KIWOOM_TAX_TYPE).",
            )),
            Self::PerSale | Self::Taxed | Self::TaxFree => Ok(()),
        }
    }
}

/// BILLTYPE of contracts that register a card by its number and expiry alone (protocol section 2.1).
const WITHOUT_HOLDER: &str = "18";

/// One contract.
#[derive(Clone, Debug)]
pub struct Contract {
    /// CPID.
    pub cpid: String,
    /// Its authentication key (연동키).
    pub auth_key: SecretString,
    /// PRODUCTTYPE.
    pub product_type: ProductType,
    /// BILLTYPE.
    pub bill_type: String,
    /// Which TAXFREECD it takes.
    pub tax_type: TaxType,
}

impl Contract {
    /// Whether a registration checks the holder: birth date or business number, and the PIN.
    pub fn checks_holder(&self) -> bool {
        self.bill_type != WITHOUT_HOLDER
    }
}

/// All contracts whose keys the service has.
#[derive(Clone, Debug)]
pub struct Contracts {
    /// Registers and charges cards.
    pub billing: Arc<Contract>,
    /// Opens the payment window.
    pub window: Arc<Contract>,
    /// Open it for one method alone, in place of that one: by PAYMETHOD, without the second names that
    /// cards have.
    pub methods: Vec<(&'static str, Arc<Contract>)>,
    /// Take no new payments: what was paid under them is refunded, and notified.
    pub retired: Vec<Arc<Contract>>,
    /// The CPIDs besides its own whose registered cards the billing contract may charge.
    pub cards_of: Vec<String>,
}

impl Contracts {
    /// The one with this CPID.
    pub fn find(&self, cpid: &str) -> Option<&Arc<Contract>> {
        self.in_use().chain(&self.retired).find(|contract| contract.cpid == cpid)
    }

    /// Those that take payments.
    fn in_use(&self) -> impl Iterator<Item = &Arc<Contract>> {
        let own = self.methods.iter().map(|(_, contract)| contract);
        [&self.billing, &self.window].into_iter().chain(own)
    }

    /// The CPIDs that take payments.
    pub fn charging(&self) -> Vec<String> {
        let mut cpids = Vec::new();
        for Contract { cpid, .. } in self.in_use().map(Arc::as_ref) {
            if !cpids.contains(cpid) {
                cpids.push(cpid.clone());
            }
        }
        cpids
    }

    /// The contract of its own that this method of the window has.
    pub fn own(&self, method: &str) -> Option<&Arc<Contract>> {
        self.methods.iter().find(|(name, _)| *name == method).map(|(_, contract)| contract)
    }

    /// The CPIDs whose registered cards the billing contract may charge.
    pub fn cpids_of_cards(&self) -> Vec<String> {
        [std::slice::from_ref(&self.billing.cpid), &self.cards_of].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_takes_the_tax_free_parts_it_is_for() {
        use TaxType::{PerSale, TaxFree, Taxed};
        for (tax_type, part, good) in [
            (PerSale, 0, true),
            (PerSale, 400, true),
            (PerSale, 1000, true),
            (Taxed, 0, true),
            (Taxed, 1, false),
            (Taxed, 1000, false),
            (TaxFree, 0, false),
            (TaxFree, 999, false),
            (TaxFree, 1000, true),
        ] {
            let checked = tax_type.check(Won::new(1000).unwrap(), part);
            assert_eq!(checked.is_ok(), good, "{tax_type:?} {part}");
        }
    }
}
