//! Where Stripe sends the person afterwards: only ever back to the product's own pages.

use url::{Host, Url};

use crate::portal::refusal::{Reason, Refusal};

/// The longest return URL, in bytes.
const MAX_BYTES: usize = 2_048;

/// The origins that a return URL may have, each exactly as a URL parser prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnOrigins(Vec<String>);

impl ReturnOrigins {
    /// Takes `https://host`, `https://host:port` and, for development, http on loopback; an IP address on loopback only.
    ///
    /// # Errors
    /// What is wrong with the first origin that can't be one, and its mend, in words for an operator.
    pub fn parse(origins: &[String]) -> Result<Self, String> {
        if origins.is_empty() {
            return Err("names no origin; give one, such as https://app.example.com".to_owned());
        }
        origins.iter().try_for_each(|origin| check_origin(origin))?;
        Ok(Self(origins.to_vec()))
    }
}

fn check_origin(text: &str) -> Result<(), String> {
    let url =
        Url::parse(text).map_err(|_| format!("holds {text:?}, which is no origin; write https://app.example.com"))?;
    let printed = url.origin().ascii_serialization();
    if text.contains('*') {
        return Err(format!("holds the wildcard {text:?}; name each origin"));
    }
    if printed != text {
        return Err(format!("holds {text:?}, which is not as a parser prints it; write {printed}"));
    }
    match url.scheme() {
        "https" if is_loopback(&url) || matches!(url.host(), Some(Host::Domain(_))) => Ok(()),
        "https" => Err(format!("holds the address {text:?}; name a host, or loopback")),
        "http" if is_loopback(&url) => Ok(()),
        _ => Err(format!("holds {text:?}; use https, or http on loopback")),
    }
}

/// Whether a URL stays on this machine: `localhost` (RFC 6761), 127.0.0.0/8 or `[::1]`.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A return URL that may be handed to Stripe.
#[derive(Clone, PartialEq, Eq)]
pub struct ReturnUrl(String);

impl ReturnUrl {
    /// Takes a URL that is byte for byte what a parser prints (so no look-alike survives the comparison) and whose
    /// origin is one of the configured ones.
    ///
    /// # Errors
    /// RETURN_URL_NOT_ALLOWED, with the broken rule as its cause.
    pub fn parse(text: &str, origins: &ReturnOrigins) -> Result<Self, Refusal> {
        match broken_rule(text, origins) {
            None => Ok(Self(text.to_owned())),
            Some(rule) => Err(Refusal::because(Reason::ReturnUrlNotAllowed, rule).at("return_url")),
        }
    }

    /// The URL as it came in, which is as a parser prints it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn broken_rule(text: &str, origins: &ReturnOrigins) -> Option<&'static str> {
    if text.is_empty() {
        return Some("return_url is missing");
    }
    if text.len() > MAX_BYTES {
        return Some("return_url is over 2,048 bytes");
    }
    let Ok(url) = Url::parse(text) else {
        return Some("return_url is no absolute URL");
    };
    if url.as_str() != text {
        return Some("return_url is not what a URL parser prints");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("return_url has user information");
    }
    if url.fragment().is_some() {
        return Some("return_url has a fragment");
    }
    if url.path().starts_with("//") {
        return Some("return_url has a path that begins with //");
    }
    // Not `url.origin()`, which for blob: is the origin inside.
    let begins_with = |origin: &String| text.strip_prefix(origin.as_str()).is_some_and(|rest| rest.starts_with('/'));
    if !origins.0.iter().any(begins_with) {
        return Some("return_url has an origin that is not configured");
    }
    None
}

/// A return URL's query may hold what the page put there, so Debug shows none of it.
impl std::fmt::Debug for ReturnUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReturnUrl(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(list: &[&str]) -> Result<ReturnOrigins, String> {
        ReturnOrigins::parse(&list.iter().map(|origin| (*origin).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn an_origin_is_configured_as_a_parser_prints_it() {
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
    fn a_return_url_is_exactly_what_a_parser_prints_on_a_configured_origin() {
        let origins = origins(&["https://app.example.com", "http://127.0.0.1:3000"]).unwrap();
        for good in [
            "https://app.example.com/",
            "https://app.example.com/settings?tab=billing&x=%20",
            "http://127.0.0.1:3000/settings",
            "https://app.example.com/a//b",
        ] {
            assert!(ReturnUrl::parse(good, &origins).is_ok(), "{good}");
        }
        let long = format!("https://app.example.com/{}", "a".repeat(2_025));
        for bad in [
            "",
            "https://app.example.com",
            "https://app@evil.com/",
            "https://evil\\@app.example.com/",
            "https:app.example.com/",
            "///app.example.com/",
            "HTTPS://app.example.com/",
            "https://app.example.com./",
            "https://app.example.com:8443/",
            "https://app.example.com:443/",
            "https://ａpp.example.com/",
            "https://аpp.example.com/",
            "https://app%2Eexample.com/",
            "https://app.example.com/\t",
            "https://app.example.com/\r\n",
            "https://app.example.com/\0",
            "https://app.example.com/a/../b",
            "https://app.example.com//evil.com",
            "https://user@app.example.com/",
            "https://user:pw@app.example.com/",
            "https://app.example.com/#",
            "https://app.example.com/#x",
            "javascript:alert(1)",
            "data:text/html,x",
            "http://app.example.com/",
            "https://127.0.0.1/",
            "https://app.example.com.evil.com/",
            "https://xapp.example.com/",
            " https://app.example.com/",
            "https://app.example.com/ä",
            "https://@app.example.com/",
            "http://127.0.0.1:3000",
            "http://127.1:3000/",
            "http://2130706433:3000/",
            "blob:https://app.example.com/x",
            &long,
        ] {
            let refusal = ReturnUrl::parse(bad, &origins).expect_err(bad);
            assert_eq!(refusal.reason(), Reason::ReturnUrlNotAllowed, "{bad}");
        }
        assert!(ReturnUrl::parse(&long[..2_048], &origins).is_ok());
    }
}
