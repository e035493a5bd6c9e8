//! The configured origins of return URLs: the product's own sites.

use url::{Host, Url};

/// The origins that a return URL may have, each in normalized form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnOrigins(Vec<String>);

/// Why a text is not a valid origin for return URLs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// The list is empty.
    #[error("expected at least one origin (example: https://app.example.com)")]
    Empty,
    /// Not a URL.
    #[error("{0:?} is not an origin (example: https://app.example.com)")]
    NotAnOrigin(String),
    /// A wildcard.
    #[error("{0:?} contains a wildcard; list each origin")]
    Wildcard(String),
    /// Not in normalized form. The second value is the normalized form.
    #[error("{0:?} is not in normalized form; write {1}")]
    NotNormalized(String, String),
    /// An IP address that is not loopback.
    #[error("{0:?} is an IP address; expected a host name (an address is allowed on loopback only)")]
    Address(String),
    /// Not https.
    #[error("{0:?} does not use https (http is allowed on loopback only)")]
    Insecure(String),
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
        origins.iter().try_for_each(|origin| check_origin(origin))?;
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

fn check_origin(text: &str) -> Result<(), OriginError> {
    let url = Url::parse(text).map_err(|_| OriginError::NotAnOrigin(text.to_owned()))?;
    let normalized = url.origin().ascii_serialization();
    if text.contains('*') {
        return Err(OriginError::Wildcard(text.to_owned()));
    }
    if normalized != text {
        return Err(OriginError::NotNormalized(text.to_owned(), normalized));
    }
    match url.scheme() {
        "https" if is_loopback(&url) || matches!(url.host(), Some(Host::Domain(_))) => Ok(()),
        "https" => Err(OriginError::Address(text.to_owned())),
        "http" if is_loopback(&url) => Ok(()),
        _ => Err(OriginError::Insecure(text.to_owned())),
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
}
