//! What may be read by nobody: AUTOKEYs, card numbers, keys.

mod billing_key_rotation;
mod core_dumps;
mod encryption_secret;
mod forgotten_autokeys;
mod stray_secrets;

use std::process::{Command, Output};

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::app::card;
use crate::support::process::World;

pub const SECRET: &str = "BILLING_KEY_SECRET";
pub const FIRST: &str = "0011223344556677889900112233445566778899001122334455667788990011";

impl World {
    /// Runs the program to its end, on this world's database and sandbox; `keys` as the owner.
    pub async fn run(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        let mut command = self.command(arguments, settings);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    pub fn command(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiwoom-billing"));
        command.args(arguments).env_clear().current_dir(&*self.dir);
        let keys = arguments.first() == Some(&"keys");
        let url = if keys { self.owner_url() } else { self.database_url.clone() };
        command.env("DATA_DIR", &*self.dir).env("DATABASE_URL", url);
        command.env("KIWOOM_BASE_URL", format!("{}/sandbox", self.sandbox.base));
        command.env("PORT", "0").envs(settings.iter().copied());
        command
    }

    /// The rows of a query, as texts.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let mut db = self.owner().await;
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut db).await.unwrap()
    }

    pub async fn execute(&self, sql: &str) {
        let mut db = self.owner().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut db).await.unwrap();
    }

    /// The AUTOKEY that the sandbox gave out last.
    pub fn last_autokey(&self) -> String {
        let books = std::fs::read_to_string(self.dir.join("sandbox/ledger.jsonl")).unwrap();
        let rest = books.rsplit(r#""autoKey":""#).next().unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

pub fn printed(done: &Output) -> String {
    [&done.stdout[..], &done.stderr[..]].map(String::from_utf8_lossy).concat()
}

/// A card of another customer.
pub fn card_of(customer: &str) -> Value {
    let mut body = card("4111111111111111");
    body["customerId"] = json!(customer);
    body
}
