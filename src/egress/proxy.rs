//! An HTTP proxy, and the hosts that are reached without it.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use percent_encoding::percent_decode_str;
use url::Url;

/// An HTTP proxy. Its output never contains the credentials.
#[derive(Clone)]
pub struct Proxy {
    /// `http` or `https`, host and port.
    pub(super) uri: Uri,
    /// The value of `Proxy-Authorization`.
    pub(super) authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Parses the URL of a proxy. Without a scheme it is http.
    ///
    /// # Errors
    /// What is wrong. The text does not contain any part of the URL.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "not the URL of a proxy: expected a scheme, a host, a port and optionally user information, with \
                                special characters percent-encoded (example: http://proxy.example.com:3128)";
        let has_scheme = text.contains("://");
        let url = if has_scheme { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
        let url = url.map_err(|_| EXPECTED)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("only http and https proxies are supported (example: http://proxy.example.com:3128)");
        }
        let (Some(host), Some(port @ 1..), "/", None, None) =
            (url.host_str(), url.port_or_known_default(), url.path(), url.query(), url.fragment())
        else {
            return Err(EXPECTED);
        };
        let authorization = if url.username().is_empty() && url.password().is_none() {
            None
        } else {
            Some(basic(url.username(), url.password().unwrap_or_default())?)
        };
        let uri = format!("{}://{host}:{port}", url.scheme()).parse().map_err(|_| EXPECTED)?;
        Ok(Self { uri, authorization })
    }
}

/// Returns the value of `Proxy-Authorization` (RFC 7617, section 2).
fn basic(user: &str, password: &str) -> Result<HeaderValue, &'static str> {
    let user: Vec<u8> = percent_decode_str(user).collect();
    if user.contains(&b':') {
        return Err("the user name of a proxy must not contain a colon");
    }
    let credentials = [user, b":".to_vec(), percent_decode_str(password).collect()].concat();
    let value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(credentials)));
    let mut value = value.map_err(|_| "the credentials of a proxy cannot be sent")?;
    value.set_sensitive(true);
    Ok(value)
}

/// Host and port.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.authority().map_or(Ok(()), |authority| f.write_str(authority.as_str()))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// Returns whether a `NO_PROXY` list names the host of a URL: itself, a domain above it, its address, a network that contains its
/// address, or `*`. An entry with a port counts only for that port.
#[must_use]
pub fn is_bypassed(list: &str, url: &Url) -> bool {
    let port = url.port_or_known_default();
    let entries = list.split(|separator: char| separator == ',' || separator.is_whitespace());
    let entries = entries.filter_map(|entry| host_of_entry(entry, port)).collect::<Vec<_>>().join(",");
    // Intercepts everything except the list.
    let matcher = Matcher::builder().all("http://proxy").no(entries).build();
    url.as_str().parse().is_ok_and(|uri| matcher.intercept(&uri).is_none())
}

/// Returns the host of an entry, unless it is for another port than this one.
fn host_of_entry(entry: &str, port: Option<u16>) -> Option<&str> {
    let (host, entry_port) = match entry.rsplit_once(':') {
        // An IPv6 address without brackets has no port.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        Some(_) | None => (entry, None),
    };
    let is_for_port = entry_port.is_none_or(|entry_port| entry_port.parse().ok() == port);
    let host = host.strip_prefix("*.").unwrap_or(host);
    is_for_port.then(|| host.trim_matches(['[', ']']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_urls_with_and_without_credentials() {
        for (text, shown, credentials) in [
            ("http://proxy.example.com:3128", "proxy.example.com:3128", None),
            ("proxy.example.com:3128", "proxy.example.com:3128", None),
            ("http://proxy.example.com/", "proxy.example.com:80", None),
            ("https://proxy.example.com", "proxy.example.com:443", None),
            ("http://[2001:db8::1]:3128", "[2001:db8::1]:3128", None),
            ("http://user:p%40ss%3a%2F@10.0.0.1:3128", "10.0.0.1:3128", Some("user:p@ss:/")),
            ("user@proxy:3128", "proxy:3128", Some("user:")),
            ("http://:word@proxy:3128", "proxy:3128", Some(":word")),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!((proxy.to_string(), format!("{proxy:?}")), (shown.to_owned(), format!("Proxy({shown})")));
            let expected = credentials.map(|text| format!("Basic {}", BASE64_STANDARD.encode(text)));
            assert_eq!(
                proxy.authorization.as_ref().map(|value| value.to_str().unwrap().to_owned()),
                expected,
                "{text}"
            );
            assert!(!format!("{:?}", proxy.authorization).contains("Basic"));
        }
    }

    #[test]
    fn refuses_everything_else_without_repeating_it() {
        for text in [
            "socks5://user:secret@proxy:1080",
            "socks5h://proxy:1080",
            "ftp://proxy",
            "http://",
            "http://user:secret@",
            "http://user:sec/ret@proxy:3128",
            "http://user:1/secret@proxy:3128",
            "http://user:1?secret@proxy:3128",
            "http://user:1#secret@proxy:3128",
            "http://us%3Aer:secret@proxy:3128",
            "http://proxy:port",
            "http://proxy:99999",
            "http://proxy:0",
            "http://proxy:3128/path",
            "secret secret",
        ] {
            let error = Proxy::parse(text).unwrap_err();
            assert!(!error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn no_proxy_names_hosts_domains_addresses_networks_and_ports() {
        for (list, url, expected) in [
            ("", "https://api.stripe.com", false),
            ("*", "https://api.stripe.com", true),
            ("api.stripe.com", "https://api.stripe.com", true),
            ("API.Stripe.com", "https://api.stripe.com", true),
            ("other.test, stripe.com", "https://api.stripe.com", true),
            ("other.test .stripe.com", "https://api.stripe.com", true),
            ("*.stripe.com", "https://api.stripe.com", true),
            ("pi.stripe.com", "https://api.stripe.com", false),
            ("api.stripe.com.evil.test", "https://api.stripe.com", false),
            ("api.stripe.com:443", "https://api.stripe.com", true),
            ("api.stripe.com:8443", "https://api.stripe.com", false),
            ("api.stripe.com:8443", "https://api.stripe.com:8443", true),
            ("stripe.com:https", "https://api.stripe.com", false),
            ("10.0.0.1", "https://10.0.0.1:8443/jwks.json", true),
            ("10.0.0.1:8443", "https://10.0.0.1:8443/jwks.json", true),
            ("10.0.0.0/8", "https://10.1.2.3", true),
            ("10.0.0.0/8", "https://11.1.2.3", false),
            ("::1", "https://[::1]", true),
            ("[::1]", "https://[::1]:8443", true),
            ("[::1]:443", "https://[::1]", true),
            ("[::1]:8443", "https://[::1]", false),
            ("2001:db8::/32", "https://[2001:db8::1]", true),
            ("10.0.0.0/8", "https://api.stripe.com", false),
            ("localhost,,", "https://127.0.0.1", false),
        ] {
            assert_eq!(is_bypassed(list, &url.parse().unwrap()), expected, "{list} {url}");
        }
    }
}
