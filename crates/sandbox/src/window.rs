//! The hosted window: what a browser posts to open it, and the page it gets.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use url::Url;
use uuid::Uuid;

use crate::fields::{self, Form, LONG_CODE, Need, Rule, filled, optional};
use crate::wire::{Fields, Refusal};
use crate::{Sandbox, codes, form, hash, lock, ready, window_options, window_page};

/// The methods of the window, in the order it shows them.
pub const METHODS: [(&str, &str); 10] = [
    ("CARD", "신용카드"),
    ("KAKAOPAY", "카카오페이"),
    ("NAVERPAY", "네이버페이"),
    ("SAMSUNGPAY", "삼성페이"),
    ("PAYCO", "페이코"),
    ("APPLEPAY", "애플페이"),
    ("BANK", "계좌이체"),
    ("MOBILE", "휴대폰"),
    ("CARDK", "신용카드K"),
    ("FOREIGNCARD", "해외카드"),
];

/// The PAYMETHOD of the window that shows several methods.
const TOTAL: &str = "TOTAL";

/// How many windows may be open; the oldest go first.
const MAX_WINDOWS: usize = 1_000;

const RULES: [Rule; 20] = [
    filled("KIWOOM_ENC", 200, Form::Text),
    filled("PRODUCTTYPE", 1, Form::OneOf(&["1", "2"])),
    filled("PRODUCTNAME", 50, Form::Text),
    optional("PRODUCTCODE", 10, Form::Text).leniently(Need::Optional, LONG_CODE),
    optional("USERID", 50, Form::Text),
    optional("USERNAME", 50, Form::Text),
    optional("EMAIL", 100, Form::Text),
    optional("TAXFREECD", 2, Form::OneOf(&["00", "01", "02"])),
    optional("TELNO2", 50, Form::Text),
    optional("FREEAMT", 10, Form::Digits),
    filled("HOMEURL", 1_000, Form::Text),
    optional("FAILURL", 1_000, Form::Text),
    optional("CLOSEURL", 1_000, Form::Text),
    optional("APPURL", 1_000, Form::Text),
    optional("CPQUOTA", 50, Form::Text),
    optional("CASHRECEIPTFLAG", 1, Form::OneOf(&["Y", "N", "1", "0"])),
    optional("DIRECTRESULTFLAG", 1, Form::OneOf(&["Y", "N"])),
    optional("RESERVEDINDEX1", 20, Form::Text),
    optional("RESERVEDINDEX2", 20, Form::Text),
    optional("RESERVEDSTRING", 1_024, Form::Text),
];

/// A window a browser has open.
#[derive(Debug)]
pub struct Checkout {
    /// What opened it.
    pub request: Fields,
    /// The methods to choose from.
    pub methods: Vec<(&'static str, &'static str)>,
}

/// The windows open now.
#[derive(Debug, Default)]
pub struct Windows {
    open: HashMap<String, Arc<Checkout>>,
    oldest_first: VecDeque<String>,
}

impl Windows {
    /// Opens a window: its name.
    pub fn open(&mut self, checkout: Arc<Checkout>) -> String {
        if self.oldest_first.len() >= MAX_WINDOWS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.open.remove(&oldest);
        }
        let name = Uuid::new_v4().simple().to_string();
        self.open.insert(name.clone(), checkout);
        self.oldest_first.push_back(name.clone());
        name
    }

    /// Closes a window. Each closes once, so that a second click cannot pay a second time.
    pub fn close(&mut self, name: &str) -> Option<Arc<Checkout>> {
        self.open.remove(name)
    }

    /// A window that is open.
    pub fn get(&self, name: &str) -> Option<Arc<Checkout>> {
        self.open.get(name).cloned()
    }
}

/// Whether the window can be opened with this PAYMETHOD.
pub fn is_opened(method: &str) -> bool {
    method == TOTAL || METHODS.iter().any(|(code, _)| *code == method)
}

