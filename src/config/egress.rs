//! The proxy variables. Their names are conventional, so they have no flags.

use std::ffi::OsString;

use url::Url;

use super::{error::SettingError, value};
use crate::egress::{Proxy, is_bypassed};

/// Returns the proxy through which an https URL is reached, if there is one. Plain http is for loopback only, and never uses a
/// proxy.
pub(super) fn proxy_for(url: &Url, read: impl Fn(&str) -> Option<OsString>) -> Result<Option<Proxy>, SettingError> {
    if url.scheme() != "https" {
        return Ok(None);
    }
    let (https, all) = (variable("HTTPS_PROXY", &read)?, variable("ALL_PROXY", &read)?);
    let no_proxy = variable("NO_PROXY", &read)?;
    // Both are checked even if they are not used for this URL, so that a mistake does not depend on the other settings.
    let is_bypassed = no_proxy.map_or(Ok(false), |(name, list)| {
        is_bypassed(&list, url).map_err(|position| {
            let expected = "expected a host, a domain (.example.com), an IP address, a network (10.0.0.0/8) or *, each with or \
                            without a port, and without a scheme";
            SettingError::new(&name, format!("entry {position} cannot name any host; {expected}"))
        })
    })?;
    let Some((name, text)) = https.or(all) else { return Ok(None) };
    if !value::has_valid_escapes(&text) {
        return Err(SettingError::new(&name, "contains a % without two hexadecimal digits; write % as %25"));
    }
    let proxy = Proxy::parse(&text).map_err(|problem| SettingError::new(&name, problem))?;
    Ok((!is_bypassed).then_some(proxy))
}

/// Returns a variable in upper or lower case, with the name that is set. An empty one counts as not set.
fn variable(upper: &str, read: impl Fn(&str) -> Option<OsString>) -> Result<Option<(String, String)>, SettingError> {
    let lower = upper.to_lowercase();
    let text = |name: &str| match read(name).filter(|value| !value.is_empty()).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some((name.to_owned(), value))),
        Some(Err(_)) => Err(SettingError::new(name, "not valid UTF-8")),
    };
    match (text(upper)?, text(&lower)?) {
        // Programs disagree about which of them counts.
        (Some((_, one)), Some((_, other))) if one != other => Err(SettingError::new(
            upper,
            format!("differs from {lower}; set only one of them, or both to the same value"),
        )),
        (one, other) => Ok(one.or(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: &str, variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let read = |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
        let proxy = proxy_for(&url.parse().unwrap(), read);
        proxy.map(|proxy| proxy.map(|proxy| proxy.to_string())).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_apply_to_https_in_their_order() {
        const STRIPE: &str = "https://api.stripe.com";
        for (variables, expected) in [
            (&[][..], None),
            (&[("HTTPS_PROXY", "http://one:1")], Some("one:1")),
            (&[("https_proxy", "http://one:1")], Some("one:1")),
            (&[("HTTPS_PROXY", "http://one:1"), ("https_proxy", "http://one:1")], Some("one:1")),
            (&[("ALL_PROXY", "http://all:1")], Some("all:1")),
            (&[("all_proxy", "http://all:1")], Some("all:1")),
            (&[("ALL_PROXY", "socks5://all:1"), ("HTTPS_PROXY", "http://one:1")], Some("one:1")),
            (&[("ALL_PROXY", "http://all:1"), ("HTTPS_PROXY", "")], Some("all:1")),
            (&[("HTTP_PROXY", "http://plain:1"), ("http_proxy", "http://plain:1")], None),
            (&[("HTTPS_PROXY", "http://one:1"), ("NO_PROXY", "stripe.com")], None),
            (&[("HTTPS_PROXY", "http://one:1"), ("no_proxy", "stripe.com")], None),
            (&[("HTTPS_PROXY", "http://one:1"), ("NO_PROXY", "example.com")], Some("one:1")),
        ] {
            assert_eq!(proxy(STRIPE, variables), Ok(expected.map(str::to_owned)), "{variables:?}");
            assert_eq!(proxy("http://127.0.0.1:4242", variables), Ok(None));
        }
    }

    #[test]
    fn unusable_and_ambiguous_variables_are_named_without_their_values() {
        for (variables, named) in [
            (&[("HTTPS_PROXY", "socks5://user:secret@proxy:1")][..], "HTTPS_PROXY: only http and https"),
            (&[("all_proxy", "http://user:sec/ret@proxy:1")], "all_proxy: not the URL of a proxy"),
            (&[("HTTPS_PROXY", "http://secret:1"), ("https_proxy", "http://other:1")], "HTTPS_PROXY: differs from"),
            (&[("NO_PROXY", "secret"), ("no_proxy", "other")], "NO_PROXY: differs from no_proxy"),
            (&[("HTTPS_PROXY", "secret secret"), ("NO_PROXY", "*")], "HTTPS_PROXY: not the URL of a proxy"),
            (&[("HTTPS_PROXY", "http://u:%secret@p")], "HTTPS_PROXY: contains a % without two hexadecimal digits"),
            (&[("HTTPS_PROXY", "http://u:%zz@p")], "HTTPS_PROXY: contains a % without two hexadecimal digits"),
            (&[("all_proxy", "sec%2:x@p")], "all_proxy: contains a % without two hexadecimal digits"),
            (&[("HTTPS_PROXY", "u:sec%@p")], "HTTPS_PROXY: contains a % without two hexadecimal digits"),
            (&[("NO_PROXY", "localhost, http://secret")], "NO_PROXY: entry 2 cannot name any host"),
            (&[("HTTPS_PROXY", "http://p"), ("no_proxy", "10.0.0.0/99")], "no_proxy: entry 1 cannot name any host"),
        ] {
            let error = proxy("https://api.stripe.com", variables).unwrap_err();
            assert!(error.starts_with(named) && !error.contains("sec"), "{error}");
            // Nothing that uses them is configured.
            assert_eq!(proxy("http://127.0.0.1:4242", variables), Ok(None));
        }
    }
}
