//! All settings, read once. A wrong or missing value stops the start with every problem listed.
//!
//! The order of the fields is the order of `.env.example`. Secrets do not print.

mod billing_key_secret;
mod codes_file;
mod contracts;
mod daily_list;
mod easypay;
mod kiwoom;
mod limits;
mod merchant_webhook;
mod read;
mod retention;
mod schedule;
pub mod secret_file;
mod shown;
mod traces;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use tracing_subscriber::filter::Targets;
use url::Url;

pub use daily_list::DailyList;
pub use easypay::EasyPayConfig;
pub use limits::Limits;
pub use merchant_webhook::{Deliveries, MerchantWebhook};
pub use read::Problem;
use read::Reader;
pub use retention::Retention;
pub use schedule::ScheduleConfig;
pub use traces::TracesConfig;

use crate::rules::contract::Contracts;
use crate::rules::forward_proxy::ForwardProxy;
use crate::rules::payment_state::Meaning;

/// Which KiwoomPay the service talks to, and how strict the start is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Test host, or the built-in sandbox.
    Development,
    /// Real money.
    Production,
}

/// The settings of the service.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each a setting")]
pub struct Config {
    /// `APP_ENV`, else `NODE_ENV`.
    pub environment: Environment,
    /// `HOST`.
    pub host: IpAddr,
    /// `PORT`.
    pub port: u16,
    /// `PUBLIC_URL`: where browsers and KiwoomPay reach the service; https in production.
    pub public_url: Option<Url>,
    /// `DATABASE_URL`; without it development starts a private server.
    pub database_url: Option<SecretString>,
    /// `DATABASE_MAX_CONNECTIONS`.
    pub database_max_connections: u32,
    /// `DATA_DIR`: the private database, the sandbox's ledger, the development secret.
    pub data_dir: PathBuf,
    /// `HIGH_WATER_MARK_URL`: an object of an S3-compatible store, for what a restore must not take back.
    pub high_water_mark_url: Option<Url>,
    /// `PG_BIN_DIR`: where the private server's programs are, when they are not found by themselves.
    pub pg_bin_dir: Option<PathBuf>,
    /// `API_KEYS`: those of the database (`kiwoom-billing keys`) come beside them.
    pub api_keys: Vec<SecretString>,
    /// `AUTH_FAILURES_PER_MINUTE`, `REGISTER_*_PER_HOUR`.
    pub limits: Limits,
    /// `CARD_NUMBER_LUHN`: whether the check digit of a card number is checked before KiwoomPay is.
    pub card_number_luhn: bool,
    /// `BILLING_KEY_SECRET`, or what `BILLING_KEY_SECRET_FILE` holds; development makes its own.
    pub billing_key_secret: Option<SecretString>,
    /// `BILLING_KEY_SECRET_OLD`, or `BILLING_KEY_SECRET_OLD_FILE`: read with, never written with.
    pub billing_key_secret_old: Option<SecretString>,
    /// The gateway settings (`KIWOOM_*`).
    pub kiwoom: KiwoomConfig,
    /// `KIWOOM_DAILY_LIST_*`: KiwoomPay's list of a day, to compare the books with.
    pub daily_list: Option<DailyList>,
    /// `KAKAOPAY_ENABLED` and the like: what the payment window offers, and how.
    pub easypay: EasyPayConfig,
    /// `WEBHOOK_ALLOWED_IPS`, else KiwoomPay's addresses of the environment. A list that begins with
    /// `+` adds to those.
    pub webhook_allowed_ips: Vec<IpNet>,
    /// `TRUSTED_PROXIES`: proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `PROXY_PROBE_ENABLED`: finds out what those proxies do, by requests through `PUBLIC_URL`.
    pub proxy_probe_enabled: bool,
    /// `SCHEDULER_*`, `CHARGE_HOUR`, `RETRY_DAYS`, `KIWOOM_MIN_AMOUNT`.
    pub schedule: ScheduleConfig,
    /// `GUARD_CALLERS`: what pauses the schedule holds callers' charges too.
    pub guard_callers: bool,
    /// `RETENTION_*_DAYS`: for how long what is not needed for ever is kept.
    pub retention: Retention,
    /// `SHUTDOWN_DRAIN_SECS`: how long a service that was told to stop serves on, not ready any more,
    /// until its balancer has noticed.
    pub shutdown_drain: Duration,
    /// `MERCHANT_WEBHOOK_*`: where events are delivered.
    pub merchant_webhook: Option<MerchantWebhook>,
    /// How they leave this machine.
    pub deliveries: Deliveries,
    /// `SDK_EXAMPLE_ENABLED`: default on in development only.
    pub sdk_example_enabled: bool,
    /// `SANDBOX_STRICT`: whether the sandbox takes only what is as KiwoomPay's manual has it.
    pub sandbox_strict: bool,
    /// `CONSOLE_ENABLED`: whether `/console` is there; default on in development only.
    pub console_enabled: bool,
    /// `LOG_FORMAT`.
    pub log_format: LogFormat,
    /// `RUST_LOG`.
    pub log_filter: Targets,
    /// `OTEL_*`: where traces go.
    pub traces: TracesConfig,
}

