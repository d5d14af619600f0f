//! The list of a day's transactions in KiwoomPay's merchant pages (protocol section 2.5): the one
//! look-up there is. That it exists is known from one vendor; where, and for which methods, is a setting.

use std::time::Duration;

use chrono::NaiveDate;
use reqwest::{Client, ClientBuilder, redirect, retry};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use url::Url;

use crate::kiwoom::outgoing::through;
use crate::rules::forward_proxy::ForwardProxy;

/// A list of 500,000 lines is shorter.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Where the list is, and who asks.
pub struct Source<'a> {
    /// Address of the page.
    pub url: &'a Url,
    /// Whose transactions.
    pub cpid: &'a str,
    /// The merchant's password.
    pub password: &'a SecretString,
    /// Total time of the call.
    pub timeout: Duration,
    /// What the call goes through.
    pub proxy: Option<&'a ForwardProxy>,
}

/// Why there is no list. Never holds the address, whose query has the password.
#[derive(Debug, Error)]
pub enum ListError {
    /// Not reached, or it broke off.
    #[error("the daily list cannot be fetched: {0}")]
    Transport(&'static str),
    /// Another status than 200.
    #[error("the daily list was answered with status {0}")]
    Status(u16),
    /// More than any list.
    #[error("the daily list is longer than 64 MiB")]
    TooLong,
}

/// Fetches the list of METHOD `method` for `date`, which has to be today or yesterday in Korea. The bytes
/// as they came.
pub async fn fetch(
    source: &Source<'_>,
    method: &str,
    date: NaiveDate,
) -> Result<Vec<u8>, ListError> {
    let failed = |error: reqwest::Error| ListError::Transport(describe(&error));
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .timeout(source.timeout);
    let client =
        through(source.url, source.proxy, client).and_then(ClientBuilder::build).map_err(failed)?;
    let mut url = source.url.clone();
    url.query_pairs_mut()
        .append_pair("CPID", source.cpid)
        .append_pair("PASSWORD", source.password.expose_secret())
        .append_pair("METHOD", method)
        .append_pair("REQUESTDATE", &date.format("%Y%m%d").to_string())
        .append_pair("DATAFORMAT", "1")
        .append_pair("TYPE", "2");
    let mut response = client.get(url).send().await.map_err(failed)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(ListError::Status(response.status().as_u16()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err(ListError::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn describe(error: &reqwest::Error) -> &'static str {
    match error {
        e if e.is_builder() => "the request cannot be made",
        e if e.is_connect() => "could not connect",
        e if e.is_timeout() => "timed out",
        _ => "the connection broke",
    }
}
