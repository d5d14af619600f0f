//! The contracts that the sandbox has with its merchant: one for each CPID, each with its key.

use crate::codes;
use crate::wire::{Fields, Refusal};

/// A contract: what may be paid under its CPID, and how.
#[derive(Debug)]
pub struct Contract {
    /// CPID. Ids of test contracts begin with `CT`.
    pub cpid: &'static str,
    /// The authentication key: public, and worth nothing anywhere else.
    pub auth_key: &'static str,
    /// PRODUCTTYPE, for every method.
    pub product_type: &'static str,
    /// BILLTYPE.
    pub bill_type: &'static str,
    /// The values of TAXFREECD that it takes.
    pub tax_free_codes: &'static [&'static str],
    /// Whether it registers and charges cards.
    pub billing: bool,
    /// Whether it opens the payment window.
    pub window: bool,
}

/// Each sale says (건별구분).
const PER_SALE: &[&str] = &["00", "01", "02"];

/// All contracts.
pub const CONTRACTS: [Contract; 4] = [
    Contract {
        cpid: "CTSANDBOX",
        auth_key: "5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c00000001",
        product_type: "1",
        bill_type: "14",
        tax_free_codes: PER_SALE,
        billing: true,
        window: true,
    },
    Contract {
        cpid: "CTSANDBOXCARD",
        auth_key: "5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c00000002",
        product_type: "1",
        bill_type: "18",
        tax_free_codes: &["00"],
        billing: true,
        window: false,
    },
    Contract {
        cpid: "CTSANDBOXWINDOW",
        auth_key: "5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c00000003",
        product_type: "1",
        bill_type: "14",
        tax_free_codes: PER_SALE,
        billing: false,
        window: true,
    },
    Contract {
        cpid: "CTSANDBOXGOODS",
        auth_key: "5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c00000004",
        product_type: "2",
        bill_type: "13",
        tax_free_codes: PER_SALE,
        billing: true,
        window: true,
    },
];

impl Contract {
    /// The contract with this CPID.
    pub fn find(cpid: &str) -> Option<&'static Self> {
        CONTRACTS.iter().find(|contract| contract.cpid == cpid)
    }

    /// Whether the request asks for what the contract has, as far as it says so.
    pub fn check(&self, request: &Fields) -> Result<(), Refusal> {
        let wrong = |name: &str, right: &[&str]| {
            request.find(name).is_some_and(|value| !value.is_empty() && !right.contains(&value))
        };
        if wrong("BILLTYPE", &[self.bill_type]) {
            return Err(codes::other_bill_type(self.bill_type));
        }
        if wrong("PRODUCTTYPE", &[self.product_type]) {
            return Err(codes::not_in_contract("PRODUCTTYPE", self.product_type));
        }
        if wrong("TAXFREECD", self.tax_free_codes) {
            return Err(codes::not_in_contract("TAXFREECD", &self.tax_free_codes.join(", ")));
        }
        Ok(())
    }
}
