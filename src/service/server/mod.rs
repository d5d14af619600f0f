//! The HTTP server: accepts connections, gives slow and idle clients a limit, and stops in order.

mod lingering;
mod malformed;
mod open_connections;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use lingering::{Lingering, Unread};
use malformed::Malformed;
use open_connections::{Connection, OpenConnections};

/// Longest wait for the first whole head of a request on a new connection.
const FIRST_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The same when the service stops: a client may have opened a connection without any use for it.
const LAST_CHANCE: Duration = Duration::from_secs(1);
/// Longest wait for the head of a later request, on a connection kept open: longer than the usual
/// balancer keeps one, so that it is never this side that closes a connection being used again.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// Connections that wait to be accepted. With the usual 128, several hundred callers at once have
/// some of them, and notifications among them, try again a second later.
const BACKLOG: u32 = 4096;
/// After a failed accept (no file descriptors left) the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often it is looked whether connections that were closed for others have gone.
const CLOSING_PAUSE: Duration = Duration::from_millis(1);
/// What a connection that has to close may take to send the rest of its answer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// More connections than this are never held: far beyond what balancers open, and some tens of MiB.
const MAX_CONNECTIONS: u64 = 4096;
/// A body of at most so many bytes has usually come with its head.
const SMALL_BODY: u64 = 4096;
/// File descriptors for everything else: database, calls to the gateway, files.
const OTHER_FILES: u64 = 256;

/// How a connection ended that did not end in order.
type Ended = Box<dyn std::error::Error + Send + Sync>;

/// Listens on the address. Within a runtime only.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // The port of a process that has just ended can be used at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop`, then lets the requests under way end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    draining: CancellationToken,
    stop: CancellationToken,
) {
    let router = router.layer(from_fn_with_state(draining, ask_to_reconnect));
    let malformed = Arc::new(Malformed::default());
    let capacity = capacity();
    let open_connections = OpenConnections::new(capacity);
    let tasks = TaskTracker::new();
    loop {
        // One that was closed for another gives its file back when its task has ended.
        while tasks.len() > capacity + capacity / 4 {
            sleep(CLOSING_PAUSE).await;
        }
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => match open_connections.open() {
                Some(connection) => {
                    let served =
                        serve_connection(stream, peer, router.clone(), connection, stop.clone());
                    let malformed = malformed.clone();
                    tasks.spawn(async move { malformed.note(peer, served.await) });
                }
                None => metrics::counter!("kiwoom_billing_connections_refused_total").increment(1),
            },
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Asks the client to use another connection next time: while draining, so that no request is on
/// its way on one that closes when the drain is over; and after a refusal that may have come before
/// the end of a large body, which closes the connection under the next request. HTTP/2 has no such
/// header.
async fn ask_to_reconnect(
    State(draining): State<CancellationToken>,
    request: Request,
    next: Next,
) -> Response {
    if request.version() > Version::HTTP_11 {
        return next.run(request).await;
    }
    let unread = request.extensions().get::<Unread>().cloned().unwrap_or_default();
    let has_body = !request.body().is_end_stream();
    let is_large = request.body().size_hint().upper().is_none_or(|size| size > SMALL_BODY);
    let mut response = next.run(request).await;
    let status = response.status();
    let may_be_unread = has_body && (status.is_client_error() || status.is_server_error());
    unread.set(may_be_unread);
    let is_cut_short = may_be_unread && (is_large || status == StatusCode::REQUEST_TIMEOUT);
    if is_cut_short || draining.is_cancelled() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// How many connections the process can hold, after raising its limit of open files as far as it
/// may.
fn capacity() -> usize {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(2 * OTHER_FILES);
    let capacity = files.saturating_sub(OTHER_FILES).max(files / 2).min(MAX_CONNECTIONS);
    if capacity < MAX_CONNECTIONS {
        tracing::warn!(files, capacity, "few open files are allowed: raise the limit (ulimit -n)");
    }
    usize::try_from(capacity).unwrap_or(usize::MAX)
}

/// Serves one connection to its end: the client's, or one of the limits'. An error when the client
/// ended it otherwise than HTTP does.
async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    connection: Arc<Connection>,
    stop: CancellationToken,
) -> Result<(), Ended> {
    // Answers are small and complete: waiting to fill a packet only delays them.
    drop(stream.set_nodelay(true));
    let serving = connection.clone();
    let unread = Unread::default();
    let stream = Lingering::new(stream, unread.clone());
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let under_way = serving.begin_request();
        let router = router.clone();
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(unread.clone());
        async move {
            let answered = router.oneshot(request.map(Body::new)).await;
            drop(under_way);
            answered
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_TIMEOUT);
    let mut http = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut silent = pin!(stays_silent(&connection, FIRST_HEAD_TIMEOUT));
    let patience = tokio::select! {
        ended = http.as_mut() => return ended,
        () = silent.as_mut() => return Ok(()),
        () = connection.must_close() => {
            if connection.has_served() { CLOSE_TIMEOUT } else { return Ok(()) }
        }
        // `Service::stop` has a limit of its own.
        () = stop.cancelled() => Duration::MAX,
    };
    http.as_mut().graceful_shutdown();
    tokio::select! {
        ended = http => ended,
        () = stays_silent(&connection, LAST_CHANCE) => Ok(()),
        () = sleep(patience) => Ok(()),
    }
}

/// Until a new connection has not sent a whole head in time; never on one that has.
async fn stays_silent(connection: &Connection, limit: Duration) {
    sleep(limit).await;
    if connection.has_served() {
        std::future::pending::<()>().await;
    }
}
