//! The subcommands, one file each, and what they share.

pub mod adopt;
pub mod check;
pub mod client;
pub mod health;
pub mod import;
pub mod keys;
pub mod listen;
pub mod migrate;
pub mod pause_charging;
pub mod program;
pub mod reconcile;
pub mod resume_charging;
mod rotate;
pub mod sandbox;
pub mod serve;
pub mod trigger;

use std::error::Error;
use std::net::SocketAddr;

use sqlx::PgPool;
use tokio::signal::unix::{Signal, SignalKind, signal};
use url::Url;

use crate::config::Config;
use crate::redact::cards::holds_card;
use crate::storage::database::errors::is_forbidden;
use crate::storage::database::private::PrivateServer;

type Failure = Box<dyn Error + Send + Sync>;
type Done = Result<(), Failure>;

/// Where the service on this machine listens.
fn own_service(config: &Config) -> Result<Url, url::ParseError> {
    let host = if config.host.is_unspecified() { [127, 0, 0, 1].into() } else { config.host };
    format!("http://{}", SocketAddr::new(host, config.port)).parse()
}

/// Leaves the database, and stops the private server of development.
async fn close(pool: &PgPool, private: Option<PrivateServer>) {
    pool.close().await;
    if let Some(private) = private {
        private.stop().await;
    }
}

const FOR_THE_OWNER: &str = "이 역할에는 권한이 없습니다. 테이블 소유자의 DATABASE_URL로 실행해 주세요 \
    (this role has no right to: run it with the DATABASE_URL of the tables' owner)";

const CARD_IN_REASON: &str = "사유에는 카드번호를 넣을 수 없습니다 (the reason is kept: it may not \
    contain a card number)";

/// Says so when it is the service's role that tried.
fn for_the_owner(error: sqlx::Error) -> Failure {
    if is_forbidden(&error) { FOR_THE_OWNER.into() } else { error.into() }
}

/// A reason is kept, so it may not be empty or contain a card number.
fn check_reason(reason: &str) -> Done {
    // Not in the parser, whose errors repeat what was written.
    if holds_card(reason) {
        return Err(CARD_IN_REASON.into());
    }
    if reason.trim().is_empty() {
        return Err("사유를 입력해 주세요 (say why: --reason)".into());
    }
    Ok(())
}

/// SIGTERM and SIGINT, which end nothing outright any more.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
