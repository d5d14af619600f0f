//! A wire to PostgreSQL that notes which statements go over it.

use std::collections::HashMap;
use std::io;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// See the module.
pub struct Tap {
    /// The `DATABASE_URL` of whoever is listened to.
    pub url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Tap {
    /// To the server of this `DATABASE_URL`.
    pub async fn to(database_url: &str) -> Self {
        let server = PgConnectOptions::from_str(database_url).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (user, database) = (server.get_username(), server.get_database().unwrap_or_default());
        let url = format!("postgres://{user}@127.0.0.1:{port}/{database}?sslmode=disable");
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let noted = seen.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, seen) = (server.clone(), noted.clone());
                client.set_nodelay(true).unwrap();
                tokio::spawn(async move { pass(client, &server, &seen).await });
            }
        });
        Self { url, seen }
    }

    /// The statements since the last call of this, each by its beginning and its table.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

async fn pass(client: TcpStream, server: &PgConnectOptions, seen: &Mutex<Vec<String>>) {
    match server.get_socket() {
        Some(dir) => {
            let path = dir.join(format!(".s.PGSQL.{}", server.get_port()));
            let (from, to) = UnixStream::connect(path).await.unwrap().into_split();
            both(client, from, to, seen).await;
        }
        None => {
            let address = (server.get_host(), server.get_port());
            let (from, to) = TcpStream::connect(address).await.unwrap().into_split();
            both(client, from, to, seen).await;
        }
    }
}

async fn both(
    client: TcpStream,
    mut from_server: impl AsyncRead + Unpin,
    to_server: impl AsyncWrite + Unpin,
    seen: &Mutex<Vec<String>>,
) {
    let (from_client, mut to_client) = client.into_split();
    tokio::select! {
        _ = asked(from_client, to_server, seen) => {}
        _ = copy(&mut from_server, &mut to_client) => {}
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
