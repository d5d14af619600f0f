//! A wire to PostgreSQL that notes which statements go over it, and which plans come back.

use std::collections::HashMap;
use std::io;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// See the module.
pub struct Tap {
    /// The `DATABASE_URL` of whoever is listened to.
    pub url: String,
    noted: Arc<Noted>,
}

#[derive(Default)]
struct Noted {
    statements: Mutex<Vec<String>>,
    plans: Mutex<Vec<Value>>,
}

impl Tap {
    /// To the server of this `DATABASE_URL`.
    pub async fn to(database_url: &str) -> Self {
        let server = PgConnectOptions::from_str(database_url).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (user, database) = (server.get_username(), server.get_database().unwrap_or_default());
        let url = format!("postgres://{user}@127.0.0.1:{port}/{database}?sslmode=disable");
        let noted = Arc::<Noted>::default();
        let all = noted.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, noted) = (server.clone(), all.clone());
                client.set_nodelay(true).unwrap();
                tokio::spawn(async move { pass(client, &server, &noted).await });
            }
        });
        Self { url, noted }
    }

    /// The statements since the last call of this, each by its beginning and its table.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.noted.statements.lock().unwrap())
    }

    /// The plans since the last call of this, each with its statement: as `auto_explain` tells them, where
    /// it is loaded.
    pub fn plans(&self) -> Vec<Value> {
        std::mem::take(&mut *self.noted.plans.lock().unwrap())
    }
}

async fn pass(client: TcpStream, server: &PgConnectOptions, noted: &Noted) {
    match server.get_socket() {
        Some(dir) => {
            let path = dir.join(format!(".s.PGSQL.{}", server.get_port()));
            let (from, to) = UnixStream::connect(path).await.unwrap().into_split();
            both(client, from, to, noted).await;
        }
        None => {
            let address = (server.get_host(), server.get_port());
            let (from, to) = TcpStream::connect(address).await.unwrap().into_split();
            both(client, from, to, noted).await;
        }
    }
}

async fn both(
    client: TcpStream,
    from_server: impl AsyncRead + Unpin,
    to_server: impl AsyncWrite + Unpin,
    noted: &Noted,
) {
    let (from_client, to_client) = client.into_split();
    tokio::select! {
        _ = asked(from_client, to_server, &noted.statements) => {}
        _ = answered(from_server, to_client, &noted.plans) => {}
    }
}

/// Passes on what the server answers. Of a notice, what stands behind `plan:` is noted.
async fn answered(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    plans: &Mutex<Vec<Value>>,
) -> io::Result<()> {
    loop {
        let kind = from.read_u8().await?;
        let message = body(&mut from).await?;
        if kind == b'N' {
            let fields = message[4..].split(|byte| *byte == 0).map(String::from_utf8_lossy);
            let found = fields.filter_map(|text| Some(text.split_once("plan:\n")?.1.to_owned()));
            let found = found.map(|json| serde_json::from_str(&json).unwrap());
            plans.lock().unwrap().extend(found);
        }
        to.write_all(&[&[kind][..], &message].concat()).await?;
    }
}

/// Passes on what the client asks. The first message has no type.
async fn asked(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    seen: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut prepared = HashMap::new();
    let start = body(&mut from).await?;
    to.write_all(&start).await?;
    loop {
        let kind = from.read_u8().await?;
        let message = body(&mut from).await?;
        let mut parts = message[4..].split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let mut next = || parts.next().unwrap_or_default().into_owned();
        match kind {
            b'P' => drop(prepared.insert(next(), next())),
            b'B' => {
                next();
                note(seen, prepared.get(&next()).map_or("", String::as_str));
            }
            b'Q' => next().split(';').for_each(|sql| note(seen, sql)),
            _ => {}
        }
        to.write_all(&[&[kind][..], &message].concat()).await?;
    }
}

/// Length and what it counts.
async fn body(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut message = length.to_be_bytes().to_vec();
    message.resize(usize::try_from(length).unwrap_or_default(), 0);
    from.read_exact(&mut message[4..]).await?;
    Ok(message)
}

/// `insert into payments`, `select … from billing_keys`, `begin`.
fn note(seen: &Mutex<Vec<String>>, sql: &str) {
    let words: Vec<_> = sql.split_whitespace().take_while(|word| !word.starts_with("--")).collect();
    let from = words.iter().position(|word| *word == "from");
    let label = match (words.first().copied(), from) {
        (Some("select"), Some(at)) => format!("select from {}", words.get(at + 1).unwrap_or(&"")),
        (Some("insert"), _) => words[..3].join(" "),
        (Some("update"), _) => words[..2].join(" "),
        (Some(first), _) if !first.starts_with("/*") => first.to_lowercase(),
        _ => return,
    };
    seen.lock().unwrap().push(label);
}
