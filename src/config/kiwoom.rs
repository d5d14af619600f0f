//! `KIWOOM_*`: which gateway, and how it is spoken to.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::config::contracts::{self, Account, Accounts};
use crate::config::read::Reader;
use crate::config::{CardMethod, Gateway, KiwoomConfig, codes_file};

/// `KIWOOM_*`; the sandbox where development has neither merchant nor gateway.
pub(super) fn read(r: &mut Reader, production: bool) -> Option<KiwoomConfig> {
    let base_url = r.base_url(production);
    let key_name = if production { "KIWOOM_PROD_AUTH_KEY" } else { "KIWOOM_TEST_AUTH_KEY" };
    let mut accounts = Accounts::read(r, key_name, production);
    let gateway = gateway(r, base_url, production, &mut accounts);
    let sandboxed = gateway.as_ref().is_none_or(Gateway::is_sandbox);
    let contracts = contracts::read(r, accounts);
    let card_method = card_method(r);
    let codes = codes_file::read(r);
    let sdk_mode = if production { "REAL" } else { "DEV" };
    let sdk_mode = r.text("KIWOOM_SDK_MODE").unwrap_or_else(|| sdk_mode.to_owned());
    let timeout_secs = r.number("KIWOOM_TIMEOUT_SECS", 1..=300, 35);
    let proxy = r.forward_proxy("KIWOOM_PROXY_URL");
    let rate_per_sec = r.number("KIWOOM_RATE_PER_SEC", 0..=1000, if sandboxed { 0 } else { 3 });
    Some(KiwoomConfig {
        gateway: gateway?,
        contracts: contracts?,
        card_method,
        codes,
        sdk_mode,
        timeout: Duration::from_secs(timeout_secs),
        proxy,
        rate_per_sec,
    })
}

/// In development the sandbox takes KiwoomPay's place until a CPID and its key are both there that
/// are not the sandbox's own.
fn gateway(
    r: &mut Reader,
    base_url: Option<Url>,
    production: bool,
    accounts: &mut Accounts,
) -> Option<Gateway> {
    let has_own = accounts.named().any(|account| !is_of_sandbox(account));
    let is_sandbox = base_url.as_ref().map_or(!has_own, |url| url.scheme() == "http");
    if !production && is_sandbox && r.text("KIWOOM_PROD_AUTH_KEY").is_some() {
        return r.wrong(
            "APP_ENV",
            "production beside KIWOOM_PROD_AUTH_KEY; for a sandbox, leave out KIWOOM_PROD_AUTH_KEY",
        );
    }
    let (api, agent) = if production {
        ("https://api.kiwoompay.co.kr", "https://agent.kiwoompay.co.kr")
    } else {
        ("https://apitest.kiwoompay.co.kr", "https://agenttest.kiwoompay.co.kr")
    };
    let nothing_set = accounts.named().next().is_none();
    if nothing_set && !production {
        let half = r.text("KIWOOM_CPID").is_some() || r.text("KIWOOM_TEST_AUTH_KEY").is_some();
        if base_url.is_some() && (half || !is_sandbox) {
            return r.wrong("KIWOOM_BASE_URL", "a gateway only together with KIWOOM_CPID and key");
        }
        // A sandbox, this process's or another's, has a merchant of its own.
        let key = SecretString::from(kiwoom_sandbox::AUTH_KEY);
        accounts.default = Some((kiwoom_sandbox::CPID.to_owned(), key));
    }
    if !production && !has_own && base_url.is_none() {
        return Some(Gateway::Sandbox);
    }
    let agent_url = match &base_url {
        Some(url) if url.scheme() == "http" => url.clone(),
        _ => Url::parse(agent).ok()?,
    };
    let base_url = base_url.or_else(|| Url::parse(api).ok())?;
    Some(Gateway::Remote { base_url, agent_url })
}

fn is_of_sandbox((cpid, _): &Account) -> bool {
    kiwoom_sandbox::CONTRACTS.iter().any(|contract| contract.cpid == cpid)
}

fn card_method(r: &mut Reader) -> CardMethod {
    const NAME: &str = "KIWOOM_CARD_METHOD";
    match r.text(NAME).as_deref() {
        None | Some("CARD") => CardMethod::Card,
        Some("CARDK") => CardMethod::CardK,
        Some(_) => r.wrong(NAME, "CARD or CARDK").unwrap_or(CardMethod::Card),
    }
}
