//! How an answer leaves: as it should, or as a fault has it.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, StreamExt};
use uuid::Uuid;

use crate::charset;
use crate::fault::{Fault, Kind, Step};
use crate::wire::{self, Answer, Charset};

const HUGE_BYTES: usize = 10 * 1024 * 1024;
const JSON: &str = "application/json";
const HTML_EUC_KR: &str = "text/html;charset=EUC-KR";

/// Applies a fault that comes before anything is done. Returns the answer when it ends there.
pub async fn before(fault: Option<&Fault>, step: Step) -> Option<Response> {
    let fault = fault?;
    match fault.kind {
        Kind::DropBefore => Some(no_answer()),
        Kind::StatusBefore => Some(error_page(fault.status)),
        Kind::Redirect => Some(redirect(step.path())),
        Kind::DelayBefore => {
            tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
            None
        }
        _ => None,
    }
}

/// Sends the answer in `charset`, or the way the fault has it.
pub async fn after(fault: Option<&Fault>, charset: Charset, mut answer: Answer) -> Response {
    let Some(fault) = fault else { return wire::respond(charset, &answer) };
    match fault.kind {
        Kind::DropAfter | Kind::DropAfterNotify => return no_answer(),
        Kind::Html => return error_page(200),
        Kind::Status => return error_page(fault.status),
        Kind::Garbage => {
            return wire::bytes(StatusCode::OK, Charset::EucKr.content_type(), garbage());
        }
        Kind::Truncate => return truncated(charset, &answer),
        Kind::Slow => return slow(charset, &answer),
        Kind::Huge => return huge(charset, &answer),
        Kind::HalfClose => return half_closed(charset, &answer),
        Kind::Utf8 => return wire::respond(Charset::Utf8, &answer),
        Kind::Utf8Unnamed => return unnamed(Charset::Utf8, &answer),
        Kind::EucKrUnnamed => return unnamed(Charset::EucKr, &answer),
        Kind::DelayAfter => tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await,
        Kind::WrongToken => replace(&mut answer, "TOKEN", |_| "0".repeat(32)),
        Kind::WrongAmount => replace(&mut answer, "AMOUNT", |amount| format!("{amount}0")),
        Kind::WrongOrder => {
            replace(&mut answer, "ORDERNO", |order| format!("{order}X"));
            replace(&mut answer, "TRXID", |id| format!("{id}X"));
        }
        Kind::NoResultCode => drop(answer.shift_remove("RESULTCODE")),
        // These were applied already, before the answer was made or in making it.
        Kind::Decline
        | Kind::DelayBefore
        | Kind::DropBefore
        | Kind::StatusBefore
        | Kind::Redirect
        | Kind::BadReturnUrl => {}
    }
    wire::respond(charset, &answer)
}

/// Closes the connection without a byte of an answer.
///
/// hyper holds the head back until it has polled the body once; a body that fails at once makes
/// it close the connection instead. Should the head ever get out, the Content-Length it promises
/// still makes the answer incomplete.
pub fn no_answer() -> Response {
    let failing = stream::once(async { Err::<Bytes, _>(io::Error::other("dropped on purpose")) });
    with_length(Charset::EucKr, 1, Body::from_stream(failing))
}

fn replace(answer: &mut Answer, name: &str, change: impl Fn(&str) -> String) {
    if let Some(value) = answer.get_mut(name) {
        *value = change(value.as_str().unwrap_or_default()).into();
    }
}

fn redirect(path: &'static str) -> Response {
    let location = HeaderValue::from_static(path);
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
}

fn error_page(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let page = "<html><body><h1>일시적인 장애입니다.</h1></body></html>";
    wire::bytes(status, HTML_EUC_KR, charset::encode(page))
}

/// Random syllables: lead bytes B0–C8 and trail bytes A1–FE are all Hangul.
fn garbage() -> Vec<u8> {
    let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    random.chunks(2).flat_map(|pair| [0xB0 + pair[0] % 25, 0xA1 + pair[1] % 94]).collect()
}

fn unnamed(charset: Charset, answer: &Answer) -> Response {
    wire::bytes(StatusCode::OK, JSON, charset.encode(answer))
}

fn truncated(charset: Charset, answer: &Answer) -> Response {
    let mut body = charset.encode(answer);
    body.truncate(body.len() / 2);
    wire::bytes(StatusCode::OK, charset.content_type(), body)
}

fn slow(charset: Charset, answer: &Answer) -> Response {
    let body = charset.encode(answer);
    let length = body.len();
    let drops = stream::iter(body).then(|byte| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<_, Infallible>(Bytes::copy_from_slice(&[byte]))
    });
    with_length(charset, length, Body::from_stream(drops))
}

/// The answer comes after the padding, so that a client which reads on would believe it.
fn huge(charset: Charset, answer: &Answer) -> Response {
    let answer = charset.encode(answer);
    let mut body = vec![b' '; HUGE_BYTES.saturating_sub(answer.len())];
    body.extend_from_slice(&answer);
    wire::bytes(StatusCode::OK, charset.content_type(), body)
}

fn half_closed(charset: Charset, answer: &Answer) -> Response {
    let mut body = charset.encode(answer);
    let length = body.len();
    body.truncate(length / 2);
    let half = stream::once(async move { Ok(Bytes::from(body)) });
    // The pause lets the first half out; hyper would otherwise close before sending it.
    let cut = stream::once(async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Err(io::Error::other("cut on purpose"))
    });
    with_length(charset, length, Body::from_stream(half.chain(cut)))
}

fn with_length(charset: Charset, length: usize, body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(charset.content_type())),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
    ];
    (headers, body).into_response()
}
