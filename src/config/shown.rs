//! The settings as they are in effect, for people: every one of `.env.example`, none with a secret.

use url::Url;

use crate::config::{Config, Gateway, LogFormat, MerchantWebhook};
use crate::rules::contract::{Contract, TaxType};
use crate::rules::forward_proxy::ForwardProxy;

/// Name and value. A secret is only said to be set; an address is shown without account and query.
pub type Shown = (&'static str, String);

impl Config {
    /// All settings, in the order of `.env.example`; a value that is not set is empty.
    pub fn shown(&self) -> Vec<Shown> {
        [
            self.of_service(),
            self.of_kiwoom(),
            self.of_window(),
            self.of_schedule(),
            self.of_retention(),
            self.of_rest(),
        ]
        .concat()
    }

    fn of_service(&self) -> Vec<Shown> {
        let environment = if self.is_production() { "production" } else { "development" };
        let limits = self.limits;
        vec![
            ("APP_ENV", environment.to_owned()),
            ("HOST", self.host.to_string()),
            ("PORT", self.port.to_string()),
            ("PUBLIC_URL", address(self.public_url.as_ref())),
            ("DATABASE_URL", secret(self.database_url.is_some())),
            ("DATABASE_MAX_CONNECTIONS", self.database_max_connections.to_string()),
            ("DATA_DIR", self.data_dir.display().to_string()),
            ("HIGH_WATER_MARK_URL", address(self.high_water_mark_url.as_ref())),
            ("PG_BIN_DIR", path(self.pg_bin_dir.as_deref())),
            ("API_KEYS", counted(self.api_keys.len())),
            ("AUTH_FAILURES_PER_MINUTE", limits.auth_failures_per_minute.to_string()),
            ("REGISTER_CUSTOMER_PER_HOUR", limits.register_customer_per_hour.to_string()),
            ("REGISTER_ADDRESS_PER_HOUR", limits.register_address_per_hour.to_string()),
            ("REGISTER_KEY_PER_HOUR", limits.register_key_per_hour.to_string()),
            ("CARD_NUMBER_LUHN", self.card_number_luhn.to_string()),
            ("BILLING_KEY_SECRET", secret(self.billing_key_secret.is_some())),
            ("BILLING_KEY_SECRET_OLD", secret(self.billing_key_secret_old.is_some())),
        ]
    }

    fn of_kiwoom(&self) -> Vec<Shown> {
        let kiwoom = &self.kiwoom;
        let contracts = &kiwoom.contracts;
        let base_url = match &kiwoom.gateway {
            Gateway::Sandbox => "sandbox".to_owned(),
            Gateway::Remote { base_url, .. } => address(Some(base_url)),
        };
        let of_methods = contracts
            .methods
            .iter()
            .map(|(name, contract)| format!("{name}: {}", sold_under(contract)));
        let retired: Vec<&str> = contracts.retired.iter().map(|c| c.cpid.as_str()).collect();
        vec![
            ("KIWOOM_BASE_URL", base_url),
            ("KIWOOM_BILLING_CPID", sold_under(&contracts.billing)),
            ("KIWOOM_BILL_TYPE", contracts.billing.bill_type.clone()),
            ("KIWOOM_WINDOW_CPID", sold_under(&contracts.window)),
            ("KIWOOM_KAKAOPAY_CPID …", of_methods.collect::<Vec<_>>().join(", ")),
            ("KIWOOM_RETIRED_CONTRACTS", retired.join(", ")),
            ("KIWOOM_BILLING_CARDS_OF", contracts.cards_of.join(", ")),
            ("KIWOOM_CARD_METHOD", kiwoom.card_method.code().to_owned()),
            ("KIWOOM_CODES_FILE", counted(kiwoom.codes.len())),
            ("KIWOOM_SDK_MODE", kiwoom.sdk_mode.clone()),
            ("KIWOOM_TIMEOUT_SECS", kiwoom.timeout.as_secs().to_string()),
            ("KIWOOM_PROXY_URL", proxy(kiwoom.proxy.as_ref())),
            ("KIWOOM_RATE_PER_SEC", kiwoom.rate_per_sec.to_string()),
        ]
    }

    fn of_window(&self) -> Vec<Shown> {
        let list = self.daily_list.as_ref();
        let methods = list.map(|list| list.methods.join(",")).unwrap_or_default();
        let easypay = &self.easypay;
        let nets = |nets: &[ipnet::IpNet]| {
            nets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        vec![
            ("KIWOOM_DAILY_LIST_URL", address(list.map(|list| &list.url))),
            ("KIWOOM_DAILY_LIST_PASSWORD", secret(list.is_some())),
            ("KIWOOM_DAILY_LIST_METHODS", methods),
            ("KAKAOPAY_ENABLED", easypay.kakaopay.to_string()),
            ("NAVERPAY_ENABLED", easypay.naverpay.to_string()),
            ("SAMSUNGPAY_ENABLED", easypay.samsungpay.to_string()),
            ("PAYCO_ENABLED", easypay.payco.to_string()),
            ("CARD_ENABLED", easypay.card.to_string()),
            ("BANK_ENABLED", easypay.bank.to_string()),
            ("KIWOOM_METHODS_FIELD", easypay.methods_field.clone()),
            ("ORDER_EXPIRES_MINUTES", easypay.expires_minutes.to_string()),
            ("SHOP_NAME", easypay.shop_name.clone().unwrap_or_default()),
            ("EASYPAY_LINKS_IN_EVENTS", easypay.links_in_events.to_string()),
            ("WEBHOOK_ALLOWED_IPS", nets(&self.webhook_allowed_ips)),
            ("TRUSTED_PROXIES", nets(&self.trusted_proxies)),
            ("PROXY_PROBE_ENABLED", self.proxy_probe_enabled.to_string()),
        ]
    }

    fn of_schedule(&self) -> Vec<Shown> {
        let schedule = &self.schedule;
        let days: Vec<String> =
            schedule.rules.retry_days.all().iter().map(i16::to_string).collect();
        let retry_days = if days.is_empty() { "none".to_owned() } else { days.join(",") };
        let fallback = if schedule.rules.end_without_consent { "end" } else { "keep_price" };
        vec![
            ("SCHEDULER_ENABLED", schedule.enabled.to_string()),
            ("SCHEDULER_INTERVAL_SECS", schedule.interval.as_secs().to_string()),
            ("CHARGE_HOUR", schedule.rules.charge_hour.to_string()),
            ("RETRY_DAYS", retry_days),
            ("KIWOOM_MIN_AMOUNT", schedule.rules.minimum.to_string()),
            ("RENEWAL_NOTICE_DAYS", schedule.renewal_notice_days.to_string()),
            ("PRICE_RISE_FALLBACK", fallback.to_owned()),
            ("GUARD_CALLERS", self.guard_callers.to_string()),
        ]
    }

    fn of_retention(&self) -> Vec<Shown> {
        let keep = self.retention;
        let shown = [
            ("RETENTION_ANSWERS_DAYS", keep.answers),
            ("RETENTION_DELIVERIES_DAYS", keep.deliveries),
            ("RETENTION_EVENTS_DAYS", keep.events),
            ("RETENTION_NOTIFICATIONS_DAYS", keep.notifications),
            ("RETENTION_NAMES_DAYS", keep.names),
        ];
        shown.map(|(name, days)| (name, days.unwrap_or(0).to_string())).to_vec()
    }

    fn of_rest(&self) -> Vec<Shown> {
        let webhook = self.merchant_webhook.as_ref();
        let log_format = match self.log_format {
            LogFormat::Pretty => "pretty",
            LogFormat::Json => "json",
        };
        vec![
            ("SHUTDOWN_DRAIN_SECS", self.shutdown_drain.as_secs().to_string()),
            ("MERCHANT_WEBHOOK_URL", origin(webhook.map(|webhook| &webhook.url))),
            ("MERCHANT_WEBHOOK_SECRET", secret(webhook.is_some())),
            (
                "MERCHANT_WEBHOOK_PREVIOUS_SECRET",
                secret(webhook.is_some_and(MerchantWebhook::is_replaced)),
            ),
            ("MERCHANT_WEBHOOK_EVENTS", webhook.and_then(types).unwrap_or_default()),
            ("MERCHANT_WEBHOOK_PROXY_URL", proxy(self.deliveries.proxy.as_ref())),
            ("WEBHOOK_ENDPOINT_PRIVATE_ADDRESSES", self.deliveries.private_endpoints.to_string()),
            ("SDK_EXAMPLE_ENABLED", self.sdk_example_enabled.to_string()),
            ("SANDBOX_STRICT", self.sandbox_strict.to_string()),
            ("CONSOLE_ENABLED", self.console_enabled.to_string()),
            ("LOG_FORMAT", log_format.to_owned()),
            ("RUST_LOG", self.log_filter.to_string()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", origin(self.traces.endpoint.as_ref())),
            ("OTEL_SERVICE_NAME", self.traces.service.clone()),
        ]
    }
}

fn secret(is_set: bool) -> String {
    if is_set { "***" } else { "" }.to_owned()
}

fn counted(number: usize) -> String {
    if number == 0 { String::new() } else { format!("*** ({number})") }
}

fn path(path: Option<&std::path::Path>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

fn address(url: Option<&Url>) -> String {
    let Some(url) = url else { return String::new() };
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

fn types(webhook: &MerchantWebhook) -> Option<String> {
    webhook.types.as_ref().map(|types| types.join(","))
}

/// Without its credentials.
fn proxy(proxy: Option<&ForwardProxy>) -> String {
    proxy.map(ForwardProxy::shown).unwrap_or_default()
}

/// Without a path: a receiver's may hold what it is reached by.
fn origin(url: Option<&Url>) -> String {
    url.map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

fn sold_under(contract: &Contract) -> String {
    let tax = match contract.tax_type {
        TaxType::PerSale => "per_sale",
        TaxType::Taxed => "taxed",
        TaxType::TaxFree => "tax_free",
    };
    format!("{} (PRODUCTTYPE {}, {tax})", contract.cpid, contract.product_type.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Said by another line: a role's contract by its CPID, a file by what it holds.
    const SAID_ELSEWHERE: [&str; 4] =
        ["NODE_ENV", "KIWOOM_CPID", "BILLING_KEY_SECRET_FILE", "BILLING_KEY_SECRET_OLD_FILE"];

    #[test]
    fn every_setting_is_shown_and_no_secret_is() {
        let key = "0123456789abcdef".repeat(4);
        let secrets = [
            ("API_KEYS", "an-api-key-of-the-settings"),
            ("DATABASE_URL", "postgres://user:hidden-word@localhost/books"),
            ("BILLING_KEY_SECRET", key.as_str()),
            ("PUBLIC_URL", "https://hidden-user:hidden-word@pay.example.com/x?token=hidden-word"),
            ("MERCHANT_WEBHOOK_URL", "https://shop.example.com/hidden-word?token=hidden-word"),
            ("MERCHANT_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            ("MERCHANT_WEBHOOK_PREVIOUS_SECRET", "whsec_aGlkZGVuLXNlY3JldC1vZi0yNC1ieXRlcy0t"),
        ];
        let lookup = |name: &str| {
            secrets.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let shown = Config::from_lookup(lookup).unwrap().shown();
        let text = format!("{shown:?}");
        for secret in ["hidden", "an-api-key", "0123456789abcdef", "whsec_"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        let example = include_str!("../../.env.example");
        let names = example.lines().filter_map(|line| line.strip_prefix("# ")?.split_once('='));
        let names = names.map(|(name, _)| name).filter(|name| {
            name.bytes().all(|b| b.is_ascii_uppercase() || b"_0123456789".contains(&b))
        });
        let of_a_contract = |name: &str| {
            ["_AUTH_KEY", "_PRODUCT_TYPE", "_TAX_TYPE"].iter().any(|end| name.ends_with(end))
                || name.starts_with("KIWOOM_") && name.ends_with("_CPID")
        };
        let missing: Vec<&str> = names
            .filter(|name| !SAID_ELSEWHERE.contains(name) && !of_a_contract(name))
            .filter(|name| !shown.iter().any(|(known, _)| known == name))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
