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

/// An error with every cause, the outermost first, without the URL.
pub fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    chain(&error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// An error and its causes, the outermost first.
pub(super) fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    successors(Some(error as &(dyn Error + 'static)), |&error| error.source())
}
