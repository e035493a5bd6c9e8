//! The configured origins of return URLs: the product's own sites.

use url::{Host, Url};

/// The origins that a return URL may have, each in normalized form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnOrigins(Vec<String>);

/// Why a text is not a valid origin for return URLs. An entry is named by its position, counted from 1, because its text may
/// contain a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// The list is empty.
    #[error("expected at least one origin (example: https://app.example.com)")]
    Empty,
    /// Not a web URL with a host.
    #[error(
        "entry {0} is not an origin; expected a scheme and a host (examples: https://app.example.com, http://localhost:3000)"
    )]
    NotAnOrigin(usize),
    /// A wildcard.
    #[error("entry {0} contains a wildcard; list each origin")]
    Wildcard(usize),
    /// Not in normalized form. The second value is the normalized form.
    #[error("entry {0} is not an origin in normalized form; write {1}")]
    NotNormalized(usize, String),
    /// An IP address that is not loopback.
    #[error("entry {0} is an IP address; expected a host name (an address is allowed on loopback only)")]
    Address(usize),
    /// http, but not on loopback.
    #[error("entry {0} does not use https (http is allowed on loopback only)")]
    Insecure(usize),
}

impl ReturnOrigins {
    /// Parses origins: `https://host`, `https://host:port` and, for development, http on loopback. An IP address is allowed on
    /// loopback only.
    ///
    /// # Errors
    /// [`OriginError`] for the first origin that is not allowed.
    pub fn parse(origins: &[String]) -> Result<Self, OriginError> {
        if origins.is_empty() {
            return Err(OriginError::Empty);
        }
        (1..).zip(origins).try_for_each(|(entry, origin)| check_origin(entry, origin))?;
        Ok(Self(origins.to_vec()))
    }

    pub(super) fn first(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }

    /// Returns whether a normalized URL begins with one of the origins. This compares the text instead of `url.origin()`, which
    /// for a blob URL returns the origin of the URL inside it.
    pub(super) fn contain_origin_of(&self, url: &str) -> bool {
        self.0.iter().any(|origin| url.strip_prefix(origin.as_str()).is_some_and(|rest| rest.starts_with('/')))
    }
}

fn check_origin(entry: usize, text: &str) -> Result<(), OriginError> {
    if text.contains('*') {
        return Err(OriginError::Wildcard(entry));
    }
    // URLs with other schemes have no origin (`null`), or that of a URL inside them.
    let is_web = |url: &Url| matches!(url.scheme(), "https" | "http");
    let url = Url::parse(text).ok().filter(is_web).ok_or(OriginError::NotAnOrigin(entry))?;
    let is_secure = url.scheme() == "https" || is_loopback(&url);
    let normalized = url.origin().ascii_serialization();
    match url.host() {
        _ if !is_secure => Err(OriginError::Insecure(entry)),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) if !is_loopback(&url) => Err(OriginError::Address(entry)),
        _ if normalized != text => Err(OriginError::NotNormalized(entry, normalized)),
        _ => Ok(()),
    }
}

/// Returns whether a URL's host is this machine: `localhost` (RFC 6761), 127.0.0.0/8 or `[::1]`.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(list: &[&str]) -> Result<ReturnOrigins, OriginError> {
        ReturnOrigins::parse(&list.iter().map(|origin| (*origin).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn accepts_only_normalized_secure_origins() {
        for good in [
            "https://app.example.com",
            "https://app.example.com:8443",
            "http://127.0.0.1:3000",
            "http://localhost:3000",
            "http://[::1]:3000",
            "https://127.0.0.1",
        ] {
            assert!(origins(&[good]).is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "https://*",
            "https://*.example.com",
            "https://app.example.com/",
            "https://APP.example.com",
            "https://app.example.com:443",
            "http://app.example.com",
            "https://10.0.0.1",
            "http://0.0.0.0",
            "app.example.com",
            "ftp://app.example.com",
            "null",
            "data:x",
        ] {
            assert!(origins(&[bad]).is_err(), "{bad}");
        }
        assert!(origins(&[]).is_err());
    }

    #[test]
    fn error_advises_only_what_is_accepted_and_quotes_nothing() {
        for (text, advice) in [
            ("https://App.example.com/x?y", "write https://app.example.com"),
            ("https://u:hunter2@app.example.com", "write https://app.example.com"),
            ("https:app.example.com:443", "write https://app.example.com"),
            (" http://localhost:3000/", "write http://localhost:3000"),
            ("https://*.example.com", "list each origin"),
            ("http://app.example.com/", "does not use https"),
            ("https://10.0.0.1/", "is an IP address"),
            ("myapp://hunter2", "is not an origin; expected a scheme and a host"),
            ("data:text/html,hunter2", "is not an origin; expected a scheme and a host"),
            ("file:///hunter2", "is not an origin; expected a scheme and a host"),
            ("javascript:alert(1)", "is not an origin; expected a scheme and a host"),
            ("blob:https://app.example.com/x", "is not an origin; expected a scheme and a host"),
            ("localhost:3000", "is not an origin; expected a scheme and a host"),
            ("app.example.com", "is not an origin; expected a scheme and a host"),
            ("null", "is not an origin; expected a scheme and a host"),
            ("", "is not an origin; expected a scheme and a host"),
        ] {
            let error = origins(&["https://app.example.com", text]).unwrap_err().to_string();
            assert!(error.starts_with("entry 2 ") && error.contains(advice), "{text}: {error}");
            assert!(!error.contains("hunter2") && !error.contains("null"), "{text}: {error}");
            if let Some((_, advised)) = error.split_once("write ") {
                assert!(origins(&[advised]).is_ok(), "{text}: {error}");
            }
        }
    }
}
