//! How requests of the service's own leave this machine.

use std::error::Error;
use std::iter::successors;

use reqwest::{ClientBuilder, Proxy};
use url::Url;

use crate::rules::forward_proxy::ForwardProxy;

/// A client for `url` that goes through this proxy, and without one straight there. `HTTP_PROXY` and the
/// like are never followed: they are set for other programs. Where nothing goes over TLS the machine
/// needs no CA certificates.
pub fn through(
    url: &Url,
    proxy: Option<&ForwardProxy>,
    client: ClientBuilder,
) -> reqwest::Result<ClientBuilder> {
    let mut client = client.no_proxy();
    if url.scheme() == "http" && proxy.is_none_or(|proxy| proxy.url().starts_with("http:")) {
        client = client.tls_certs_only([]);
    }
    match proxy {
        Some(proxy) => Ok(client.proxy(Proxy::all(proxy.url())?)),
        None => Ok(client),
    }
}

/// Every cause of an error, the outermost first, without the URL.
pub fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let texts = successors(Some(&error as &dyn Error), |&error| error.source());
    texts.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
