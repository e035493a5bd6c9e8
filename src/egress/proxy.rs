//! An HTTP proxy.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderValue, Uri};
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
    /// Parses the URL of a proxy, whose percent-encoding must be well-formed. Without a scheme it is http.
    ///
    /// # Errors
    /// What is wrong. The text does not contain any part of the URL.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "not the URL of a proxy: expected a scheme, a host, a port and optionally user information, with \
                                special characters percent-encoded (example: http://proxy.example.com:3128)";
        // The parser of URLs would silently remove tabs and line breaks.
        if text.contains(char::is_control) {
            return Err(EXPECTED);
        }
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
            "http://user:sec\nret@proxy:3128",
            "http://proxy:31\t28",
        ] {
            let error = Proxy::parse(text).unwrap_err();
            assert!(!error.contains("sec"), "{text}: {error}");
        }
    }
}
