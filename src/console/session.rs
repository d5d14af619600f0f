//! Who is signed in: a token in the browser's cookie, of which the database has the hash.

use aes_gcm::aead::{Generate, Key};
use axum::http::HeaderMap;
use cookie::{Cookie, SameSite};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use subtle::ConstantTimeEq;

use crate::console::language::cookie_named;

/// The cookie that holds the token.
pub const COOKIE: &str = "kiwoom_console_session";
/// A session ends after so many minutes without a request,
const IDLE_MINUTES: i32 = 30;
/// and after so many hours whatever happens.
const MOST_HOURS: i32 = 8;

/// A token: 256 random bits, in hexadecimal digits.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    fn new() -> Self {
        Self(hex::encode(Key::<aes_gcm::Aes256Gcm>::generate()))
    }

    /// The token that a request carries.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let text = cookie_named(headers, COOKIE)?;
        let good = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        good.then_some(Self(text))
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    /// What proves that `text` was written by this session, in hexadecimal digits: only who has the
    /// token can make it.
    pub fn seal(&self, text: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes());
        mac.map(|mac| hex::encode(mac.chain_update(text).finalize().into_bytes()))
            .unwrap_or_default()
    }

    /// Whether `seal` is that of `text`.
    pub fn is_sealed(&self, text: &str, seal: &str) -> bool {
        let right = self.seal(text);
        !right.is_empty() && right.as_bytes().ct_eq(seal.as_bytes()).into()
    }

    /// The cookie for the browser; `secure`: only over TLS.
    pub fn cookie(&self, secure: bool) -> String {
        cookie(&self.0, secure).to_string()
    }
}

/// The cookie that takes the token away.
pub fn no_cookie(secure: bool) -> String {
    let mut cookie = cookie("", secure);
    cookie.set_max_age(cookie::time::Duration::ZERO);
    cookie.to_string()
}

fn cookie(value: &str, secure: bool) -> Cookie<'_> {
    Cookie::build((COOKIE, value))
        .path("/console")
        .http_only(true)
        .secure(secure)
        .same_site(SameSite::Strict)
        .build()
}

/// Begins a session of an API key, by its public id. What has ended is deleted.
pub async fn begin(pool: &PgPool, api_key_id: &str) -> sqlx::Result<Token> {
    let ended = sqlx::query(
        "delete from console_sessions
         where seen_at < now() - make_interval(mins => $1)
            or created_at < now() - make_interval(hours => $2)",
    );
    ended.bind(IDLE_MINUTES).bind(MOST_HOURS).execute(pool).await?;
    let token = Token::new();
    let insert =
        sqlx::query("insert into console_sessions (token_hash, api_key_id) values ($1, $2)");
    insert.bind(token.hash().to_vec()).bind(api_key_id).execute(pool).await?;
    Ok(token)
}

/// The public id of the API key whose session it is, when it has not ended. The session is seen.
pub async fn find(pool: &PgPool, token: &Token) -> sqlx::Result<Option<String>> {
    let query = sqlx::query_scalar(
        "update console_sessions set seen_at = now()
         where token_hash = $1 and seen_at >= now() - make_interval(mins => $2)
            and created_at >= now() - make_interval(hours => $3)
         returning api_key_id",
    );
    let query = query.bind(token.hash().to_vec()).bind(IDLE_MINUTES).bind(MOST_HOURS);
    query.fetch_optional(pool).await
}

/// Ends a session.
pub async fn end(pool: &PgPool, token: &Token) -> sqlx::Result<()> {
    let query = sqlx::query("delete from console_sessions where token_hash = $1");
    query.bind(token.hash().to_vec()).execute(pool).await.map(drop)
}
