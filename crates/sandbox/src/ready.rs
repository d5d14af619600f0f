//! Step 1, `POST /pay/ready`: a token and the address step 2 goes to. It moves no money.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::uri::Authority;
use axum::response::Response;

use crate::fault::{Kind, Step};
use crate::tokens::Purpose;
use crate::wire::{self, Answer, Charset, Fields, Refusal};
use crate::{CONTRACTS, Contract, Sandbox, body, codes, deliver, fields, lock};

/// Methods that are charged from server to server.
const SERVER_METHODS: [&str; 2] = ["CARD-KEYGEN", "CARD-BATCH"];

/// Methods a payment can be cancelled by.
const CANCEL_METHODS: [&str; 13] = [
    "CARD-BATCH",
    "CARD",
    "CARDK",
    "FOREIGNCARD",
    "KAKAOPAY",
    "NAVERPAY",
    "SAMSUNGPAY",
    "PAYCO",
    "APPLEPAY",
    "BANK",
    "VACCOUNT",
    "MOBILE",
    "KT",
];

/// Answers step 1.
pub async fn step_one(
    State(sandbox): State<Arc<Sandbox>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    lock(&sandbox.calls).count(Step::Ready);
    let fault = lock(&sandbox.faults).take(Step::Ready, "");
    if let Some(answer) = deliver::before(fault.as_ref(), Step::Ready).await {
        return answer;
    }
    let mut answer = match fault.as_ref().and_then(super::fault::Fault::refusal) {
        Some(refusal) => refusal.into_answer(),
        None => ready(&sandbox, &headers, &body).unwrap_or_else(Refusal::into_answer),
    };
    if let Some(fault) = &fault
        && fault.kind == Kind::BadReturnUrl
    {
        answer.insert("RETURNURL".to_owned(), fault.return_url().into());
    }
    let charset = Charset::of(sandbox.options.strict, &headers);
    deliver::after(fault.as_ref(), charset, answer).await
}

/// The contract that the request's key belongs to.
pub fn check_key(headers: &HeaderMap) -> Result<&'static Contract, Refusal> {
    let key = wire::header_text(headers, "authorization");
    CONTRACTS.iter().find(|contract| contract.auth_key == key).ok_or_else(codes::wrong_key)
}

/// The contract whose CPID the request names.
pub fn check_cpid(fields: &Fields) -> Result<&'static Contract, Refusal> {
    Contract::find(fields.get("CPID")).ok_or_else(codes::unknown_cpid)
}

/// Whether the key and the CPID are of one contract.
pub fn check_pair(of_key: &Contract, fields: &Fields) -> Result<(), Refusal> {
    let named = check_cpid(fields)?;
    if named.cpid == of_key.cpid { Ok(()) } else { Err(codes::key_of_another()) }
}

/// The address of this sandbox as the caller wrote it, over TLS where a proxy in front says so.
pub fn origin(headers: &HeaderMap) -> Result<String, Refusal> {
    let is_tls = wire::header_text(headers, "x-forwarded-proto") == "https";
    let scheme = if is_tls { "https" } else { "http" };
    let host: Result<Authority, _> = wire::header_text(headers, "host").parse();
    match host {
        Ok(host) => Ok(format!("{scheme}://{host}/sandbox")),
        Err(_) => Err(Refusal::new(codes::WRONG_FORM, "Host 헤더가 올바르지 않습니다.")),
    }
}

fn ready(sandbox: &Sandbox, headers: &HeaderMap, content: &[u8]) -> Result<Answer, Refusal> {
    let contract = check_key(headers)?;
    let strict = sandbox.options.strict;
    let request = body::parse(strict, headers, content)?;
    fields::check(strict, &request, &[])?;
    check_pair(contract, &request)?;
    let purpose = purpose(contract, &request)?;
    let return_url = format!("{}/pay/process", origin(headers)?);
    tracing::info!(pay_method = purpose.pay_method, cancel = purpose.cancel, "token given out");
    let token = lock(&sandbox.tokens).issue(purpose);
    Ok(wire::success("", [("RETURNURL", return_url), ("TOKEN", token)]))
}

fn purpose(contract: &'static Contract, request: &Fields) -> Result<Purpose, Refusal> {
    let pay_method = request.get("PAYMETHOD").to_owned();
    if pay_method.is_empty() {
        return Err(Refusal::new(codes::MISSING_FIELD, "필수 항목이 없습니다: PAYMETHOD"));
    }
    let cancel = match request.find("CANCELREQ") {
        None | Some("" | "N") => false,
        Some("Y") => true,
        Some(_) => {
            let message = "CANCELREQ 항목의 형식이 올바르지 않습니다.";
            return Err(Refusal::new(codes::WRONG_FORM, message));
        }
    };
    let methods: &[&str] = if cancel { &CANCEL_METHODS } else { &SERVER_METHODS };
    let of_cards = SERVER_METHODS.contains(&pay_method.as_str());
    let opened = if of_cards { contract.billing } else { contract.window };
    if !(opened && methods.contains(&pay_method.as_str())) {
        return Err(codes::method_not_opened(&pay_method));
    }
    Ok(Purpose { contract, pay_method, cancel })
}
