//! `Idempotency-Key`: the same key and body give the first answer again, byte for byte.
//!
//! The layer also runs every writing request in a task of its own, which a caller that hangs up
//! does not end, and which shutdown waits for. Only so many run at once; others wait for a second. What a
//! flood costs beyond them is an answer of 429, with no body in memory and no query.
//!
//! The row of a key carries the id that the request's payment, refund or subscription will have.
//! When a process dies in the middle, the next request with the key finds by that id what was
//! done, and answers from it instead of doing it again. What makes nothing that has an id, and would
//! add up when it is done twice, is marked as applied in its own transaction.

mod body;
mod end;
mod kept;
mod scope;

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use tokio::time::timeout;
use tracing::Instrument;
use uuid::Uuid;

pub use body::{MAX_BODY_BYTES, discard as discard_body};
use end::{End, finish};
pub use kept::KeptInstead;
use scope::Scope;

use crate::access::actor::Actor;
use crate::context::{AppState, Context};
use crate::http::error::{ApiError, BeginsAnew, Code};
use crate::payments::answer::{Answer, Kept};
use crate::payments::recovery;
use crate::payments::store::Payment;
use crate::payments::store::claims::Claim;
use crate::storage::live_processes;

/// Writing requests at once: twice what may wait for the gateway, so that a gateway that hangs
/// leaves room for requests that do not need it.
pub const MAX_REQUESTS: usize = 128;
/// A burst passes: so long a request waits to be one of them.
const QUEUE_WAIT: Duration = Duration::from_secs(1);
/// A request that has run this long is over, whatever its row says.
const MAX_RUN_SECS: f64 = 600.0;
/// Says that an answer is that of an earlier request with the key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The id for what a request makes.
#[derive(Clone, Debug)]
pub struct NewId {
    /// Also the id of the idempotency key's row, when there is one.
    pub id: Uuid,
    /// An earlier process began this request and died: look for what it made.
    pub resumed: bool,
    claim: Option<(Claim, Kept)>,
}

impl NewId {
    /// Whether the request was carried out already, by a process that died before it answered or whose
    /// COMMIT was not confirmed. When it was not, it is from now on, if `tx` is committed. One without
    /// an `Idempotency-Key` never was.
    pub async fn is_applied(&self, tx: &mut PgConnection) -> sqlx::Result<bool> {
        let query = sqlx::query_scalar(
            "update idempotency_keys k set applied = true
             from (select id, applied from idempotency_keys where id = $1 for update) before
             where k.id = before.id returning before.applied",
        );
        Ok(query.bind(self.id).fetch_optional(tx).await?.unwrap_or(false))
    }

    /// How a charge that is approved is answered, when the answer has to be kept.
    pub fn answer(self, body: fn(&Context, Payment) -> Vec<u8>) -> Option<Answer> {
        self.claim.map(|(claim, kept)| Answer { claim, body, kept })
    }
}

impl<S: Sync> FromRequestParts<S> for NewId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let fresh = || Self { id: Uuid::now_v7(), resumed: false, claim: None };
        Ok(parts.extensions.get().cloned().unwrap_or_else(fresh))
    }
}

enum Begun {
    Fresh(Claim),
    Resumed(Claim),
    /// The first answer was 202: it may be known by now what became of it.
    AskedAgain(Claim),
    Answered(StatusCode, Vec<u8>),
}

/// Layer: see the module.
pub async fn layer(State(ctx): State<AppState>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let place = timeout(QUEUE_WAIT, ctx.requests.clone().acquire_owned()).await;
    let Ok(Ok(under_way)) = place else {
        discard_body(body).await;
        return ApiError::from(Code::RateLimited).into_response();
    };
    let body = match body::read(body, body::limit(&parts)).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    // Only now: a body may have taken longer than shutdown waits for work that has begun.
    if ctx.stop.is_cancelled() {
        return ApiError::from(Code::ShuttingDown).into_response();
    }
    let scope = match Scope::of(&parts, &body) {
        Ok(scope) => scope,
        Err(error) => return error.into_response(),
    };
    let actor = Actor::of(&parts.extensions);
    let request = Request::from_parts(parts, Body::from(body));
    let tasks = ctx.tasks.clone();
    // Boxed: it is large, and each layer around it would be given a copy.
    let work = Box::pin(async move {
        let _under_way = under_way;
        match scope {
            Some(scope) => run_once(&ctx, &scope, request, next).await,
            None => next.run(request).await,
        }
    });
    match tasks.spawn(actor.acts(work).in_current_span()).await {
        Ok(response) => response,
        Err(_) => {
            // The error repeats the panic's message, which may hold data of the request.
            tracing::error!("a request ended in a panic");
            ApiError::from(Code::Internal).into_response()
        }
    }
}

