//! The only place that talks HTTP to KiwoomPay. One try of step 2, ever.

mod failure;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use failure::Failure;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, redirect, retry};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep_until};
use url::{Position, Url};

use crate::kiwoom::client::KEYGEN;
use crate::kiwoom::codes::{Codes, Refusal, SUCCESS};
use crate::kiwoom::error::GatewayError;
use crate::kiwoom::outgoing::through;
use crate::kiwoom::pace::{NoTurn, Turn};
use crate::kiwoom::wire::{Answer, Fields};
use crate::rules::contract::Contract;
use crate::rules::forward_proxy::ForwardProxy;
use crate::rules::payment_state::Meaning;

const CONTENT_TYPE_EUC_KR: &str = "application/json;charset=EUC-KR";
const TOKEN: HeaderName = HeaderName::from_static("token");
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Of step 1, which may connect again.
const READY_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Answers are well under 1 KiB; more than this is not an answer.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// A longer RETURNURL is not one.
const MAX_RETURN_URL_BYTES: usize = 2048;
/// A longer RESULTCODE is not one; the known ones have four characters.
const MAX_CODE_BYTES: usize = 32;
/// What only a call has in its answer that was carried out.
const SIGNS_OF_MONEY: [&str; 3] = ["AUTHNO", "DAOUTRX", "CANCELDATE"];
/// KiwoomPay's own limit, which step 2 has to itself where the time-out is longer.
const STEP_2: Duration = Duration::from_secs(30);
/// Where it is not: what step 1 gets, but never more than half of the time-out.
const STEP_1: Duration = Duration::from_secs(5);
/// Step 1 moves no money: it is tried this often.
const READY_TRIES: u32 = 3;
const READY_PAUSE: Duration = Duration::from_millis(200);
/// So long before step 2 may be sent its intent is begun.
const INTENT: Duration = Duration::from_millis(100);

/// The right to one step-2 request, from step 1. Consumed by use: a token serves one request. The
/// turn it was got with ends with it, when the answer is there.
pub struct Ticket {
    return_url: Url,
    token: String,
    turn: Turn,
    /// When the call may be sent.
    starts_at: Instant,
    /// When its time is over.
    ends_at: Instant,
}

impl Ticket {
    /// PAYMETHOD of the call.
    pub(super) fn method(&self) -> &'static str {
        self.turn.method()
    }

    /// The contract of the call.
    pub(super) fn contract(&self) -> &Contract {
        self.turn.contract()
    }
}

pub(super) struct Exchange {
    base_url: Url,
    ready_client: Client,
    send_client: Client,
    timeout: Duration,
    codes: Arc<Codes>,
    answered: Mutex<Option<Instant>>,
}

impl Exchange {
    pub(super) fn new(
        base_url: Url,
        timeout: Duration,
        proxy: Option<&ForwardProxy>,
        codes: Arc<Codes>,
    ) -> reqwest::Result<Self> {
        // The client must not send anything twice by itself: no redirects, no retries. Step 2 also
        // reuses no idle connection, because a server closing one looks like a lost answer.
        let builder = |connect_timeout| {
            let client = Client::builder()
                .redirect(redirect::Policy::none())
                .retry(retry::never())
                .referer(false)
                .connect_timeout(connect_timeout)
                .timeout(timeout);
            through(&base_url, proxy, client)
        };
        Ok(Self {
            ready_client: builder(READY_CONNECT_TIMEOUT)?.build()?,
            send_client: builder(CONNECT_TIMEOUT)?.pool_max_idle_per_host(0).build()?,
            base_url,
            timeout,
            codes,
            answered: Mutex::default(),
        })
    }

    /// Step 1. Retried, because it moves no money.
    #[tracing::instrument(name = "gateway.ready", skip_all, fields(method = turn.method()))]
    pub(super) async fn ready(&self, turn: Turn, fields: &Fields) -> Result<Ticket, GatewayError> {
        let started = Instant::now();
        let begun = self.begin(&turn.contract().auth_key, fields).await;
        measure(1, turn.method(), started);
        let (return_url, token) = begun?;
        let (ready_at, time) = (Instant::now(), started + self.timeout);
        let starts_at = turn.step_2().await.map_err(|error| not_sent(&error))?;
        sleep_until(starts_at - INTENT).await;
        // Waiting for a turn is no part of the call's time.
        let ends_at = time + starts_at.saturating_duration_since(ready_at);
        Ok(Ticket { return_url, token, turn, starts_at, ends_at })
    }

