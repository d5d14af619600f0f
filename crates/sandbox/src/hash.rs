//! `POST /pay/hash`: `KIWOOM_ENC`, which binds what the browser may post to the window.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::fault::{Fault, Step};
use crate::fields::{self, Form, Rule, filled};
use crate::wire::{self, Answer, Charset, Fields, Refusal};
use crate::{Contract, Sandbox, body, codes, deliver, lock, ready, window};

/// The values the hash binds, and nothing else.
const BOUND: [&str; 5] = ["CPID", "PAYMETHOD", "TYPE", "ORDERNO", "AMOUNT"];

/// How many characters of a hash are its salt.
const SALT_CHARS: usize = 32;

/// The rules for the values that are bound.
pub const RULES: [Rule; 5] = [
    filled("CPID", 20, Form::Text),
    filled("PAYMETHOD", 20, Form::Text),
    filled("TYPE", 1, Form::OneOf(&["P", "M", "W"])),
    filled("ORDERNO", 50, Form::Text),
    filled("AMOUNT", 10, Form::Amount),
];

/// Answers a request for a hash.
pub async fn answer(
    State(sandbox): State<Arc<Sandbox>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    lock(&sandbox.calls).count(Step::Hash);
    let fault = lock(&sandbox.faults).take(Step::Hash, "");
    if let Some(answer) = deliver::before(fault.as_ref(), Step::Hash).await {
        return answer;
    }
    let answer = match fault.as_ref().and_then(Fault::refusal) {
        Some(refusal) => refusal.into_answer(),
        None => hash(sandbox.options.strict, &headers, &body).unwrap_or_else(Refusal::into_answer),
    };
    let charset = Charset::of(sandbox.options.strict, &headers);
    deliver::after(fault.as_ref(), charset, answer).await
}

/// Whether the posted values are those that `KIWOOM_ENC` was made for.
pub fn matches(contract: &Contract, posted: &Fields) -> bool {
    let hash = posted.get("KIWOOM_ENC");
    let Some((salt, sum)) = hash.split_at_checked(SALT_CHARS) else { return false };
    let Ok(sum) = hex::decode(sum) else { return false };
    mac(contract, salt, posted).verify_slice(&sum).is_ok()
}

fn hash(strict: bool, headers: &HeaderMap, content: &[u8]) -> Result<Answer, Refusal> {
    // The key is not needed here, so that a missing one passes; a wrong one is a mistake.
    let with_key = headers.contains_key("authorization");
    let of_key = with_key.then(|| ready::check_key(headers)).transpose()?;
    let request = body::parse(strict, headers, content)?;
    fields::check(strict, &request, &RULES)?;
    let contract = ready::check_cpid(&request)?;
    of_key.map_or(Ok(()), |of_key| ready::check_pair(of_key, &request))?;
    let method = request.get("PAYMETHOD");
    if !(contract.window && window::is_opened(method)) {
        return Err(codes::method_not_opened(method));
    }
    // A salt makes every hash a fresh one, as the real ones are.
    let salt = Uuid::new_v4().simple().to_string();
    let sum = mac(contract, &salt, &request).finalize().into_bytes();
    Ok(wire::success("", [("KIWOOM_ENC", salt + &hex::encode(sum))]))
}

fn mac(contract: &Contract, salt: &str, values: &Fields) -> Hmac<Sha256> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(contract.auth_key.as_bytes()) else {
        unreachable!("HMAC takes a key of any length")
    };
    mac.update(salt.as_bytes());
    for name in BOUND {
        // `|` is in no value, so that no two different sets of values look the same.
        mac.update(b"|");
        mac.update(values.get(name).as_bytes());
    }
    mac
}
