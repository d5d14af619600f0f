//! The API, called in this process: the same router that serves the network, as the API key that
//! signed in.

use std::borrow::Borrow;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::request::{Builder, Parts};
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::{BodyExt, Collected};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;

use crate::access::api_keys::Caller;
use crate::access::request_id::RequestId;
use crate::console::failed::Failed;
use crate::console::language::Language;

/// A client of the API for one request to the console.
#[derive(Clone)]
pub struct Api {
    router: Router,
    caller: Option<Caller>,
    language: Language,
    request_id: Option<RequestId>,
    peer: Option<ConnectInfo<SocketAddr>>,
    forwarded: Vec<HeaderValue>,
}

#[derive(Deserialize)]
struct Success<T> {
    data: T,
}

impl Api {
    /// For the request that `parts` came with: what it does is done by `caller`, from its address and
    /// under its request id. Without a caller only the open routes answer.
    pub fn new(router: Router, parts: &Parts, caller: Option<&Caller>, language: Language) -> Self {
        Self {
            router,
            caller: caller.map(Caller::by_console),
            language,
            request_id: parts.extensions.get().cloned(),
            peer: parts.extensions.get().copied(),
            forwarded: parts.headers.get_all("x-forwarded-for").iter().cloned().collect(),
        }
    }

    /// `GET path`: its `data`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        read(self.send(self.request(Method::GET, path), Body::empty()).await?).await
    }

    /// `GET path` as it is answered: a download.
    pub async fn download(&self, path: &str) -> Result<Response, Failed> {
        succeeded(self.send(self.request(Method::GET, path), Body::empty()).await?).await
    }

    /// `method path` with a JSON body: its `data`. The same `idempotency_key` does it once.
    pub async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        idempotency_key: Option<&str>,
    ) -> Result<T, Failed> {
        let request = self.request(method, path).header(header::CONTENT_TYPE, "application/json");
        let request = match idempotency_key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        read(self.send(request, Body::from(body.to_string())).await?).await
    }

    /// `POST path` with a file as the body: its `data`.
    pub async fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        content_type: &str,
        file: Bytes,
    ) -> Result<T, Failed> {
        let request = self.request(Method::POST, path).header(header::CONTENT_TYPE, content_type);
        read(self.send(request, Body::from(file)).await?).await
    }

    fn request(&self, method: Method, path: &str) -> Builder {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::ACCEPT_LANGUAGE, self.language.code());
        for forwarded in &self.forwarded {
            request = request.header("x-forwarded-for", forwarded);
        }
        if let Some(caller) = &self.caller {
            request = request.extension(caller.clone());
        }
        if let Some(id) = &self.request_id {
            request = request.extension(id.clone());
        }
        match self.peer {
            Some(peer) => request.extension(peer),
            None => request,
        }
    }

    async fn send(&self, request: Builder, body: Body) -> Result<Response, Failed> {
        // What the browser named cannot be part of an address: there is nothing there.
        let Ok(request) = request.body(body) else { return Err(Failed::not_found(self.language)) };
        let Ok(response) = self.router.clone().oneshot(request).await;
        Ok(response)
    }
}

async fn succeeded(response: Response) -> Result<Response, Failed> {
    if response.status().is_success() {
        return Ok(response);
    }
    let (status, bytes) = whole(response).await;
    Err(Failed::of_api(status, &bytes))
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failed> {
    let (_, bytes) = whole(succeeded(response).await?).await;
    let read: Result<Success<T>, _> = serde_json::from_slice(&bytes);
    read.map(|success| success.data).map_err(|error| {
        tracing::error!(%error, "the console does not understand the API's answer");
        Failed::of_api(StatusCode::INTERNAL_SERVER_ERROR, &[])
    })
}

async fn whole(response: Response) -> (StatusCode, Bytes) {
    let (parts, body) = response.into_parts();
    (parts.status, body.collect().await.map(Collected::to_bytes).unwrap_or_default())
}

/// A path with its query: of `pairs` those that are not empty.
pub fn path_with<'q, P>(path: &str, pairs: impl IntoIterator<Item = P>) -> String
where
    P: Borrow<(&'q str, &'q str)>,
{
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for pair in pairs {
        let (name, value) = pair.borrow();
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One segment of a path.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
