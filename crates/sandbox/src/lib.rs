//! KiwoomPay's side of the wire, for development and tests: over real HTTP, with its own books.
//!
//! It is written from the protocol alone and imports nothing of the client, so that a misspelt
//! field or a wrong encoding cannot cancel out on both sides. Where the real gateway's behaviour
//! is not public, the sandbox takes the choice that lets a mistake of ours show.

mod admin;
mod arguments;
mod body;
mod calls;
mod cancel;
pub mod cards;
mod charge;
mod charset;
mod checkout;
mod clock;
pub mod codes;
mod connection;
mod contracts;
mod courier;
mod daily_list;
mod deliver;
mod exchange;
mod fault;
mod fault_form;
mod fields;
mod form;
mod hash;
mod html;
mod journal;
mod keygen;
mod ledger;
mod mishap;
mod notice;
mod outbox;
mod page;
mod ready;
mod receipt;
mod records;
mod reply;
mod script;
mod tokens;
mod window;
mod window_options;
mod window_page;
mod wire;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;

pub use contracts::{CONTRACTS, Contract};
pub use fault::kinds as fault_kinds;
use kiwoom_clock::Clock;

/// The CPID of the sandbox's first contract.
pub const CPID: &str = CONTRACTS[0].cpid;

/// The authentication key of the sandbox's first contract.
pub const AUTH_KEY: &str = CONTRACTS[0].auth_key;

/// The password of the sandbox merchant's pages, for the list of a day: as public as the key.
pub const DAILY_LIST_PASSWORD: &str = "sandbox";

/// The largest request body read, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Moves the clock to an instant, letting everything due on the way happen at its own time.
pub type AdvanceClock =
    Arc<dyn Fn(DateTime<Utc>) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What a sandbox is made of.
#[derive(Clone)]
pub struct Options {
    /// Where the ledger is kept; without it, in memory.
    pub data_dir: Option<PathBuf>,
    /// The clock all times are read from.
    pub clock: Clock,
    /// Where notifications go.
    pub notify_url: Option<String>,
    /// Whether requests are refused that are not as the manual has them, though KiwoomPay is seen to
    /// take them from merchants' programs.
    pub strict: bool,
    /// What `POST /clock` calls.
    pub advance_clock: AdvanceClock,
    /// The service that serves the sandbox on its own origin; nothing when the sandbox is alone.
    pub service: Option<Service>,
}

/// What a service has on the sandbox's origin, for the page to show: `/billing/subscriptions` and
/// `/events`.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Whether it has `/console` too, which the page then links to.
    pub has_console: bool,
}

/// A running gateway side.
pub struct Sandbox {
    options: Options,
    // Where two locks are held at once, the ledger's is taken first.
    ledger: Mutex<ledger::Ledger>,
    // One walk of the clock at a time: two at once would each miss what the other passed.
    advancing: tokio::sync::Mutex<()>,
    tokens: Mutex<tokens::Tokens>,
    faults: Mutex<fault::Faults>,
    calls: Mutex<calls::Calls>,
    windows: Mutex<window::Windows>,
    mishaps: Mutex<mishap::Mishaps>,
    notifier: reqwest::Client,
    delivering: tokio::sync::Mutex<()>,
}

/// An [`AdvanceClock`] that just sets the clock, for a sandbox with nothing else to wake.
pub fn jump(clock: Clock) -> AdvanceClock {
    Arc::new(move |instant| {
        clock.advance_to(instant);
        Box::pin(std::future::ready(Ok(())))
    })
}

/// Opens a sandbox, reading back what an earlier one wrote to the same `data_dir`.
///
/// Within a tokio runtime it also starts sending what is due, every second until it is dropped.
pub fn open(options: Options) -> io::Result<Arc<Sandbox>> {
    let path = options.data_dir.as_ref().map(|dir| dir.join("sandbox").join("ledger.jsonl"));
    let ledger = ledger::Ledger::open(path.as_deref())?;
    let sandbox = Arc::new(Sandbox {
        options,
        advancing: tokio::sync::Mutex::default(),
        ledger: Mutex::new(ledger),
        tokens: Mutex::default(),
        faults: Mutex::default(),
        calls: Mutex::default(),
        windows: Mutex::default(),
        mishaps: Mutex::default(),
        notifier: courier::client()?,
        delivering: tokio::sync::Mutex::default(),
    });
    courier::start(&sandbox);
    Ok(sandbox)
}

/// KiwoomPay's own routes, where it has them: for programs that know its host alone.
pub fn gateway(sandbox: Arc<Sandbox>) -> Router {
    wire_routes().layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).with_state(sandbox)
}

fn wire_routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/pay/ready", post(ready::step_one))
        .route("/pay/process", post(exchange::step_two))
        .route("/pay/hash", post(hash::answer))
        .route("/pay/link", post(window::link))
        .route("/pay/linkEnc", post(window::link))
        .route("/common/{page}", get(receipt::show))
        .route("/DailyTransactionDownLoad.jsp", get(daily_list::answer))
}

/// The sandbox's routes, to be nested at `/sandbox`: its addresses say so.
pub fn router(sandbox: Arc<Sandbox>) -> Router {
    wire_routes()
        .route("/", get(page::show))
        .route("/sandbox.css", get(page::style))
        .route("/sandbox.js", get(page::script))
        .route("/service.js", get(page::service_script))
        .route("/pay/window/{name}", post(checkout::act))
        .route("/sdk.js", get(page::sdk))
        .route("/window.js", get(page::window_script))
        .route("/admin/cancel", post(admin::cancel))
        .route(
            "/notifications",
            get(admin::notifications).post(admin::script).delete(admin::forget),
        )
        .route("/ledger", get(records::ledger))
        .route("/calls", get(records::calls))
        .route("/faults", get(script::list).post(script::add).delete(script::clear))
        .route("/faults/clear", post(script::clear_from_page))
        .route("/clock", get(clock::read).post(clock::advance))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(sandbox)
}

impl Sandbox {
    fn now(&self) -> DateTime<Utc> {
        self.options.clock.now()
    }
}

/// Locks `mutex`; a panic elsewhere while it was held leaves nothing half-done worth refusing for.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
