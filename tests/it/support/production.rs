//! A service in production, which starts only on a database that loses no commit.

use kiwoom_billing::storage::database::private::{DATABASE, PrivateServer};

use crate::support::process::Folder;

pub const MERCHANT: &str = "MERCHANT1";
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A server of its own: that of the tests may lose commits, so that production does not start on it.
pub struct Durable {
    server: PrivateServer,
    pub database: String,
    pub dir: Folder,
}

impl Durable {
    pub async fn start() -> Self {
        let dir = Folder::new();
        let server = PrivateServer::start(&dir, None).await.unwrap();
        Self { database: server.url(DATABASE), server, dir }
    }

    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// The settings that production asks for, without API keys.
pub fn without_keys(database: &str) -> Vec<(&str, &str)> {
    vec![
        ("APP_ENV", "production"),
        ("HOST", "127.0.0.1"),
        // Nobody is there.
        ("PUBLIC_URL", "https://127.0.0.1:1"),
        ("BILLING_KEY_SECRET", KEY),
        ("KIWOOM_CPID", MERCHANT),
        ("KIWOOM_PROD_AUTH_KEY", KEY),
        ("DATABASE_URL", database),
    ]
}

/// The settings that production asks for.
pub fn production(database: &str) -> Vec<(&str, &str)> {
    let mut settings = without_keys(database);
    settings.push(("API_KEYS", "a-key-of-the-tests-0123456789"));
    settings
}
