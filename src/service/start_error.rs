//! Why the service does not start, as the operator is told it.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use crate::kiwoom::outgoing::causes;
use crate::storage::database::DatabaseError;
use crate::storage::environment::EnvironmentError;
use crate::storage::vault::VaultError;

/// Why the service does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// `HOST` and `PORT`, which another program listens on.
    #[error(
        "{0}은(는) 다른 프로그램이 사용 중입니다. 이미 실행 중인 서비스를 종료하거나 PORT를 변경해 주세요 (another \
         program listens on {0}: stop the service that is running, or set another PORT)"
    )]
    InUse(SocketAddr),
    /// `HOST` and `PORT`.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The books belong to another environment.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A query at start.
    #[error("the database refused a query at start: {0}")]
    Query(#[from] sqlx::Error),
    /// Production without any key.
    #[error(
        "운영 환경에는 API 키가 있어야 합니다: `kiwoom-billing keys new`로 만들거나 API_KEYS를 설정해 \
         주세요 (production needs an API key: make one with `kiwoom-billing keys new --name <name> \
         --scopes <scopes>`, or set API_KEYS)"
    )]
    NoApiKey,
    /// `BILLING_KEY_SECRET`.
    #[error(transparent)]
    Secret(#[from] VaultError),
    /// `DATA_DIR`.
    #[error("DATA_DIR: {0}")]
    DataDir(io::Error),
    /// `HIGH_WATER_MARK_URL` and what belongs to it.
    #[error("HIGH_WATER_MARK_URL: {0}")]
    HighWaterMark(io::Error),
    /// `PUBLIC_URL`.
    #[error("PUBLIC_URL: {0}")]
    Url(#[from] url::ParseError),
    /// TLS.
    #[error(
        "TLS를 사용할 수 없습니다. CA 인증서를 설치하거나(Debian: ca-certificates) SSL_CERT_FILE을 설정해 주세요 (no TLS: install the \
         CA certificates, or set SSL_CERT_FILE): {0}"
    )]
    Client(String),
}

impl From<reqwest::Error> for StartError {
    fn from(error: reqwest::Error) -> Self {
        Self::Client(causes(error))
    }
}
