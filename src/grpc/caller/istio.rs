//! Istio: the sidecar appends an element to `x-forwarded-client-cert`, and a waypoint replaces the header by one.
//!
//! Source: <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert>.

use axum::http::HeaderMap;

use super::{
    header::{CallerError, ISTIO_HEADER, LINKERD_HEADER, only_value},
    xfcc,
};

/// Returns the SPIFFE id of the caller's certificate.
pub(super) fn identity(headers: &HeaderMap) -> Result<String, CallerError> {
    Ok(xfcc::last_uri(only_value(headers, ISTIO_HEADER, LINKERD_HEADER)?)?)
}

/// Returns whether a text is a SPIFFE id: a trust domain and a path of non-empty segments.
///
/// Source: <https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md>
#[must_use]
pub fn is_spiffe_id(text: &str) -> bool {
    let Some((domain, path)) = text.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let is_domain_byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    let is_path_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    text.len() <= 2_048
        && (1..=255).contains(&domain.len())
        && domain.bytes().all(is_domain_byte)
        && path.split('/').all(|segment| !["", ".", ".."].contains(&segment) && segment.bytes().all(is_path_byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_whole_spiffe_ids_without_wildcards() {
        for good in ["spiffe://cluster.local/ns/web/sa/settings", "spiffe://td/x"] {
            assert!(is_spiffe_id(good), "{good}");
        }
        for bad in [
            "",
            "spiffe://",
            "spiffe://td",
            "spiffe://td/",
            "spiffe://TD/x",
            "spiffe://td/*",
            "spiffe://td/a//b",
            "spiffe://td/a/../b",
            "spiffe://td:1/x",
            "spiffe://u@td/x",
            "https://td/x",
            "spiffe://td/x?y",
            "*",
        ] {
            assert!(!is_spiffe_id(bad), "{bad}");
        }
    }
}
