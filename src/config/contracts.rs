//! The contracts (CPIDs) of the merchant: `KIWOOM_CPID` and its key, a contract of its own for each
//! role and for each method of the window, and those that are retired.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::config::read::{Reader, is_cpid, is_hex};
use crate::rules::contract::{Contract, Contracts, ProductType, TaxType};

/// A merchant id with its key.
pub(super) type Account = (String, SecretString);

/// The settings of a role, or of a method of the window.
struct Role {
    cpid: &'static str,
    auth_key: &'static str,
    product_type: &'static str,
    tax_type: &'static str,
}

macro_rules! role {
    ($name:literal) => {
        Role {
            cpid: concat!("KIWOOM_", $name, "_CPID"),
            auth_key: concat!("KIWOOM_", $name, "_AUTH_KEY"),
            product_type: concat!("KIWOOM_", $name, "_PRODUCT_TYPE"),
            tax_type: concat!("KIWOOM_", $name, "_TAX_TYPE"),
        }
    };
}

const BILLING: Role = role!("BILLING");
const WINDOW: Role = role!("WINDOW");
/// By PAYMETHOD.
const METHODS: [(&str, Role); 6] = [
    ("KAKAOPAY", role!("KAKAOPAY")),
    ("NAVERPAY", role!("NAVERPAY")),
    ("SAMSUNGPAY", role!("SAMSUNGPAY")),
    ("PAYCO", role!("PAYCO")),
    ("CARD", role!("CARD")),
    ("BANK", role!("BANK")),
];

/// The accounts that the settings name.
pub(super) struct Accounts {
    /// `KIWOOM_CPID`, of every role without its own.
    pub default: Option<Account>,
    /// `KIWOOM_BILLING_CPID`.
    billing: Option<Account>,
    /// `KIWOOM_WINDOW_CPID`.
    window: Option<Account>,
    /// `KIWOOM_KAKAOPAY_CPID` and the like, as in [`METHODS`].
    methods: [Option<Account>; METHODS.len()],
}

impl Accounts {
    /// `KIWOOM_CPID` and its key `key_name` are required in production, and beside a role of which
    /// the other has no CPID of its own.
    pub(super) fn read(r: &mut Reader, key_name: &'static str, production: bool) -> Self {
        let own = [&BILLING, &WINDOW].map(|role| r.text(role.cpid).is_some());
        let required = if production { own != [true, true] } else { own[0] != own[1] };
        let default = r.cpid("KIWOOM_CPID", required).zip(r.auth_key(key_name, required));
        let mut own = |role: &Role| {
            let both = r.text(role.cpid).is_some() || r.text(role.auth_key).is_some();
            r.cpid(role.cpid, both).zip(r.auth_key(role.auth_key, both))
        };
        let [billing, window] = [&BILLING, &WINDOW].map(&mut own);
        let methods = METHODS.each_ref().map(|(_, role)| own(role));
        let accounts = Self { default, billing, window, methods };
        for (role, account) in [(&BILLING, &accounts.billing), (&WINDOW, &accounts.window)] {
            accounts.one_key_for_each(r, role.auth_key, account.as_ref());
        }
        for ((_, role), account) in METHODS.iter().zip(&accounts.methods) {
            accounts.one_key_for_each(r, role.auth_key, account.as_ref());
        }
        accounts
    }

    fn one_key_for_each(&self, r: &mut Reader, name: &'static str, account: Option<&Account>) {
        let Some((cpid, key)) = account else { return };
        let other = self.named().find(|(other, _)| other == cpid).map(|(_, key)| key);
        if other.is_some_and(|other| other.expose_secret() != key.expose_secret()) {
            r.wrong::<()>(name, "one key for each CPID: another setting has another for this one");
        }
    }

    /// Those that are set.
    pub(super) fn named(&self) -> impl Iterator<Item = &Account> {
        [&self.default, &self.billing, &self.window].into_iter().chain(&self.methods).flatten()
    }
}

