//! The hosts that a session URL may have, and the characters that it may contain.

use url::{Position, Url};

/// The longest session URL, in bytes.
const MAX_URL_BYTES: usize = 2_048;

/// The hosts that a session URL may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionHosts(Vec<String>);

impl SessionHosts {
    /// Takes host names in normalized form and, for development, loopback origins. The configuration validates them.
    #[must_use]
    pub const fn new(entries: Vec<String>) -> Self {
        Self(entries)
    }

    /// Returns whether a URL has an allowed loopback origin, or uses https and has exactly an allowed host as its
    /// authority: without user information and without a port. The raw text is checked as well as the parsed URL,
    /// because this parser is lenient, and other parsers may read the same text differently: for example, not every
    /// parser resolves `..` and `%2e%2e` in a path.
    pub(super) fn allow(&self, raw: &str) -> bool {
        let Ok(url) = Url::parse(raw) else { return false };
        if raw.len() > MAX_URL_BYTES || !raw.bytes().all(is_url_byte) {
            return false;
        }
        let Some((scheme, rest)) = raw.split_once("://") else { return false };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if rest.strip_prefix(authority) != Some(&url[Position::BeforePath..]) {
            return false;
        }
        self.0.iter().any(|allowed| match allowed.split_once("://") {
            Some(origin) => (scheme, authority) == origin && url.origin().ascii_serialization() == *allowed,
            None => {
                url.scheme() == "https" && url.host_str() == Some(allowed) && authority.eq_ignore_ascii_case(allowed)
            }
        })
    }
}

/// Returns whether a byte may appear in a URL without being escaped (RFC 3986), except the apostrophe, which is a quote in HTML.
const fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b':' | b'/' | b'?' | b'#' | b'[' | b']')
        || matches!(byte, b'@' | b'!' | b'$' | b'&' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_url_has_allowed_https_host_or_loopback_origin() {
        let hosts = SessionHosts::new(vec!["billing.stripe.com".to_owned(), "http://127.0.0.1:4242".to_owned()]);
        for good in [
            "https://billing.stripe.com/p/session/x",
            "https://BILLING.stripe.com/x",
            "http://127.0.0.1:4242/p/session/x",
        ] {
            assert!(hosts.allow(good), "{good}");
        }
        for bad in [
            "",
            "billing.stripe.com",
            "http://billing.stripe.com/x",
            "https://billing.stripe.com:443/x",
            "https://billing.stripe.com:8443/x",
            "https://user@billing.stripe.com/x",
            "https://u:p@billing.stripe.com/x",
            "https://evil.com/x",
            "https://billing.stripe.com.evil.com/x",
            "https://billing.stripe.com\\@evil.com/",
            "https:\\\\billing.stripe.com/x",
            "https:/billing.stripe.com/x",
            "https://billing.stripe.com/\r\nx",
            "javascript:alert(1)",
            "http://127.0.0.1:4243/x",
            "http://user@127.0.0.1:4242/x",
            "https://127.0.0.1:4242/x",
            "https://xbilling.stripe.com/",
            "https:///billing.stripe.com/x",
            "https:///billing.stripe.com:8443/x",
            "https:////billing.stripe.com/x",
            "https://@billing.stripe.com/x",
            "https://b%69lling.stripe.com/x",
            "https://billing.stripe.com/\"><script>",
            "https://billing.stripe.com/'",
            "https://billing.stripe.com/<x>",
            "https://billing.stripe.com/x y",
            "https://billing.stripe.com/`",
            "https://billing.stripe.com/{x}|^",
            "https://billing.stripe.com/\u{e4}",
            "https://billing.stripe.com./x",
            "https://billing.stripe\u{3002}com/x",
            "http:///127.0.0.1:4242/x",
            "http://127.1:4242/x",
            "https://billing.stripe.com",
            "https://billing.stripe.com?x",
            "https://billing.stripe.com/a/../x",
            "https://billing.stripe.com/./x",
            "https://billing.stripe.com/%2E./x",
            "https://billing.stripe.com/%2e%2E/x",
        ] {
            assert!(!hosts.allow(bad), "{bad}");
        }
        let url = |bytes: usize| format!("{:a<bytes$}", "https://billing.stripe.com/");
        assert!(hosts.allow(&url(2_048)) && !hosts.allow(&url(2_049)));
    }
}
