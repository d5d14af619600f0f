//! A proxy for what the service asks for itself, for merchants whose outgoing address is fixed.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Where it is, with the credentials that it asks for.
#[derive(Clone, Debug)]
pub struct ForwardProxy(SecretString);

impl ForwardProxy {
    /// `http://user:password@host:port`, the user and the password where the proxy asks for them.
    /// `None` when it is none.
    pub fn new(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_one = matches!(url.scheme(), "http" | "https") && url.has_host();
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        (is_one && bare).then(|| Self(text.into()))
    }

    /// Its URL with the credentials.
    pub fn url(&self) -> &str {
        self.0.expose_secret()
    }

    /// Its URL without the credentials.
    pub fn shown(&self) -> String {
        Url::parse(self.url()).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_does_not_show_its_credentials() {
        for (text, shown) in [
            ("http://proxy.example:3128", Some("http://proxy.example:3128")),
            ("http://user:p%40ss@10.0.0.9:3128/", Some("http://10.0.0.9:3128")),
            ("https://proxy.example", Some("https://proxy.example")),
            ("proxy.example:3128", None),
            ("socks5://proxy.example", None),
            ("http://proxy.example/path", None),
            ("http://proxy.example/?a=b", None),
            ("", None),
        ] {
            let proxy = ForwardProxy::new(text);
            assert_eq!(proxy.as_ref().map(ForwardProxy::shown).as_deref(), shown, "{text}");
            assert!(!format!("{proxy:?}").contains("p%40ss"));
        }
    }
}
