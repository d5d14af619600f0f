//! `kiwoom-billing keys …`: the API keys of the callers, and the key that encrypts billing keys.

use std::error::Error;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use secrecy::ExposeSecret;
use sqlx::PgPool;

use crate::access::api_keys::store::{self, Terms};
use crate::access::api_keys::{NewKey, Row, Scope};
use crate::commands::rotate::rotate;
use crate::commands::{Done, close, for_the_owner};
use crate::config::Config;
use crate::redact::cards::holds_card;
use crate::redact::keys::is_id;
use crate::service::telemetry;
use crate::storage::database;
use kiwoom_clock::rfc3339_kst;

/// What to do with keys.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make an API key; it is printed this once, and nothing else on standard output
    New {
        /// Your word for it, such as the program that uses it; 1 to 100 characters
        #[arg(long, value_parser = name, required_unless_present = "replaces")]
        name: Option<String>,
        /// What it may do: one or several of these, with commas
        #[arg(long, required_unless_present = "replaces", value_delimiter = ',')]
        scopes: Vec<Scope>,
        /// Public id of a key whose name and scopes it takes over, unless others are given, and
        /// whose Idempotency-Keys stay good with it
        #[arg(long)]
        replaces: Option<String>,
        /// Days after which the key expires; left out: never
        #[arg(long, value_parser = clap::value_parser!(i32).range(1..=3650))]
        expires_days: Option<i32>,
    },
    /// List the API keys, without their secrets
    List,
    /// Let an API key in no more; within five seconds in every process
    Revoke {
        /// Its public id, `kbk_` and 12 digits; not the key
        id: String,
    },
    /// Encrypt every billing key with a new data key, while the services go on
    Rotate,
}

/// Does it. The service may be running, and learns of it by itself.
pub async fn run(config: Config, what: KeysCommand) -> Done {
    telemetry::init_on_stderr(&config);
    let (pool, private) = database::open_existing(&config).await?;
    let done = match what {
        KeysCommand::New { name, scopes, replaces, expires_days } => {
            let given = Given { name, scopes, expires_days };
            new(&pool, given, replaces.as_deref()).await
        }
        KeysCommand::List => list(&pool).await,
        KeysCommand::Revoke { id } => revoke(&pool, &id).await,
        KeysCommand::Rotate => rotate(&config, &pool).await,
    };
    close(&pool, private).await;
    done
}

/// What was said of a new key.
struct Given {
    name: Option<String>,
    scopes: Vec<Scope>,
    expires_days: Option<i32>,
}

const CARD_IN_NAME: &str = "이름에는 카드번호를 넣을 수 없습니다 (the name is kept: it may not contain \
    a card number)";

async fn new(pool: &PgPool, given: Given, replaces: Option<&str>) -> Done {
    // Not in the parser, whose errors repeat what was written.
    if given.name.as_deref().is_some_and(holds_card) {
        return Err(CARD_IN_NAME.into());
    }
    let former = match replaces {
        Some(id) => Some(find(pool, id).await?),
        None => None,
    };
    let terms = terms(given, former);
    let key = NewKey::make();
    let expires_at = store::insert(pool, &key, &terms).await.map_err(for_the_owner)?;
    let (name, scopes) = (&terms.name, terms.scopes.join(","));
    tracing::info!(api_key = key.id, name, scopes, replaces, "API key made");
    eprintln!("API 키를 발급했습니다. 키는 지금 한 번만 표시합니다 (made; it is shown this once):");
    eprintln!("  {}  {name}  {scopes}  {}", key.id, until(expires_at));
    println!("{}", key.text.expose_secret());
    Ok(())
}

/// What was given, and the rest of the key that is replaced.
fn terms(given: Given, former: Option<Row>) -> Terms {
    let Given { name, scopes, expires_days } = given;
    let scopes: Vec<String> = scopes.iter().map(|scope| scope.name().to_owned()).collect();
    match former {
        None => Terms { name: name.unwrap_or_default(), scopes, expires_days, first_id: None },
        Some(old) => Terms {
            name: name.unwrap_or(old.name),
            scopes: if scopes.is_empty() { old.scopes } else { scopes },
            expires_days,
            first_id: Some(old.first_id),
        },
    }
}

async fn find(pool: &PgPool, id: &str) -> Result<Row, Box<dyn Error + Send + Sync>> {
    check_id(id)?;
    let rows = store::all(pool).await?;
    rows.into_iter().find(|row| row.id == id).ok_or_else(|| no_such_key(id))
}

async fn list(pool: &PgPool) -> Done {
    println!("{:16}  {:7}  {:26}  {:29}  expires  name", "id", "state", "scopes", "made");
    for row in store::all(pool).await? {
        let Row { id, name, scopes, created_at, expires_at, revoked_at, usable, .. } = row;
        let state = match (usable, revoked_at) {
            (true, _) => "usable",
            (false, Some(_)) => "revoked",
            (false, None) => "expired",
        };
        let (scopes, made) = (scopes.join(","), rfc3339_kst(created_at));
        println!("{id}  {state:7}  {scopes:26}  {made}  {}  {name}", until(expires_at));
    }
    Ok(())
}

async fn revoke(pool: &PgPool, id: &str) -> Done {
    check_id(id)?;
    let Some(since) = store::revoke(pool, id).await.map_err(for_the_owner)? else {
        return Err(no_such_key(id));
    };
    tracing::info!(api_key = id, "API key revoked");
    eprintln!("{id}: {}부터 사용할 수 없습니다 (revoked since then)", rfc3339_kst(since));
    Ok(())
}

fn check_id(id: &str) -> Done {
    // Not repeated in a message: it may be the whole key.
    if !is_id(id) {
        return Err(
            "공개 ID(kbk_와 16진수 12자리)를 입력해 주세요 (a public id is needed: kbk_ and \
                    12 hexadecimal digits, as `keys list` shows it)"
                .into(),
        );
    }
    Ok(())
}

fn no_such_key(id: &str) -> Box<dyn Error + Send + Sync> {
    format!("{id}: 없는 API 키입니다 (there is no such API key)").into()
}

fn until(expires_at: Option<DateTime<Utc>>) -> String {
    expires_at.map_or_else(|| "-".to_owned(), rfc3339_kst)
}

fn name(text: &str) -> Result<String, String> {
    let good = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let good = good && !text.trim().is_empty();
    good.then(|| text.to_owned()).ok_or_else(|| "1 to 100 characters".to_owned())
}
