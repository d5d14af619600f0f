//! The HTTP side of a notification: body in, sender checked, KiwoomPay's answer out.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::access::actor::Actor;
use crate::context::{AppState, Context};
use crate::http::error::ErrorBody;
use crate::layers::idempotency::MAX_BODY_BYTES;
use crate::webhook::ingest::{self, Verdict};
use crate::webhook::source::{self, Rules};

/// KiwoomPay waits about 9 seconds (protocol section 4); an answer after that is wasted.
const PATIENCE: Duration = Duration::from_secs(8);

/// Receive a notification of KiwoomPay.
///
/// KiwoomPay calls this with a notification in the query, as a form or as JSON. `SUCCESS` is
/// answered only once it is committed.
#[utoipa::path(
    method(get, post), path = "/webhook/kiwoom", operation_id = "receiveNotification",
    tag = "webhook",
    responses(
        (status = 200, description = "`<RESULT>SUCCESS</RESULT>`: committed; money that was not asked for \
            so too, which is kept beside the books", body = String,
            content_type = "text/html"),
        (status = "default", description = "`<RESULT>FAIL</RESULT>`: 403 the sender, 400 not \
            readable, another merchant's or of a kind that tells of no money, 404 no such order, \
            409 against the books, 405", content(
                (String = "text/html"), (ErrorBody = "application/json"))),
        (status = 503, description = "`<RESULT>FAIL</RESULT>`: could not be stored", body = String,
            content_type = "text/html"),
    )
)]
pub async fn kiwoom(
    State(ctx): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    receive(ctx, peer, request).await
}

/// Receive a notification of KiwoomPay (second address).
///
/// The same as `/webhook/kiwoom`, at the address that KiwoomPay's manual names.
#[utoipa::path(
    method(get, post), path = "/webhook/noti", operation_id = "receiveNotificationAtNoti",
    tag = "webhook",
    responses(
        (status = 200, description = "`<RESULT>SUCCESS</RESULT>`: committed; money that was not asked for \
            so too, which is kept beside the books", body = String,
            content_type = "text/html"),
        (status = "default", description = "`<RESULT>FAIL</RESULT>`: 403 the sender, 400 not \
            readable, another merchant's or of a kind that tells of no money, 404 no such order, \
            409 against the books, 405", content(
                (String = "text/html"), (ErrorBody = "application/json"))),
        (status = 503, description = "`<RESULT>FAIL</RESULT>`: could not be stored", body = String,
            content_type = "text/html"),
    )
)]
pub async fn noti(
    state: State<AppState>,
    peer: ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    kiwoom(state, peer, request).await
}

async fn receive(ctx: AppState, peer: SocketAddr, request: Request) -> Response {
    // In a task of its own: KiwoomPay hanging up does not cut the work short.
    let work = ctx.tasks.spawn({
        let ctx = ctx.clone();
        let actor = Actor::of(request.extensions());
        async move { actor.acts(Box::pin(handle(&ctx, peer, request))).await }
    });
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            // The error repeats the panic's message, which may hold data of the notification.
            tracing::error!("a notification ended in a panic");
            reply(StatusCode::SERVICE_UNAVAILABLE)
        }
        Err(_) => reply(StatusCode::SERVICE_UNAVAILABLE),
    }
}

async fn handle(ctx: &Context, peer: SocketAddr, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let client = ctx.forwarding.client(peer.ip(), &parts.headers);
    let rules = Rules {
        allowed: &ctx.config.webhook_allowed_ips,
        allow_loopback: !ctx.config.is_production(),
    };
    if !client.is_some_and(|client| source::is_allowed(rules, client)) {
        let client = client.map(|ip| ip.to_string());
        tracing::warn!(client, "notification from an address that is not allowed");
        count_refusal(Verdict::Source);
        return match ingest::refuse_source(ctx).await {
            Ok(()) => reply(StatusCode::FORBIDDEN),
            Err(_) => reply(StatusCode::SERVICE_UNAVAILABLE),
        };
    }
    let Some(body) = read(body).await else { return reply(StatusCode::BAD_REQUEST) };
    let query = parts.uri.query().unwrap_or_default();
    let verdict = ingest::ingest(ctx, query.as_bytes(), &body).await;
    verdict.iter().copied().for_each(count_refusal);
    let status = match verdict {
        Ok(Verdict::Applied | Verdict::Waiting | Verdict::Unexpected | Verdict::Review) => {
            StatusCode::OK
        }
        Ok(Verdict::Source) => StatusCode::FORBIDDEN,
        Ok(Verdict::Unreadable | Verdict::Merchant | Verdict::UnknownKind) => {
            StatusCode::BAD_REQUEST
        }
        Ok(Verdict::UnknownOrder) => StatusCode::NOT_FOUND,
        Ok(Verdict::Amount | Verdict::Contradiction) => StatusCode::CONFLICT,
        Err(error) => {
            tracing::warn!(%error, "notification not stored; it will come again");
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    reply(status)
}

fn count_refusal(verdict: Verdict) {
    if let Some(reason) = verdict.reason_of_refusal() {
        metrics::counter!("kiwoom_billing_notifications_refused_total", "reason" => reason)
            .increment(1);
    }
}

async fn read(body: Body) -> Option<axum::body::Bytes> {
    let read = tokio::time::timeout(PATIENCE / 2, to_bytes(body, MAX_BODY_BYTES)).await;
    read.ok()?.ok()
}

/// The answer that stops the re-sending is SUCCESS with 200 (protocol section 4).
fn reply(status: StatusCode) -> Response {
    let label = status.as_u16().to_string();
    metrics::counter!("kiwoom_billing_notifications_total", "status" => label).increment(1);
    let result = if status == StatusCode::OK { "SUCCESS" } else { "FAIL" };
    let body = format!("<html><body><RESULT>{result}</RESULT></body></html>");
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response()
}
