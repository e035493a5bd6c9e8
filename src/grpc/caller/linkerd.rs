//! Linkerd: the proxy sets `l5d-client-id`.
//!
//! Source: <https://linkerd.io/2/features/automatic-mtls/>.

use axum::http::HeaderMap;

use super::{
    header::{CallerError, ISTIO_HEADER, LINKERD_HEADER, only_value},
    mtls::is_dns_name,
};

/// Returns the Linkerd identity of the caller.
pub(super) fn identity(headers: &HeaderMap) -> Result<String, CallerError> {
    only_value(headers, LINKERD_HEADER, ISTIO_HEADER).map(str::to_owned)
}

/// Returns whether a text is the name of a Linkerd identity, such as
/// `settings.web.serviceaccount.identity.linkerd.cluster.local`.
#[must_use]
pub fn is_linkerd_name(text: &str) -> bool {
    text.contains('.') && is_dns_name(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_whole_names_without_wildcards() {
        assert!(is_linkerd_name("settings.web.serviceaccount.identity.linkerd.cluster.local"));
        for bad in ["", "settings", "*.web.cluster.local", "a..b", "A.b", "a.b.", "spiffe://td/x"] {
            assert!(!is_linkerd_name(bad), "{bad}");
        }
    }
}
