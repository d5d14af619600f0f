//! Reads and checks single settings, and collects what is wrong with them.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use ipnet::IpNet;
use secrecy::SecretString;
use url::{Host, Url};

use crate::redact::keys::MIN_API_KEY_LENGTH;
use crate::rules::forward_proxy::ForwardProxy;
use crate::rules::schedule::RetryDays;

/// One wrong or missing setting. Never holds the value: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub name: &'static str,
    /// What is accepted.
    pub accepted: String,
    /// Whether it was not set at all.
    pub missing: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.missing { "is missing" } else { "is wrong" };
        write!(f, "{} {what}: it takes {}", self.name, self.accepted)
    }
}

type Lookup<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;

pub(super) struct Reader<'a> {
    lookup: Lookup<'a>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self { lookup: Box::new(lookup), problems: Vec::new() }
    }

    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(self.problems),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }

    pub(super) fn wrong<T>(&mut self, name: &'static str, accepted: &str) -> Option<T> {
        self.problems.push(Problem { name, accepted: accepted.to_owned(), missing: false });
        None
    }

    pub(super) fn missing<T>(&mut self, name: &'static str, accepted: &str) -> Option<T> {
        self.problems.push(Problem { name, accepted: accepted.to_owned(), missing: true });
        None
    }

    /// A wrong value is noted, and the default stands in for it so that the other settings are
    /// still read and all problems come out together.
    pub(super) fn parsed<T: FromStr>(
        &mut self,
        name: &'static str,
        accepted: &str,
        default: T,
    ) -> T {
        let Some(text) = self.text(name) else { return default };
        text.parse().ok().or_else(|| self.wrong(name, accepted)).unwrap_or(default)
    }

    /// A whole number in `range`; a wrong one as in [`Self::parsed`].
    pub(super) fn number<T>(
        &mut self,
        name: &'static str,
        range: RangeInclusive<T>,
        default: T,
    ) -> T
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let Some(text) = self.text(name) else { return default };
        if let Some(n) = text.parse().ok().filter(|n| range.contains(n)) {
            return n;
        }
        let accepted = format!("a whole number from {} to {}", range.start(), range.end());
        self.wrong(name, &accepted).unwrap_or(default)
    }

    pub(super) fn switch(&mut self, name: &'static str, default: bool) -> bool {
        match self.text(name).map(|t| t.to_ascii_lowercase()).as_deref() {
            None => default,
            Some("true" | "1") => true,
            Some("false" | "0") => false,
            Some(_) => self.wrong(name, "true or false").unwrap_or(default),
        }
    }

    pub(super) fn url(&mut self, name: &'static str) -> Option<Url> {
        let text = self.text(name)?;
        let url = Url::parse(&text).ok();
        let usable = |u: &Url| matches!(u.scheme(), "http" | "https") && u.has_host();
        url.filter(usable).or_else(|| self.wrong(name, "an http or https URL"))
    }

    /// Real money is paid, and reported, over TLS only.
    pub(super) fn public_url(&mut self, production: bool) -> Option<Url> {
        const NAME: &str = "PUBLIC_URL";
        const ACCEPTED: &str = "https://<your host>, where browsers and KiwoomPay reach the service (https in production)";
        if production && self.text(NAME).is_none() {
            return self.missing(NAME, ACCEPTED);
        }
        let url = self.url(NAME)?;
        if production && url.scheme() != "https" { self.wrong(NAME, ACCEPTED) } else { Some(url) }
    }

    pub(super) fn forward_proxy(&mut self, name: &'static str) -> Option<ForwardProxy> {
        const ACCEPTED: &str =
            "http://host:port, with user:password@ where the proxy asks for them";
        let text = self.text(name)?;
        ForwardProxy::new(&text).or_else(|| self.wrong(name, ACCEPTED))
    }

    pub(super) fn object(&mut self, name: &'static str) -> Option<Url> {
        let text = self.text(name)?;
        let url = Url::parse(&text).ok();
        let usable = |u: &Url| u.scheme() == "s3" && u.has_host() && u.path().len() > 1;
        url.filter(usable).or_else(|| self.wrong(name, "s3://bucket/key"))
    }

    pub(super) fn database_url(&mut self, required: bool) -> Option<SecretString> {
        const ACCEPTED: &str = "postgres://user:password@host:5432/database";
        match self.text("DATABASE_URL") {
            Some(t) if t.starts_with("postgres://") || t.starts_with("postgresql://") => {
                let parses = sqlx::postgres::PgConnectOptions::from_str(&t).is_ok();
                if parses { Some(t.into()) } else { self.wrong("DATABASE_URL", ACCEPTED) }
            }
            Some(_) => self.wrong("DATABASE_URL", ACCEPTED),
            None if required => self.missing("DATABASE_URL", ACCEPTED),
            None => None,
        }
    }

    pub(super) fn api_keys(&mut self) -> Vec<SecretString> {
        let accepted = format!(
            "keys of at least {MIN_API_KEY_LENGTH} visible ASCII characters, separated by commas"
        );
        let Some(text) = self.text("API_KEYS") else { return Vec::new() };
        let keys: Vec<&str> = text.split(',').map(str::trim).collect();
        let good =
            |k: &&str| k.len() >= MIN_API_KEY_LENGTH && k.bytes().all(|b| b.is_ascii_graphic());
        if !keys.iter().all(good) {
            self.wrong::<()>("API_KEYS", &accepted);
        }
        keys.into_iter().map(SecretString::from).collect()
    }

    pub(super) fn cpid(&mut self, name: &'static str, required: bool) -> Option<String> {
        const ACCEPTED: &str = "the merchant id from KiwoomPay, at most 20 letters and digits";
        match self.text(name) {
            Some(t) if is_cpid(&t) => Some(t),
            Some(_) => self.wrong(name, ACCEPTED),
            None if required => self.missing(name, ACCEPTED),
            None => None,
        }
    }

    pub(super) fn auth_key(&mut self, name: &'static str, required: bool) -> Option<SecretString> {
        const ACCEPTED: &str = "the authentication key (연동키): 64 hexadecimal digits";
        match self.text(name) {
            Some(t) if is_hex(&t, 64) => Some(t.into()),
            Some(_) => self.wrong(name, ACCEPTED),
            None if required => self.missing(name, ACCEPTED),
            None => None,
        }
    }

    /// Plain http only to this machine and only in development: the key is sent to it.
    pub(super) fn base_url(&mut self, production: bool) -> Option<Url> {
        self.gateway_url("KIWOOM_BASE_URL", production)
    }

    /// An address that a secret is sent to, without a slash at its end.
    pub(super) fn gateway_url(&mut self, name: &'static str, production: bool) -> Option<Url> {
        let mut url = self.url(name)?;
        let loopback = match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let plain = url.scheme() == "http";
        let named_user = !url.username().is_empty() || url.password().is_some();
        if named_user || url.query().is_some() || plain && (production || !loopback) {
            return self
                .wrong(name, "an https URL (http only to this machine and only in development)");
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Some(url)
    }

    /// The field that lists the window's methods: none that holds something else already.
    pub(super) fn methods_field(&mut self) -> String {
        let name = "KIWOOM_METHODS_FIELD";
        let text = self.text(name).unwrap_or_else(|| "SVCCDIN".to_owned());
        let plain = text.len() <= 30 && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if !plain || !text.to_ascii_uppercase().starts_with("SVC") {
            self.wrong::<()>(name, "another spelling of SVCCDIN: at most 30 letters and digits");
        }
        text
    }

    pub(super) fn shop_name(&mut self) -> Option<String> {
        let name = self.text("SHOP_NAME")?;
        let plain = name.chars().count() <= 50 && !name.chars().any(char::is_control);
        if plain { Some(name) } else { self.wrong("SHOP_NAME", "at most 50 characters") }
    }

    pub(super) fn networks(&mut self, name: &'static str) -> Option<Vec<IpNet>> {
        let text = self.text(name)?;
        let text = text.trim_start_matches('+');
        let nets: Option<Vec<IpNet>> = text.split(',').map(|t| network(t.trim())).collect();
        nets.or_else(|| self.wrong(name, "IP addresses or networks (10.0.0.0/8), comma-separated"))
    }

    /// KiwoomPay's own addresses (protocol section 1) unless replaced.
    pub(super) fn webhook_allowed_ips(&mut self, production: bool) -> Vec<IpNet> {
        let built_in = || -> Vec<IpNet> {
            let production_ips = (200..=209).map(|n| IpAddr::from([27, 102, 213, n]));
            let test = IpAddr::from([123, 140, 121, 205]);
            if production { production_ips.map(IpNet::from).collect() } else { vec![test.into()] }
        };
        let name = "WEBHOOK_ALLOWED_IPS";
        let adds = self.text(name).is_some_and(|text| text.starts_with('+'));
        match self.networks(name) {
            Some(nets) if adds => [built_in(), nets].concat(),
            Some(nets) => nets,
            None => built_in(),
        }
    }

    pub(super) fn retry_days(&mut self) -> RetryDays {
        let text = self.text("RETRY_DAYS").unwrap_or_else(|| "1,3,5,7".to_owned());
        if text == "none" {
            return RetryDays::default();
        }
        let days: Option<Vec<i16>> = text.split(',').map(|d| d.trim().parse().ok()).collect();
        let accepted = "increasing days from 1 to 27, comma-separated, or none";
        let days = days.and_then(RetryDays::new);
        days.or_else(|| self.wrong("RETRY_DAYS", accepted)).unwrap_or_default()
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

pub(super) fn is_cpid(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

pub(super) fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit())
}