/// The contracts of the roles. `None` where a role has no account; that was noted then.
pub(super) fn read(r: &mut Reader, accounts: Accounts) -> Option<Contracts> {
    let known = ["1", "2", "13", "14", "18"];
    let bill_type = r.text("KIWOOM_BILL_TYPE").unwrap_or_else(|| "14".to_owned());
    if !known.contains(&bill_type.as_str()) {
        r.wrong::<()>("KIWOOM_BILL_TYPE", "one of 1, 2, 13, 14, 18");
    }
    let product_type = product_type(r, "KIWOOM_PRODUCT_TYPE").unwrap_or(ProductType::Digital);
    let tax_type = tax_type(r, "KIWOOM_TAX_TYPE").unwrap_or(TaxType::PerSale);
    let Accounts { default, billing, window, methods } = accounts;
    let mut of_role = |role: &Role, own: Option<Account>| {
        let product_type = self::product_type(r, role.product_type).unwrap_or(product_type);
        let tax_type = self::tax_type(r, role.tax_type).unwrap_or(tax_type);
        let (cpid, auth_key) = own.or_else(|| default.clone())?;
        let bill_type = bill_type.clone();
        Some(Arc::new(Contract { cpid, auth_key, product_type, bill_type, tax_type }))
    };
    let billing = of_role(&BILLING, billing);
    let window = of_role(&WINDOW, window);
    let sold_by = METHODS.each_ref().map(|(_, role)| {
        (self::product_type(r, role.product_type), self::tax_type(r, role.tax_type))
    });
    let mut retired = retired(r);
    // With both roles elsewhere nothing new is paid under it.
    retired.extend(default);
    let cards_of = cpids(r, "KIWOOM_BILLING_CARDS_OF");
    let (billing, window) = (billing?, window?);
    let methods = of_methods(&window, methods, sold_by);
    let charging = [&billing, &window].into_iter().chain(methods.iter().map(|(_, own)| own));
    let charging: Vec<&str> = charging.map(|contract| contract.cpid.as_str()).collect();
    retired.retain(|(cpid, _)| !charging.contains(&cpid.as_str()));
    let retired = retired.into_iter().map(|(cpid, auth_key)| {
        let bill_type = bill_type.clone();
        Arc::new(Contract { cpid, auth_key, product_type, bill_type, tax_type })
    });
    let retired = retired.collect();
    Some(Contracts { billing, window, methods, retired, cards_of })
}

/// What a contract of a method is for, where its settings say so.
type SoldBy = (Option<ProductType>, Option<TaxType>);

/// The contracts of methods of which a setting says that they differ from the window's.
fn of_methods(
    window: &Contract,
    own: [Option<Account>; METHODS.len()],
    sold_by: [SoldBy; METHODS.len()],
) -> Vec<(&'static str, Arc<Contract>)> {
    let mut found = Vec::new();
    for (((method, _), own), sold_by) in METHODS.iter().zip(own).zip(sold_by) {
        if own.is_none() && sold_by == (None, None) {
            continue;
        }
        let mut contract = window.clone();
        if let Some((cpid, auth_key)) = own {
            contract = Contract { cpid, auth_key, ..contract };
        }
        contract.product_type = sold_by.0.unwrap_or(contract.product_type);
        contract.tax_type = sold_by.1.unwrap_or(contract.tax_type);
        found.push((*method, Arc::new(contract)));
    }
    found
}

fn product_type(r: &mut Reader, name: &'static str) -> Option<ProductType> {
    match r.text(name).as_deref() {
        None => None,
        Some("digital" | "1") => Some(ProductType::Digital),
        Some("physical" | "2") => Some(ProductType::Physical),
        Some(_) => r.wrong(name, "digital or physical, or PRODUCTTYPE 1 or 2"),
    }
}

fn tax_type(r: &mut Reader, name: &'static str) -> Option<TaxType> {
    match r.text(name).as_deref() {
        None => None,
        Some("per_sale") => Some(TaxType::PerSale),
        Some("taxed") => Some(TaxType::Taxed),
        Some("tax_free") => Some(TaxType::TaxFree),
        Some(_) => r.wrong(name, "per_sale (건별구분), taxed or tax_free"),
    }
}

fn retired(r: &mut Reader) -> Vec<Account> {
    const NAME: &str = "KIWOOM_RETIRED_CONTRACTS";
    let Some(text) = r.text(NAME) else { return Vec::new() };
    let accounts: Option<Vec<Account>> = text
        .split(',')
        .map(|pair| {
            let (cpid, key) = pair.trim().split_once(':')?;
            let good = is_cpid(cpid) && is_hex(key, 64);
            good.then(|| (cpid.to_owned(), SecretString::from(key)))
        })
        .collect();
    let accepted = "CPID:KEY pairs, comma-separated: a merchant id and its 64 hexadecimal digits";
    accounts.or_else(|| r.wrong(NAME, accepted)).unwrap_or_default()
}

fn cpids(r: &mut Reader, name: &'static str) -> Vec<String> {
    let Some(text) = r.text(name) else { return Vec::new() };
    let cpids: Vec<String> = text.split(',').map(|cpid| cpid.trim().to_owned()).collect();
    if !cpids.iter().all(|cpid| is_cpid(cpid)) {
        r.wrong::<()>(name, "merchant ids, comma-separated");
    }
    cpids
}