/// Where KiwoomPay is and how it is spoken to.
#[derive(Clone, Debug)]
pub struct KiwoomConfig {
    /// Real gateway, or the sandbox in its place.
    pub gateway: Gateway,
    /// `KIWOOM_CPID`, `KIWOOM_BILLING_*`, `KIWOOM_WINDOW_*`, `KIWOOM_KAKAOPAY_*` and the like,
    /// `KIWOOM_RETIRED_CONTRACTS` and what is sold under them (protocol section 1).
    pub contracts: Contracts,
    /// `KIWOOM_CARD_METHOD`: what cards are called in the payment window (protocol section 2.3).
    pub card_method: CardMethod,
    /// `KIWOOM_CODES_FILE`: RESULTCODEs, or families of them, with what they mean to this merchant.
    pub codes: Vec<(String, Meaning)>,
    /// `KIWOOM_SDK_MODE`: first argument of `KiwoomPaySDK.f_setInit` (protocol section 1).
    pub sdk_mode: String,
    /// `KIWOOM_TIMEOUT_SECS`: total time of one call, both steps; 30 seconds of it are the second one's.
    pub timeout: Duration,
    /// `KIWOOM_PROXY_URL`: what calls go through.
    pub proxy: Option<ForwardProxy>,
    /// `KIWOOM_RATE_PER_SEC` for each CPID and method; 0 = no limit.
    pub rate_per_sec: u32,
}

/// The gateway that the service calls.
#[derive(Clone, Debug)]
pub enum Gateway {
    /// The built-in sandbox, on the service's own port.
    Sandbox,
    /// KiwoomPay, or what `KIWOOM_BASE_URL` names.
    Remote {
        /// API base.
        base_url: Url,
        /// Merchant pages (receipts).
        agent_url: Url,
    },
}

/// PAYMETHOD of cards in the payment window, which depends on the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardMethod {
    /// `CARD`.
    Card,
    /// `CARDK` (신용카드K): told of as `CARD`, cancelled as `CARDK`.
    CardK,
}

impl CardMethod {
    /// As it is on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Card => "CARD",
            Self::CardK => "CARDK",
        }
    }
}

impl Gateway {
    /// As health and metrics call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Remote { .. } => "kiwoompay",
        }
    }

    /// The built-in one, or one that stands alone: plain http is for nothing else.
    pub fn is_sandbox(&self) -> bool {
        match self {
            Self::Sandbox => true,
            Self::Remote { base_url, .. } => base_url.scheme() == "http",
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Reads the environment, after `.env` when there is one.
    pub fn from_env() -> Result<Self, Vec<Problem>> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads the settings that `lookup` knows. An empty value counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(lookup);
        let config = build(&mut reader);
        reader.finish(config)
    }

    /// Whether real money is moved.
    pub fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }
}