    /// Step 1 without a step 2: RETURNURL and TOKEN.
    pub(super) async fn begin(
        &self,
        key: &SecretString,
        fields: &Fields,
    ) -> Result<(Url, String), GatewayError> {
        let answer = self.ask_within(self.step_1(), "/pay/ready", key, fields).await?;
        match (answer.get("RETURNURL"), answer.get("TOKEN"), answer.result()) {
            (_, _, Some((code, message))) if code != SUCCESS => {
                let setting = self.codes.setting(&code);
                Err(GatewayError::ReadyRefused { code, message, setting })
            }
            (Some(url), Some(token), _) => {
                let return_url = self.pinned(&url).ok_or_else(|| {
                    tracing::error!("ready answered with a RETURNURL on a foreign host");
                    GatewayError::NotSent("RETURNURL is not KiwoomPay's".into())
                })?;
                Ok((return_url, token))
            }
            _ => Err(GatewayError::NotSent("ready answered without RETURNURL or TOKEN".into())),
        }
    }

    /// How long ago KiwoomPay last gave an answer that could be read.
    pub(super) fn last_answer(&self) -> Option<Duration> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }

    /// Where the gateway is.
    pub(super) fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// A look at the gateway's host, without the key.
    pub(super) async fn reach(&self) -> reqwest::Result<Response> {
        self.ready_client.get(self.base_url.clone()).timeout(CONNECT_TIMEOUT * 2).send().await
    }

    /// How long step 1 may take of a call's time: what step 2 does not need.
    fn step_1(&self) -> Duration {
        match self.timeout.checked_sub(STEP_2) {
            Some(left) if !left.is_zero() => left,
            _ => STEP_1.min(self.timeout / 2),
        }
    }

    /// A call that moves no money and has one step.
    pub(super) async fn ask(
        &self,
        path: &str,
        key: &SecretString,
        fields: &Fields,
    ) -> Result<Answer, GatewayError> {
        self.ask_within(self.timeout, path, key, fields).await
    }

    /// A request that moves no money, tried up to [`READY_TRIES`] times within one time-out.
    async fn ask_within(
        &self,
        timeout: Duration,
        path: &str,
        key: &SecretString,
        fields: &Fields,
    ) -> Result<Answer, GatewayError> {
        let request = self
            .ready_client
            .post(format!("{}{path}", self.base_url.as_str().trim_end_matches('/')))
            .headers(headers(key)?)
            .body(fields.encode()?);
        let mut last = Failure::timed_out();
        let tries = tokio::time::timeout(timeout, self.ask_repeatedly(&request, &mut last)).await;
        if let Ok(Some(answer)) = tries {
            return Ok(answer);
        }
        last.tell(1, self.base_url.host_str());
        Err(GatewayError::NotSent(format!("{path}: {}", last.told)))
    }

    async fn ask_repeatedly(&self, request: &RequestBuilder, last: &mut Failure) -> Option<Answer> {
        for n in 0..READY_TRIES {
            tokio::time::sleep(READY_PAUSE * n).await;
            match self.answer(request.try_clone()?.send().await).await {
                Ok(answer) => return Some(answer),
                Err(failure) => *last = failure,
            }
        }
        None
    }

    async fn answer(&self, sent: reqwest::Result<Response>) -> Result<Answer, Failure> {
        let answer = read_answer(sent.map_err(|error| Failure::of(&error))?).await?;
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(answer)
    }

    /// Step 2, once, unless it has less time left than it needs: an answer that is not waited for
    /// leaves the outcome unknown. Besides that only a request that could not be written down and a
    /// connection that was never made are [`GatewayError::NotSent`].
    #[tracing::instrument(name = "gateway.send", skip_all, fields(method = ticket.method()))]
    pub(super) async fn send(
        &self,
        ticket: Ticket,
        fields: &Fields,
    ) -> Result<Answer, GatewayError> {
        let moves_money = ticket.method() != KEYGEN;
        let mut headers = headers(&ticket.contract().auth_key)?;
        let token = HeaderValue::from_str(&ticket.token);
        let token =
            token.map_err(|_| GatewayError::NotSent("TOKEN is not a header value".into()))?;
        headers.insert(TOKEN, token);
        sleep_until(ticket.starts_at).await;
        let left = ticket.ends_at.saturating_duration_since(Instant::now());
        if left < self.timeout.saturating_sub(self.step_1()) {
            return Err(GatewayError::NotSent("no time left for step 2".into()));
        }
        let host = ticket.return_url.host_str().map(str::to_owned);
        let request = self.send_client.post(ticket.return_url).headers(headers).timeout(left);
        let (body, started) = (fields.encode()?, Instant::now());
        let sent = request.body(body).send().await;
        let was_sent = !sent.as_ref().is_err_and(|e| e.is_connect() || e.is_builder());
        let answer = self.answer(sent).await;
        measure(2, ticket.turn.method(), started);
        let answer = answer.map_err(|failure| {
            failure.tell(2, host.as_deref());
            if was_sent {
                GatewayError::Unknown(failure.told)
            } else {
                GatewayError::NotSent(failure.told)
            }
        })?;
        judge(answer, &ticket.token, moves_money, &self.codes)
    }

    /// RETURNURL comes from the network and the key is sent to it: the base's own origin, or over
    /// https on the usual port a sub-domain of kiwoompay.co.kr; where the base itself is this
    /// machine's sandbox, its origin alone. No user-info (protocol section 2).
    fn pinned(&self, text: &str) -> Option<Url> {
        let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        let url = Url::parse(text).ok().filter(|_| plain && text.len() <= MAX_RETURN_URL_BYTES)?;
        // The host stands there as it is meant: no escapes, numbers or slashes that become one.
        let meant = &url[..Position::AfterHost];
        let written = text.get(..meant.len()).is_some_and(|t| t.eq_ignore_ascii_case(meant));
        let nobody = url.username().is_empty() && url.password().is_none();
        let base = &self.base_url;
        let kiwoom = base.scheme() == "https"
            && url.port().is_none()
            && url.host_str().is_some_and(|h| h.ends_with(".kiwoompay.co.kr"));
        let ours = kiwoom || url.origin() == base.origin();
        // The origin of `blob:https://…` is the one within.
        (written && nobody && ours && url.scheme() == base.scheme()).then_some(url)
    }
}

