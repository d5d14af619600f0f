//! Settings of contracts: which role has which CPID, and what is missing or contradicts itself.

use std::collections::HashMap;

use kiwoom_billing::config::{Config, Gateway, Problem};
use kiwoom_billing::rules::contract::{Contracts, ProductType, TaxType};
use secrecy::ExposeSecret;

const A: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const B: &str = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn read(settings: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    let settings: HashMap<_, _> = settings.iter().copied().collect();
    Config::from_lookup(|name| settings.get(name).map(ToString::to_string))
}

/// The names of the settings that are wrong or missing.
fn problems(settings: &[(&str, &str)]) -> Vec<&'static str> {
    read(settings).expect_err("a problem").iter().map(|problem| problem.name).collect()
}

/// CPID and first two digits of the key of the billing contract, the window's, those of its methods and
/// each retired one.
fn accounts(contracts: &Contracts) -> Vec<String> {
    let roles = [&contracts.billing, &contracts.window];
    let methods = contracts.methods.iter().map(|(_, contract)| contract);
    let all = roles.into_iter().chain(methods).chain(&contracts.retired);
    all.map(|c| format!("{} {}", c.cpid, &c.auth_key.expose_secret()[..2])).collect()
}

const DEFAULT: [(&str, &str); 2] = [("KIWOOM_CPID", "SHOP"), ("KIWOOM_TEST_AUTH_KEY", A)];
const BILLING: [(&str, &str); 2] =
    [("KIWOOM_BILLING_CPID", "CARDS"), ("KIWOOM_BILLING_AUTH_KEY", B)];
const WINDOW: [(&str, &str); 2] = [("KIWOOM_WINDOW_CPID", "WINDOW"), ("KIWOOM_WINDOW_AUTH_KEY", B)];

#[test]
fn a_role_has_its_own_contract_or_the_default() {
    let [old, both] = [format!("OLD:{A}"), format!("OLD:{A}, SHOP:{A}")];
    let [old, both] = [&old, &both].map(|pairs| ("KIWOOM_RETIRED_CONTRACTS", pairs.as_str()));
    let cases = [
        (DEFAULT.to_vec(), vec!["SHOP 00", "SHOP 00"]),
        ([DEFAULT, BILLING].concat(), vec!["CARDS ff", "SHOP 00"]),
        ([DEFAULT, WINDOW].concat(), vec!["SHOP 00", "WINDOW ff"]),
        ([BILLING, WINDOW].concat(), vec!["CARDS ff", "WINDOW ff"]),
        // With both elsewhere the default takes no new payments.
        (
            [&DEFAULT[..], &BILLING, &WINDOW, &[old]].concat(),
            vec!["CARDS ff", "WINDOW ff", "OLD 00", "SHOP 00"],
        ),
    ];
    for (settings, expected) in cases {
        let config = read(&settings).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(accounts(&config.kiwoom.contracts), expected);
        assert!(matches!(config.kiwoom.gateway, Gateway::Remote { .. }));
    }
    // One that does is not retired.
    let settings = [&DEFAULT[..], &[both]].concat();
    let contracts = read(&settings).unwrap().kiwoom.contracts;
    assert_eq!(accounts(&contracts), ["SHOP 00", "SHOP 00", "OLD 00"]);
    assert!(!format!("{contracts:?}").contains(A));
}

#[test]
fn what_is_sold_under_a_contract_is_the_default_s_unless_said() {
    let settings = [
        &DEFAULT[..],
        &[("KIWOOM_PRODUCT_TYPE", "physical"), ("KIWOOM_TAX_TYPE", "taxed")],
        &[("KIWOOM_WINDOW_PRODUCT_TYPE", "1"), ("KIWOOM_WINDOW_TAX_TYPE", "per_sale")],
    ]
    .concat();
    let contracts = read(&settings).unwrap().kiwoom.contracts;
    let sold = |c: &kiwoom_billing::rules::contract::Contract| (c.product_type, c.tax_type);
    assert_eq!(sold(&contracts.billing), (ProductType::Physical, TaxType::Taxed));
    assert_eq!(sold(&contracts.window), (ProductType::Digital, TaxType::PerSale));
    let contracts = read(&DEFAULT).unwrap().kiwoom.contracts;
    assert_eq!(sold(&contracts.billing), (ProductType::Digital, TaxType::PerSale));
}