/// `POST /pay/linkEnc` and `/pay/link`: the window, or a page that says why not.
pub async fn link(State(sandbox): State<Arc<Sandbox>>, body: Bytes) -> Response {
    let request = form::parse(&body);
    match admit(sandbox.options.strict, &request) {
        Ok(methods) => {
            let checkout = Arc::new(Checkout { request, methods });
            let name = lock(&sandbox.windows).open(checkout.clone());
            window_page::window(&name, &checkout)
        }
        Err(refusal) => {
            let result = refusal.code.as_str();
            tracing::info!(order_no = request.get("ORDERNO"), result, "window refused");
            window_page::refused(StatusCode::OK, &refusal)
        }
    }
}

fn admit(strict: bool, request: &Fields) -> Result<Vec<(&'static str, &'static str)>, Refusal> {
    fields::check(strict, request, &hash::RULES)?;
    fields::check(strict, request, &RULES)?;
    let contract = ready::check_cpid(request)?;
    contract.check(request)?;
    if !hash::matches(contract, request) {
        let message = "결제 요청 값이 해시(KIWOOM_ENC)와 일치하지 않습니다.";
        return Err(Refusal::new(codes::WRONG_HASH, message));
    }
    for name in ["HOMEURL", "FAILURL", "CLOSEURL"] {
        let value = request.get(name);
        if !value.is_empty() && !is_web_address(value) {
            let message = format!("{name} 항목은 http 또는 https 주소여야 합니다.");
            return Err(Refusal::new(codes::WRONG_FORM, message));
        }
    }
    let shown = methods(request)?;
    let codes: Vec<_> = shown.iter().map(|(code, _)| *code).collect();
    window_options::check(request, &codes)?;
    Ok(shown)
}

/// Only web addresses: anything else in a link would run in the gateway's page.
fn is_web_address(value: &str) -> bool {
    Url::parse(value).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// The methods to show: the one asked for, or for TOTAL those listed.
fn methods(request: &Fields) -> Result<Vec<(&'static str, &'static str)>, Refusal> {
    let asked = request.get("PAYMETHOD");
    let listed =
        |field: &str, code: &str| request.get(field).split(',').any(|word| word.trim() == code);
    let everything = request.get("SVCCDIN").is_empty();
    let is_shown = |code: &str| {
        let wanted = everything || listed("SVCCDIN", code);
        code == asked || asked == TOTAL && wanted && !listed("SVCCDNOTIN", code)
    };
    let shown: Vec<_> = METHODS.into_iter().filter(|(code, _)| is_shown(code)).collect();
    if shown.is_empty() { Err(codes::method_not_opened(asked)) } else { Ok(shown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(fields: [(&str, &str); 3]) -> Vec<&'static str> {
        let methods = methods(&Fields::from(fields)).unwrap_or_default();
        methods.into_iter().map(|(code, _)| code).collect()
    }

    #[test]
    fn the_window_shows_what_was_asked_for() {
        let total =
            |shown, hidden| [("PAYMETHOD", "TOTAL"), ("SVCCDIN", shown), ("SVCCDNOTIN", hidden)];
        assert_eq!(shown(total("PAYCO, KAKAOPAY,NOPAY", "")), ["KAKAOPAY", "PAYCO"]);
        assert_eq!(shown(total("", "CARD,APPLEPAY,BANK,MOBILE")).len(), 6);
        assert_eq!(shown(total("NOPAY", "")).len(), 0);
        let one = [("PAYMETHOD", "NAVERPAY"), ("SVCCDIN", "CARD"), ("SVCCDNOTIN", "")];
        assert_eq!(shown(one), ["NAVERPAY"]);
    }

    #[test]
    fn links_lead_to_the_web_only() {
        assert!(is_web_address("http://localhost:3000/return"));
        assert!(!is_web_address("javascript:alert(1)") && !is_web_address("/return"));
    }
}