fn not_sent(error: &NoTurn) -> GatewayError {
    GatewayError::NotSent(format!("no turn for step 2: {error}"))
}

fn measure(step: u8, method: &'static str, started: Instant) {
    let step = step.to_string();
    metrics::histogram!("kiwoom_billing_gateway_seconds", "step" => step, "method" => method)
        .record(started.elapsed().as_secs_f64());
}

fn headers(key: &SecretString) -> Result<HeaderMap, GatewayError> {
    let key = HeaderValue::from_str(key.expose_secret());
    let mut key = key.map_err(|_| GatewayError::NotSent("key is not a header value".into()))?;
    key.set_sensitive(true);
    let content_type = HeaderValue::from_static(CONTENT_TYPE_EUC_KR);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, key), (CONTENT_TYPE, content_type)]))
}

/// A well-formed no is `Refused`, unless its code says that the call may have been carried out; a yes
/// or no for another token, or without a code, is `Unknown`.
pub(super) fn judge(
    answer: Answer,
    token: &str,
    moves_money: bool,
    codes: &Codes,
) -> Result<Answer, GatewayError> {
    let unknown = |reason: &str| Err(GatewayError::Unknown(reason.to_owned()));
    match (answer.get("TOKEN"), answer.result()) {
        (Some(other), _) if other != token => unknown("the answer has another TOKEN"),
        (_, None) => unknown("the answer has no RESULTCODE"),
        (_, Some((code, _))) if !is_code(&code) => unknown("the answer's RESULTCODE is malformed"),
        (None, Some((code, _))) if code == SUCCESS => unknown("the answer has no TOKEN"),
        (_, Some((code, _))) if code == SUCCESS => Ok(answer),
        (_, Some((code, message))) => {
            let has_sign = SIGNS_OF_MONEY.iter().any(|name| answer.get(name).is_some());
            let is_doubtful = moves_money && (has_sign || message.is_empty());
            match codes.meaning(Refusal { code: &code, is_doubtful }) {
                Meaning::Unknown => unknown(&format!("refused with {code}")),
                Meaning::Refused(verdict) => {
                    let setting = codes.setting(&code);
                    Err(GatewayError::Refused { code, message, verdict, setting })
                }
            }
        }
    }
}

fn is_code(text: &str) -> bool {
    text.len() <= MAX_CODE_BYTES && text.bytes().all(|b| b.is_ascii_graphic())
}

async fn read_answer(mut response: Response) -> Result<Answer, Failure> {
    let status = response.status();
    if status != reqwest::StatusCode::OK {
        return Err(Failure::status(status.as_u16()));
    }
    let charset = charset_of(response.headers());
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| Failure::of(&e))? {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(Failure::unreadable("the answer is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    let answer = Answer::parse(&bytes, charset.as_deref());
    answer.ok_or_else(|| Failure::unreadable("the answer is not JSON"))
}

fn charset_of(headers: &HeaderMap) -> Option<String> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let (_, charset) = content_type.split_once("charset=")?;
    let charset = charset.split(';').next().unwrap_or_default();
    Some(charset.trim_matches(|c: char| c == '"' || c.is_whitespace()).to_owned())
}

#[cfg(test)]
mod tests;