fn build(r: &mut Reader) -> Option<Config> {
    let environment = environment(r).unwrap_or(Environment::Development);
    let production = environment == Environment::Production;
    let host = IpAddr::from(if production { [0, 0, 0, 0] } else { [127, 0, 0, 1] });
    let kiwoom = kiwoom::read(r, production);
    let config = Config {
        environment,
        host: r.parsed("HOST", "an IP address", host),
        port: r.parsed("PORT", "a port from 0 to 65535", 3000),
        public_url: r.public_url(production),
        database_url: r.database_url(production),
        database_max_connections: r.number("DATABASE_MAX_CONNECTIONS", 2..=1000, 8),
        data_dir: r.text("DATA_DIR").unwrap_or_else(|| "data".to_owned()).into(),
        high_water_mark_url: r.object("HIGH_WATER_MARK_URL"),
        pg_bin_dir: r.text("PG_BIN_DIR").map(PathBuf::from),
        api_keys: r.api_keys(),
        limits: Limits::read(r, kiwoom.as_ref().is_none_or(|k| k.gateway.is_sandbox())),
        card_number_luhn: r.switch("CARD_NUMBER_LUHN", true),
        billing_key_secret: billing_key_secret::present(r, production),
        billing_key_secret_old: billing_key_secret::old(r),
        daily_list: DailyList::read(r, production),
        easypay: EasyPayConfig::read(r),
        webhook_allowed_ips: r.webhook_allowed_ips(production),
        trusted_proxies: r.networks("TRUSTED_PROXIES").unwrap_or_default(),
        proxy_probe_enabled: r.switch("PROXY_PROBE_ENABLED", true),
        schedule: ScheduleConfig::read(r),
        guard_callers: r.switch("GUARD_CALLERS", false),
        retention: Retention::read(r, production),
        shutdown_drain: Duration::from_secs(r.number(
            "SHUTDOWN_DRAIN_SECS",
            0..=60,
            if production { 3 } else { 0 },
        )),
        merchant_webhook: MerchantWebhook::read(r, production),
        deliveries: Deliveries::read(r, production),
        sdk_example_enabled: r.switch("SDK_EXAMPLE_ENABLED", !production),
        sandbox_strict: r.switch("SANDBOX_STRICT", false),
        console_enabled: r.switch("CONSOLE_ENABLED", !production),
        log_format: log_format(r, production),
        log_filter: log_filter(r),
        traces: TracesConfig::read(r),
        kiwoom: kiwoom?,
    };
    Some(config)
}

fn environment(r: &mut Reader) -> Option<Environment> {
    let name = if r.text("APP_ENV").is_some() { "APP_ENV" } else { "NODE_ENV" };
    match r.text(name).as_deref() {
        None | Some("development" | "test") => Some(Environment::Development),
        Some("production") => Some(Environment::Production),
        Some(_) => r.wrong(name, "development (test API) or production (real API)"),
    }
}

fn log_format(r: &mut Reader, production: bool) -> LogFormat {
    match r.text("LOG_FORMAT").as_deref() {
        Some("json") => LogFormat::Json,
        Some("pretty") => LogFormat::Pretty,
        None if production => LogFormat::Json,
        None => LogFormat::Pretty,
        Some(_) => r.wrong("LOG_FORMAT", "pretty or json").unwrap_or(LogFormat::Pretty),
    }
}

fn log_filter(r: &mut Reader) -> Targets {
    let text = r.text("RUST_LOG").unwrap_or_else(|| "info".to_owned());
    let accepted = "error, warn, info, debug, trace, or a filter of these";
    text.parse().ok().or_else(|| r.wrong("RUST_LOG", accepted)).unwrap_or_default()
}
