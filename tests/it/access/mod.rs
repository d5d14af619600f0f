//! Who may call: API keys, their scopes, and how often.

mod api_keys;
mod authentication;
mod client_address;
mod key_rotation;
mod key_secrecy;
mod proxies;
mod rate_limits;
mod scopes;

use std::process::Command;
use std::time::{Duration, Instant};

use kiwoom_billing::access::api_keys::store::{self, Terms};
use kiwoom_billing::access::api_keys::{NewKey, Scope};
use reqwest::Method;
use secrecy::ExposeSecret;

use crate::support::app::{Reply, TestApp};

pub const OF_SETTINGS: &str = "key-of-the-settings-0123456789";

/// How the program ended, and what it printed.
pub struct Told {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// `kiwoom-billing keys …` on a database, named as its owner: the service may make no keys.
pub fn keys(database_url: &str, arguments: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiwoom-billing"));
    command.arg("keys").args(arguments).env_clear().current_dir(std::env::temp_dir());
    command.env("DATABASE_URL", database_url).env("RUST_LOG", "trace");
    let done = command.output().unwrap();
    Told {
        code: done.status.code(),
        out: String::from_utf8(done.stdout).unwrap(),
        err: String::from_utf8(done.stderr).unwrap(),
    }
}

/// A key made by the program.
pub fn made(database_url: &str, scopes: &str) -> String {
    let told = keys(database_url, &["new", "--name", "shop", "--scopes", scopes]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    told.out.trim_end().to_owned()
}

/// Its public id.
pub fn id(key: &str) -> &str {
    &key[..16]
}

impl TestApp {
    /// A key with these scopes, made without the program.
    pub async fn key(&self, scopes: &[Scope]) -> String {
        let key = NewKey::make();
        let owner = sqlx::PgPool::connect(&self.owner_url()).await.unwrap();
        let scopes = scopes.iter().map(|scope| scope.name().to_owned()).collect();
        let name = "test".to_owned();
        let terms = Terms { name, scopes, expires_days: None, first_id: None };
        store::insert(&owner, &key, &terms).await.unwrap();
        key.text.expose_secret().to_owned()
    }

    /// The answer to a request with a key.
    pub async fn with_key(&self, key: &str, method: Method, path: &str) -> Reply {
        self.send(self.request(method, path).bearer_auth(key)).await
    }

    /// Waits until a key lets nobody in any more.
    pub async fn until_refused(&self, key: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let reply = self.with_key(key, Method::GET, "/billing/keys").await;
            if reply.status == 401 {
                return;
            }
            assert!(reply.status == 200 && Instant::now() < deadline, "{}", reply.text);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
