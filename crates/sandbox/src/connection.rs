//! The part of the page that says where everything is: the addresses and keys that a merchant's program
//! needs, and what the sandbox has to look at.

use std::fmt::Write;

use axum::http::HeaderMap;

use crate::html::{escape, table};
use crate::{CONTRACTS, Contract, Sandbox, ready};

/// What KiwoomPay has too, and where.
const GATEWAY: [(&str, &str); 6] = [
    ("1단계 (READY)", "/pay/ready"),
    ("결제창 해시 (HASH)", "/pay/hash"),
    ("결제창", "/pay/linkEnc"),
    ("결제창 SDK", "/sdk.js"),
    ("전표", "/common/PayInfoPrint.jsp"),
    ("일일 거래내역", "/DailyTransactionDownLoad.jsp"),
];

/// What only the sandbox has.
const OWN: [(&str, &str); 4] = [
    ("원장", "/ledger"),
    ("받은 요청", "/calls"),
    ("통지", "/notifications"),
    ("대기 중인 장애", "/faults"),
];

/// The part, as HTML.
pub fn shown(sandbox: &Sandbox, headers: &HeaderMap) -> String {
    let base = ready::origin(headers).unwrap_or_else(|_| "/sandbox".to_owned());
    let address = |path: &str| format!("<code>{}{path}</code>", escape(&base));
    let notify_url = match &sandbox.options.notify_url {
        Some(url) => format!("<code>{}</code>", escape(url)),
        None => "없음. <code>sandbox --notify URL</code>로 지정합니다.".to_owned(),
    };
    let strict = if sandbox.options.strict {
        "엄격 (설명서의 형식만 받습니다)"
    } else {
        "일반 (다른 가맹점 프로그램이 보내는 형식도 받습니다)"
    };
    let mut facts = String::new();
    let mut fact = |name: &str, value: &str| {
        let _ = write!(facts, "<dt>{name}</dt><dd>{value}</dd>");
    };
    fact("API 주소", &address(""));
    for (name, path) in GATEWAY {
        fact(name, &address(path));
    }
    fact("통지 주소", &notify_url);
    fact("요청 검사", strict);
    let links = OWN.map(|(name, path)| format!("<a href=\"/sandbox{path}\">{name}</a>"));
    fact("샌드박스의 기록", &links.join(" · "));
    format!("<dl class=\"facts\">{facts}</dl>\n{}", contracts())
}

fn contracts() -> String {
    let rows = CONTRACTS.map(|contract| {
        let what = described(&contract);
        [code(contract.cpid), code(contract.auth_key), what]
    });
    table([("가맹점 ID (CPID)", "when"), ("연동키 (Authorization)", "any"), ("계약", "")], &rows)
}

fn described(contract: &Contract) -> String {
    let what = match (contract.billing, contract.window) {
        (true, true) => "정기결제·결제창",
        (true, false) => "정기결제",
        _ => "결제창",
    };
    let (product, bill) = (contract.product_type, contract.bill_type);
    let codes = contract.tax_free_codes.join("·");
    format!("{what}, PRODUCTTYPE {product}, BILLTYPE {bill}, TAXFREECD {codes}")
}

fn code(text: &str) -> String {
    format!("<code>{text}</code>")
}
