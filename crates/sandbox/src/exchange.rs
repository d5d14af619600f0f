//! Step 2, `POST` to the RETURNURL: the request that moves money.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::calls::{Call, mask_secrets};
use crate::fault::{Fault, Kind, Step};
use crate::ledger::{Event, Ledger};
use crate::tokens::Purpose;
use crate::wire::{self, Answer, Charset, Fields, Refusal};
use crate::{Sandbox, body, cancel, charge, codes, deliver, keygen, lock, notice, ready};

/// What came of a request that was accepted.
pub struct Done {
    /// The answer's fields, without TOKEN.
    pub answer: Answer,
    /// Whether the test card has the answer lost.
    pub answer_lost: bool,
    /// DAOUTRX of the charge, when it was one.
    pub charged: Option<String>,
}

impl Done {
    /// An answer to a request after which nothing else happens.
    pub fn answered(answer: Answer) -> Self {
        Self { answer, answer_lost: false, charged: None }
    }

    fn refused(refusal: Refusal) -> Self {
        Self::answered(refusal.into_answer())
    }
}

/// Answers step 2.
///
/// The work runs in a task of its own: a gateway does not stop charging because the merchant's
/// connection went away, and axum drops a handler whose caller has left.
pub async fn step_two(
    State(sandbox): State<Arc<Sandbox>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let work = tokio::spawn(async move { exchange(&sandbox, &headers, &body).await });
    work.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Writes events down; a journal that cannot be written is a gateway that is broken.
pub fn keep(ledger: &mut Ledger, events: Vec<Event>) -> Result<(), Refusal> {
    ledger.record(events).map_err(|error| {
        tracing::error!(%error, "the sandbox ledger could not be written");
        codes::system_error()
    })
}

async fn exchange(sandbox: &Sandbox, headers: &HeaderMap, content: &[u8]) -> Response {
    let seen = body::peek(content);
    let step = step_of(sandbox, wire::header_text(headers, "token"), &seen);
    note(sandbox, step, headers, content);
    let fault = lock(&sandbox.faults).take(step, seen.get("ORDERNO"));
    if let Some(answer) = deliver::before(fault.as_ref(), step).await {
        return answer;
    }
    let scripted = fault.as_ref().and_then(Fault::refusal);
    let done = process(sandbox, headers, content, scripted).unwrap_or_else(Done::refused);
    if let (Some(fault), Some(charged)) = (&fault, &done.charged)
        && fault.kind == Kind::DropAfterNotify
    {
        notify_of(sandbox, charged);
    }
    let mut answer = done.answer;
    let result = answer.get("RESULTCODE").and_then(|code| code.as_str()).unwrap_or_default();
    tracing::info!(step = step.name(), order_no = seen.get("ORDERNO"), result, "step 2 answered");
    if let Some(auth_no) = fault.as_ref().map(Fault::auth_no).filter(|no| !no.is_empty()) {
        answer.insert("AUTHNO".to_owned(), auth_no.into());
    }
    answer.insert("TOKEN".to_owned(), wire::header_text(headers, "token").into());
    if done.answer_lost {
        deliver::no_answer()
    } else {
        let charset = Charset::of(sandbox.options.strict, headers);
        deliver::after(fault.as_ref(), charset, answer).await
    }
}

/// Queues the notification of a charge. The connection is closed meanwhile: the background tick or
/// the walking clock sends it.
fn notify_of(sandbox: &Sandbox, charged: &str) {
    let mut ledger = lock(&sandbox.ledger);
    let Some(transaction) = ledger.transaction(charged) else { return };
    let queued = notice::of_payment(sandbox, &ledger, transaction);
    // What cannot be written down is logged there; the charge itself stands.
    let _ = keep(&mut ledger, queued);
}

/// Which step the token is for; where that is not known, which the body says.
fn step_of(sandbox: &Sandbox, token: &str, seen: &Fields) -> Step {
    let tokens = lock(&sandbox.tokens);
    let said = (seen.get("CANCELREQ") == "Y", seen.get("PAYMETHOD"));
    let purpose = tokens.purpose(token).map(|p| (p.cancel, p.pay_method.as_str()));
    match purpose.unwrap_or(said) {
        (true, _) => Step::Cancel,
        (_, "CARD-KEYGEN") => Step::Keygen,
        (_, "CARD-BATCH") => Step::Batch,
        _ => Step::Other,
    }
}

fn note(sandbox: &Sandbox, step: Step, headers: &HeaderMap, content: &[u8]) {
    let masked = mask_secrets(content);
    let seen = body::peek(&masked);
    let mut calls = lock(&sandbox.calls);
    calls.count(step);
    calls.keep(Call {
        at: sandbox.now(),
        step: step.name(),
        pay_method: seen.get("PAYMETHOD").to_owned(),
        order_no: seen.get("ORDERNO").to_owned(),
        content_type: wire::header_text(headers, "content-type").to_owned(),
        body_hex: hex::encode(masked),
    });
}

/// Judges the request and carries it out. `scripted` refuses what would have been accepted.
fn process(
    sandbox: &Sandbox,
    headers: &HeaderMap,
    content: &[u8],
    scripted: Option<Refusal>,
) -> Result<Done, Refusal> {
    let (purpose, request) = admit(sandbox, headers, content)?;
    match (purpose.cancel, purpose.pay_method.as_str()) {
        (true, _) => cancel::cancel(sandbox, &request, scripted),
        (false, "CARD-KEYGEN") => keygen::register(sandbox, purpose.contract, &request, scripted),
        (false, _) => charge::charge(sandbox, &request, scripted),
    }
}

fn admit(
    sandbox: &Sandbox,
    headers: &HeaderMap,
    content: &[u8],
) -> Result<(Purpose, Fields), Refusal> {
    let contract = ready::check_key(headers)?;
    let request = body::parse(sandbox.options.strict, headers, content)?;
    // Seen once is used: a token whose request was refused does not serve another.
    let purpose = lock(&sandbox.tokens).redeem(wire::header_text(headers, "token"))?;
    ready::check_pair(contract, &request)?;
    if contract.cpid != purpose.contract.cpid {
        let message = "다른 요청에 발급된 토큰(TOKEN)입니다.";
        return Err(Refusal::new(codes::OTHER_TOKEN, message));
    }
    let request = request.with("PAYMETHOD", &purpose.pay_method);
    Ok((purpose, request))
}
