//! `KIWOOM_DAILY_LIST_*`: where KiwoomPay's list of a day's transactions is fetched.

use secrecy::SecretString;
use url::Url;

use crate::config::read::Reader;

/// The list, when it is switched on (protocol section 2.5).
#[derive(Clone, Debug)]
pub struct DailyList {
    /// `KIWOOM_DAILY_LIST_URL`.
    pub url: Url,
    /// `KIWOOM_DAILY_LIST_PASSWORD`: that of the merchant pages. It travels in the query.
    pub password: SecretString,
    /// `KIWOOM_DAILY_LIST_METHODS`: METHOD of each list, `CC` (cards) and `B` (transfers) being known.
    pub methods: Vec<String>,
}

impl DailyList {
    /// `None` while it is switched off, as it is by default.
    pub(super) fn read(r: &mut Reader, production: bool) -> Option<Self> {
        let url = r.gateway_url("KIWOOM_DAILY_LIST_URL", production);
        let methods = r.text("KIWOOM_DAILY_LIST_METHODS").unwrap_or_else(|| "CC".to_owned());
        let methods: Vec<String> = methods.split(',').map(|m| m.trim().to_owned()).collect();
        let is_word = |m: &String| {
            (1..=20).contains(&m.len()) && m.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if !methods.iter().all(is_word) {
            r.wrong::<()>(
                "KIWOOM_DAILY_LIST_METHODS",
                "METHOD words, comma-separated, such as CC,B",
            );
        }
        let password = r.text("KIWOOM_DAILY_LIST_PASSWORD");
        let url = url?;
        match password {
            Some(password) => Some(Self { url, password: password.into(), methods }),
            None => r.missing("KIWOOM_DAILY_LIST_PASSWORD", "the password of the merchant pages"),
        }
    }
}