#[test]
fn a_method_of_the_window_has_what_the_window_has_unless_said() {
    let retired = format!("PAYCO:{A}");
    let settings = [
        &DEFAULT[..],
        &WINDOW,
        &[("KIWOOM_WINDOW_TAX_TYPE", "taxed"), ("KIWOOM_BANK_PRODUCT_TYPE", "physical")],
        &[("KIWOOM_PAYCO_CPID", "PAYCO"), ("KIWOOM_PAYCO_AUTH_KEY", A)],
        &[("KIWOOM_RETIRED_CONTRACTS", &*retired)],
    ]
    .concat();
    let contracts = read(&settings).unwrap().kiwoom.contracts;
    assert_eq!(accounts(&contracts), ["SHOP 00", "WINDOW ff", "PAYCO 00", "WINDOW ff"]);
    let own = |method| contracts.own(method).map(|c| (c.cpid.as_str(), c.product_type, c.tax_type));
    assert_eq!(own("PAYCO"), Some(("PAYCO", ProductType::Digital, TaxType::Taxed)));
    assert_eq!(own("BANK"), Some(("WINDOW", ProductType::Physical, TaxType::Taxed)));
    assert_eq!(own("CARD"), None);
    assert_eq!(contracts.charging(), ["SHOP", "WINDOW", "PAYCO"]);
}

#[test]
fn half_a_contract_is_none_and_one_cpid_has_one_key() {
    let half = [&DEFAULT[..], &[BILLING[0]]].concat();
    assert_eq!(problems(&half), ["KIWOOM_BILLING_AUTH_KEY"]);
    let half = [&DEFAULT[..], &[WINDOW[1]]].concat();
    assert_eq!(problems(&half), ["KIWOOM_WINDOW_CPID"]);
    // The other role needs one too.
    assert_eq!(problems(&BILLING), ["KIWOOM_CPID", "KIWOOM_TEST_AUTH_KEY"]);
    let half = [&DEFAULT[..], &[("KIWOOM_BANK_AUTH_KEY", A)]].concat();
    assert_eq!(problems(&half), ["KIWOOM_BANK_CPID"]);
    let keys = [&DEFAULT[..], &[("KIWOOM_CARD_CPID", "SHOP"), ("KIWOOM_CARD_AUTH_KEY", B)]];
    assert_eq!(problems(&keys.concat()), ["KIWOOM_CARD_AUTH_KEY"]);
    let keys = [&DEFAULT[..], &[("KIWOOM_WINDOW_CPID", "SHOP"), WINDOW[1]]].concat();
    assert_eq!(problems(&keys), ["KIWOOM_WINDOW_AUTH_KEY"]);
    for (name, value) in [
        ("KIWOOM_PRODUCT_TYPE", "3"),
        ("KIWOOM_WINDOW_PRODUCT_TYPE", "goods"),
        ("KIWOOM_TAX_TYPE", "02"),
        ("KIWOOM_BILLING_TAX_TYPE", "none"),
        ("KIWOOM_NAVERPAY_PRODUCT_TYPE", "goods"),
        ("KIWOOM_RETIRED_CONTRACTS", "OLD"),
        ("KIWOOM_RETIRED_CONTRACTS", "OLD:s3cret"),
        ("KIWOOM_BILLING_CARDS_OF", "OLD,,"),
        ("KIWOOM_CARD_METHOD", "CARDX"),
    ] {
        let found = read(&[&DEFAULT[..], &[(name, value)]].concat()).expect_err(name);
        assert_eq!(found.iter().map(|problem| problem.name).collect::<Vec<_>>(), [name]);
        assert!(!format!("{found:?}").contains("s3cret"));
    }
}

#[test]
fn a_sandbox_s_own_contracts_leave_the_sandbox_in_its_place() {
    let key = kiwoom_sandbox::CONTRACTS[1].auth_key;
    let of_sandbox = [
        ("KIWOOM_BILLING_CPID", "CTSANDBOXCARD"),
        ("KIWOOM_BILLING_AUTH_KEY", key),
        ("KIWOOM_WINDOW_CPID", "CTSANDBOXWINDOW"),
        ("KIWOOM_WINDOW_AUTH_KEY", kiwoom_sandbox::CONTRACTS[2].auth_key),
    ];
    let config = read(&of_sandbox).unwrap();
    assert!(matches!(config.kiwoom.gateway, Gateway::Sandbox));
    // No sandbox plays beside the key of production, nor where a role has a contract of its own.
    let production = [&of_sandbox[..], &[("KIWOOM_PROD_AUTH_KEY", A)]].concat();
    assert_eq!(problems(&production), ["APP_ENV"]);
    let own = [&of_sandbox[..2], &WINDOW].concat();
    assert!(matches!(read(&own).unwrap().kiwoom.gateway, Gateway::Remote { .. }));
}

#[test]
fn production_needs_the_default_unless_each_role_has_its_own() {
    let base = [
        ("APP_ENV", "production"),
        ("PUBLIC_URL", "https://pay.example.com"),
        ("DATABASE_URL", "postgres://u:p@db/x"),
        ("BILLING_KEY_SECRET", A),
    ];
    let needed = ["KIWOOM_CPID", "KIWOOM_PROD_AUTH_KEY"];
    assert_eq!(problems(&base), needed);
    assert_eq!(problems(&[&base[..], &BILLING].concat()), needed);
    let both = read(&[&base[..], &BILLING, &WINDOW].concat()).unwrap();
    assert_eq!(accounts(&both.kiwoom.contracts), ["CARDS ff", "WINDOW ff"]);
}
