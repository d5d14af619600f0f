//! Step 1, `POST /pay/ready`: a token and the address step 2 goes to. It moves no money.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::uri::Authority;
use axum::response::Response;

use crate::fault::{Kind, Step};
use crate::tokens::Purpose;
use crate::wire::{self, Answer, Fields, Refusal};
use crate::{Sandbox, codes, deliver, fields, lock};

/// Methods that are charged from server to server.
const SERVER_METHODS: [&str; 2] = ["CARD-KEYGEN", "CARD-BATCH"];

/// Methods a payment can be cancelled by.
const CANCEL_METHODS: [&str; 11] = [
    "CARD-BATCH",
    "CARD",
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
    deliver::after(fault.as_ref(), answer).await
}

/// Whether the request carries the merchant's key.
pub fn check_key(sandbox: &Sandbox, headers: &HeaderMap) -> Result<(), Refusal> {
    let right = wire::header_text(headers, "authorization") == sandbox.options.auth_key;
    if right { Ok(()) } else { Err(codes::wrong_key()) }
}

/// Whether the request names the merchant.
pub fn check_cpid(sandbox: &Sandbox, fields: &Fields) -> Result<(), Refusal> {
    let right = fields.get("CPID") == sandbox.options.cpid;
    if right { Ok(()) } else { Err(codes::wrong_cpid()) }
}

/// The address of this sandbox as the caller wrote it.
pub fn origin(headers: &HeaderMap) -> Result<String, Refusal> {
    let host: Result<Authority, _> = wire::header_text(headers, "host").parse();
    match host {
        Ok(host) => Ok(format!("http://{host}/sandbox")),
        Err(_) => Err(Refusal::new(codes::WRONG_FORM, "Host 헤더가 올바르지 않습니다.")),
    }
}

fn ready(sandbox: &Sandbox, headers: &HeaderMap, body: &[u8]) -> Result<Answer, Refusal> {
    check_key(sandbox, headers)?;
    let request = wire::parse(headers, body)?;
    fields::check(&request, &[])?;
    check_cpid(sandbox, &request)?;
    let purpose = purpose(&request)?;
    let return_url = format!("{}/pay/process", origin(headers)?);
    tracing::info!(pay_method = purpose.pay_method, cancel = purpose.cancel, "token given out");
    let token = lock(&sandbox.tokens).issue(purpose);
    Ok(wire::success("", [("RETURNURL", return_url), ("TOKEN", token)]))
}

fn purpose(request: &Fields) -> Result<Purpose, Refusal> {
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
    if !methods.contains(&pay_method.as_str()) {
        return Err(codes::method_not_opened(&pay_method));
    }
    Ok(Purpose { pay_method, cancel })
}
