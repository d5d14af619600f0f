//! The console: who is let in, what a session is, what may be asked for by whom, and what pages show.

mod actions;
mod assets;
mod attempt_days;
mod csrf;
mod hostile;
mod matrix;
mod pages_actions;
mod pages_figures;
mod pages_search;
mod sessions;
mod sign_in;

use std::collections::BTreeMap;

use kiwoom_billing::access::api_keys::Scope;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};

use crate::access::OF_SETTINGS;
use crate::support::app::{Reply, TestApp};

pub const KEYED: [(&str, &str); 2] = [("API_KEYS", OF_SETTINGS), ("AUTH_FAILURES_PER_MINUTE", "0")];

/// A browser without scripts: it keeps cookies, follows no redirect, and says where it comes from.
pub struct Visitor<'a> {
    app: &'a TestApp,
    client: Client,
    pub cookies: BTreeMap<String, String>,
}

impl<'a> Visitor<'a> {
    pub fn new(app: &'a TestApp) -> Self {
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { app, client, cookies: BTreeMap::new() }
    }

    /// Somebody who has signed in with this key.
    pub async fn signed_in(app: &'a TestApp, key: &str) -> Self {
        let mut visitor = Self::new(app);
        let reply = visitor.sign_in(key).await;
        assert_eq!((reply.status, location(&reply)), (303, "/console"), "{}", reply.text);
        visitor
    }

    /// Somebody who has signed in with a new key of these scopes.
    pub async fn with(app: &'a TestApp, scopes: &[Scope]) -> Self {
        let key = app.key(scopes).await;
        Self::signed_in(app, &key).await
    }

    pub async fn sign_in(&mut self, key: &str) -> Reply {
        let request = self.request(Method::POST, "/console/sign-in");
        self.send(request.fields(&[("apiKey", key)])).await
    }

    /// As a browser sends it from a page of the console.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let writes = method != Method::GET;
        let mut request = self.client.request(method, format!("{}{path}", self.app.base));
        if writes {
            request = request.header("origin", &self.app.base);
            request = request.header("sec-fetch-site", "same-origin");
        }
        request
    }

    pub async fn send(&mut self, request: RequestBuilder) -> Reply {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let reply = self.app.send(request.header("cookie", cookies.join("; "))).await;
        for line in reply.headers.get_all("set-cookie") {
            let (name, rest) = line.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    /// A page that is there.
    pub async fn page(&mut self, path: &str) -> String {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.text
    }

    /// The CSRF token of the session: it is in every form, of which each page has one.
    pub async fn csrf(&mut self) -> String {
        let page = self.get("/console/events").await.text;
        value_of(&page, "csrf").unwrap_or_else(|| panic!("{page}")).to_owned()
    }

    /// Sends a form with the session's token.
    pub async fn act(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let csrf = self.csrf().await;
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        let request = self.request(Method::POST, path).fields(&all);
        self.send(request).await
    }
}

/// Forms and queries, as browsers write them.
pub trait Fields {
    fn fields(self, fields: &[(&str, &str)]) -> Self;
}

impl Fields for RequestBuilder {
    fn fields(self, fields: &[(&str, &str)]) -> Self {
        let request = self.header("content-type", "application/x-www-form-urlencoded");
        request.body(encoded(fields))
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A path with a query.
pub fn asking(path: &str, fields: &[(&str, &str)]) -> String {
    format!("{path}?{}", encoded(fields))
}

/// The value of a hidden field.
pub fn value_of<'p>(page: &'p str, name: &str) -> Option<&'p str> {
    let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1)?;
    rest.split('"').next()
}

/// Where a redirect leads.
#[track_caller]
pub fn location(reply: &Reply) -> &str {
    let location = reply.headers.get("location");
    location.unwrap_or_else(|| panic!("{}: {}", reply.status, reply.text)).to_str().unwrap()
}
