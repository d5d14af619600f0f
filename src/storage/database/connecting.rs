//! How `DATABASE_URL` is reached, and when it is not: where, the innermost cause, and what to do.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter::successors;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use thiserror::Error;

/// What `DATABASE_URL` says.
pub fn options(url: &str) -> sqlx::Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url)?;
    // Of an IPv6 address the URL's brackets are left, which no resolver knows.
    let host = options.get_host().trim_matches(['[', ']']).to_owned();
    Ok(options.host(&host))
}

/// Why there is no connection to the database.
#[derive(Debug, Error)]
#[error(
    "데이터베이스에 연결할 수 없습니다 (the database cannot be reached, DATABASE_URL): {place}: {cause}\n  {mend}"
)]
pub struct NotReached {
    /// Host and port or the socket, database and role.
    place: String,
    /// The innermost one.
    cause: String,
    /// What to do.
    mend: &'static str,
}

impl NotReached {
    /// Of a connection that was tried with these options.
    pub fn new(options: &PgConnectOptions, error: &sqlx::Error) -> Self {
        Self { place: place(options), cause: innermost(error), mend: mend(error) }
    }
}

fn place(options: &PgConnectOptions) -> String {
    let port = options.get_port();
    let server = match options.get_socket() {
        Some(dir) => dir.join(format!(".s.PGSQL.{port}")).display().to_string(),
        None if options.get_host().contains(':') => format!("[{}]:{port}", options.get_host()),
        None => format!("{}:{port}", options.get_host()),
    };
    let role = options.get_username();
    format!("{server}, database {}, role {role}", options.get_database().unwrap_or(role))
}

fn innermost(error: &sqlx::Error) -> String {
    let Some(refused) = error.as_database_error() else {
        let first: &(dyn Error + 'static) = error;
        return successors(Some(first), |&e| e.source()).last().unwrap_or(first).to_string();
    };
    let code = refused.code().unwrap_or_default();
    format!("{} (SQLSTATE {code})", refused.message())
}

fn mend(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Io(error) => of_network(error),
        sqlx::Error::Database(refused) => of_server(&refused.code().unwrap_or_default()),
        sqlx::Error::Tls(_) => {
            "TLS 연결에 실패했습니다. 서버의 인증서와 sslmode, sslrootcert를 확인해 주세요 (no TLS: look at the \
             server's certificate, and at sslmode and sslrootcert in DATABASE_URL)"
        }
        sqlx::Error::PoolTimedOut => {
            "응답이 없습니다. 방화벽과 주소를 확인해 주세요 (no answer in time: look at the address and at \
             firewalls in between)"
        }
        sqlx::Error::Protocol(_) => {
            "PostgreSQL의 응답이 아닙니다. 포트와 서버의 로그를 확인해 주세요 (not PostgreSQL's answer: look at the \
             port, and at the server's log)"
        }
        _ => "DATABASE_URL을 확인해 주세요 (look at DATABASE_URL)",
    }
}

fn of_network(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::ConnectionRefused => {
            "그 주소에서 연결을 받는 서버가 없습니다. PostgreSQL이 실행 중인지, 포트와 listen_addresses를 확인해 \
             주세요 (nothing listens there: is PostgreSQL running? Look at its port and listen_addresses)"
        }
        ErrorKind::NotFound | ErrorKind::PermissionDenied => {
            "소켓을 사용할 수 없습니다. PostgreSQL이 실행 중인지, host의 폴더와 권한을 확인해 주세요 (no such socket, \
             or not for this account: is PostgreSQL running? Look at the folder in host=)"
        }
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            "서버가 연결을 끊었습니다. PostgreSQL의 주소인지, 서버의 로그를 확인해 주세요 (the server hung up: is it \
             PostgreSQL? Its log says why)"
        }
        // The resolver's errors have no kind of their own.
        _ if error.to_string().starts_with("failed to lookup address information") => {
            "호스트 이름의 주소를 찾을 수 없습니다. 이름과 DNS를 확인해 주세요 (the host's name has no address: look \
             at the name, and at DNS)"
        }
        _ => {
            "네트워크로 연결할 수 없습니다. 주소, 라우팅, 방화벽을 확인해 주세요 (the network does not lead there: \
             look at the address, routes and firewalls)"
        }
    }
}

/// By SQLSTATE. A pooler answers 08P01 to all that it refuses.
fn of_server(code: &str) -> &'static str {
    match code {
        "28P01" => {
            "역할의 비밀번호가 맞지 않습니다. URL의 특수 문자는 %로 인코딩해야 합니다 (the role's password is wrong: \
             special characters are percent-encoded in a URL)"
        }
        "28000" => {
            "역할이 있는지, pg_hba.conf가 이 주소와 TLS 사용 여부를 허용하는지 확인해 주세요 (is there this role? \
             pg_hba.conf has to let it in from here, with or without TLS as it asks)"
        }
        "3D000" => {
            "데이터베이스를 먼저 만들어 주세요: create database … owner …; (make the database first)"
        }
        "42501" => {
            "역할에 CONNECT 권한이 필요합니다: grant connect on database … to …; (the role needs the right \
             CONNECT)"
        }
        "53300" => {
            "연결이 모두 사용 중입니다. max_connections를 늘리거나 DATABASE_MAX_CONNECTIONS를 줄여 주세요 (프로세스마다 \
             그 값에 8을 더한 만큼 필요) (all connections are taken: raise max_connections, or lower \
             DATABASE_MAX_CONNECTIONS; a process needs eight more than that)"
        }
        "57P03" => {
            "서버가 시작 또는 종료 중입니다. 잠시 후 다시 시작해 주세요 (the server is starting up or shutting down: \
             start again in a moment)"
        }
        _ => {
            "서버의 로그와 DATABASE_URL을 확인해 주세요 (look at the log of the server or the pooler, and at \
             DATABASE_URL)"
        }
    }
}