async fn run_once(ctx: &Context, scope: &Scope, mut request: Request, next: Next) -> Response {
    let (claim, resumed, replayed) = match begin(ctx, scope).await {
        Ok(Begun::Answered(status, body)) => return stored_response(status, body),
        Ok(Begun::Fresh(claim)) => (claim, false, false),
        Ok(Begun::Resumed(claim)) => (claim, true, false),
        Ok(Begun::AskedAgain(claim)) => (claim, true, true),
        Err(error) => return error.into_response(),
    };
    let kept = Kept::default();
    let new = NewId { id: claim.id, resumed, claim: Some((claim, kept.clone())) };
    request.extensions_mut().insert(new);
    let recovered = if resumed { recovery::recover(ctx).await } else { Ok(()) };
    let (response, answered) = match recovered {
        Ok(()) => (next.run(request).await, true),
        Err(error) => (ApiError::from(error).into_response(), false),
    };
    let (mut parts, body) = response.into_parts();
    if replayed {
        parts.headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(body) = kept.get() {
        // It is committed already, with the outcome that it tells of.
        return Response::from_parts(parts, Body::from(body.clone()));
    }
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    // One that only says "not now" is no answer, nor is a fault of ours or of the gateway's: what was
    // begun is found by its id when the request comes again.
    let is_answer = answered
        && !parts.status.is_server_error()
        && !parts.headers.contains_key(header::RETRY_AFTER);
    let end = if is_answer {
        let instead = parts.extensions.remove::<KeptInstead>();
        End::Answered(parts.status, instead.map_or_else(|| bytes.clone(), KeptInstead::into_bytes))
    } else if parts.extensions.get::<BeginsAnew>().is_some() {
        End::CameToNothing
    } else {
        End::GivenUp
    };
    let pool = ctx.pool.clone();
    if let Err(error) = finish(&pool, claim, &end).await {
        tracing::warn!(%error, "answer to an Idempotency-Key not stored yet");
        // Not in the caller's time: the database is away, and the answer is known.
        ctx.tasks.spawn(async move {
            for _ in 0..60 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if finish(&pool, claim, &end).await.is_ok() {
                    return;
                }
            }
        });
    }
    Response::from_parts(parts, Body::from(bytes))
}

async fn begin(ctx: &Context, scope: &Scope) -> Result<Begun, ApiError> {
    let id = Uuid::now_v7();
    // It need not wait for the disk: whatever is committed after it makes it durable too.
    let insert = sqlx::query_as(
        "insert into idempotency_keys
            (id, api_key_id, method, path, key, body_mac, sender, started_at)
         select $1, $2, $3, $4, $5, $6, $7, now()
         from set_config('synchronous_commit', 'off', true)
         on conflict on constraint idempotency_keys_scope_key do nothing
         returning id, started_at",
    );
    let insert = insert.bind(id).bind(&scope.api_key_id).bind(&scope.method).bind(&scope.path);
    let insert =
        insert.bind(&scope.key).bind(ctx.vault.body_mac(&scope.asked)).bind(ctx.instance.number());
    if let Some(claim) = insert.fetch_optional(&ctx.pool).await? {
        return Ok(Begun::Fresh(claim));
    }
    let Some(row) = find(&ctx.pool, scope).await? else {
        // Its first request was turned away without an answer worth keeping, just now.
        return Err(Code::RequestInProgress.into());
    };
    if !ctx.vault.is_body(&row.body_mac, &scope.asked) {
        return Err(Code::IdempotencyKeyReused.into());
    }
    if let (Some(status), Some(body)) = (row.status, row.body) {
        let status = u16::try_from(status).ok().and_then(|s| StatusCode::from_u16(s).ok());
        if status == Some(StatusCode::ACCEPTED) {
            let claim = ask_again(ctx, row.id).await?;
            return claim.map(Begun::AskedAgain).ok_or(Code::RequestInProgress.into());
        }
        return Ok(Begun::Answered(status.unwrap_or(StatusCode::OK), body));
    }
    if row.status.is_some() {
        return Err(Code::IdempotencyKeyExpired.into());
    }
    let claim = take_over(ctx, row.id).await?;
    claim.map(Begun::Resumed).ok_or(Code::RequestInProgress.into())
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    body_mac: Vec<u8>,
    status: Option<i16>,
    body: Option<Vec<u8>>,
}

async fn find(pool: &PgPool, scope: &Scope) -> sqlx::Result<Option<Row>> {
    let query = sqlx::query_as(
        "select id, body_mac, status, body from idempotency_keys
         where api_key_id = $1 and method = $2 and path = $3 and key = $4",
    );
    let query = query.bind(&scope.api_key_id).bind(&scope.method).bind(&scope.path);
    query.bind(&scope.key).fetch_optional(pool).await
}

/// Takes a running request over from a process that is gone. Only one process succeeds.
async fn take_over(ctx: &Context, id: Uuid) -> sqlx::Result<Option<Claim>> {
    let mut alive = live_processes::alive(&ctx.pool).await?;
    alive.push(ctx.instance.number());
    let query = sqlx::query_as(
        "update idempotency_keys set sender = $2, started_at = now()
         where id = $1 and status is null
           and (sender <> all($3) or started_at < now() - make_interval(secs => $4))
         returning id, started_at",
    );
    let query = query.bind(id).bind(ctx.instance.number()).bind(alive).bind(MAX_RUN_SECS);
    query.fetch_optional(&ctx.pool).await
}

/// Takes a request again whose answer was 202. Nothing is done a second time: its payment or refund is
/// there, and the answer is what became of it.
async fn ask_again(ctx: &Context, id: Uuid) -> sqlx::Result<Option<Claim>> {
    let query = sqlx::query_as(
        "update idempotency_keys set status = null, body = null, sender = $2, started_at = now()
         where id = $1 and status = 202 returning id, started_at",
    );
    query.bind(id).bind(ctx.instance.number()).fetch_optional(&ctx.pool).await
}

fn stored_response(status: StatusCode, body: Vec<u8>) -> Response {
    let json = HeaderValue::from_static("application/json");
    let replayed = HeaderValue::from_static("true");
    (status, [(header::CONTENT_TYPE, json), (REPLAYED, replayed)], body).into_response()
}
