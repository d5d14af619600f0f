//! Korean, or English by a switch that a cookie remembers.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE as COOKIES};
use cookie::Cookie;

/// The cookie of the switch.
const COOKIE: &str = "kiwoom_console_language";
const YEAR_SECS: i64 = 365 * 24 * 3600;

/// The language of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// The default.
    #[default]
    Korean,
    /// By the switch.
    English,
}

impl Language {
    /// As the browser's cookie says.
    pub fn of(headers: &HeaderMap) -> Self {
        match cookie_named(headers, COOKIE).as_deref() {
            Some("en") => Self::English,
            _ => Self::Korean,
        }
    }

    /// As the browser asks for, where there is no cookie.
    pub fn accepted(headers: &HeaderMap) -> Self {
        let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let english =
            accepted.is_some_and(|text| text.trim_start().to_lowercase().starts_with("en"));
        if english { Self::English } else { Self::Korean }
    }

    /// `ko` or `en`.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Korean, Self::English].into_iter().find(|language| language.code() == word)
    }

    /// The tag of the language.
    pub fn code(self) -> &'static str {
        match self {
            Self::Korean => "ko",
            Self::English => "en",
        }
    }

    /// The text in this language.
    pub fn pick<'t>(self, ko: &'t str, en: &'t str) -> &'t str {
        match self {
            Self::Korean => ko,
            Self::English => en,
        }
    }

    /// The cookie that remembers it.
    pub fn cookie(self, secure: bool) -> String {
        let cookie = Cookie::build((COOKIE, self.code())).path("/console").http_only(true);
        let cookie = cookie.secure(secure).same_site(cookie::SameSite::Strict);
        cookie.max_age(cookie::time::Duration::seconds(YEAR_SECS)).to_string()
    }
}

/// The value of a cookie that a request carries.
pub fn cookie_named(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIES).iter();
    let mut all = all.filter_map(|header| header.to_str().ok()).flat_map(Cookie::split_parse);
    all.find_map(|cookie| cookie.ok().filter(|c| c.name() == name).map(|c| c.value().to_owned()))
}
