//! Which workload calls: the identity that the mesh vouches for, against a list.
//!
//! Istio: the sidecar appends an element to `x-forwarded-client-cert`
//! (<https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert>).
//! Linkerd: the proxy sets `l5d-client-id` (<https://linkerd.io/2/features/automatic-mtls/>).

mod xfcc;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Response},
    middleware::Next,
};

use crate::{
    grpc::status::respond,
    portal::{CallAudit, Reason, Refusal},
};

const ISTIO: &str = "x-forwarded-client-cert";
const LINKERD: &str = "l5d-client-id";

/// How the calling workload is told, and who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callers {
    /// SPIFFE ids, as Istio's sidecar tells them.
    Istio(Vec<String>),
    /// Names, as Linkerd's proxy tells them.
    Linkerd(Vec<String>),
    /// Whoever reaches the listener; both headers are ignored.
    Anyone,
}

/// The layer: a caller that is not allowed reaches nothing behind it.
pub async fn admit(State(callers): State<Arc<Callers>>, request: Request, next: Next) -> Response<Body> {
    match callers.check(request.headers(), request.extensions().get::<Arc<CallAudit>>().map(AsRef::as_ref)) {
        Ok(()) => next.run(request).await,
        Err(refusal) => respond(refusal),
    }
}

impl Callers {
    fn check(&self, headers: &HeaderMap, audit: Option<&CallAudit>) -> Result<(), Refusal> {
        let (own, other, allowed) = match self {
            Self::Istio(allowed) => (ISTIO, LINKERD, allowed),
            Self::Linkerd(allowed) => (LINKERD, ISTIO, allowed),
            Self::Anyone => return Ok(()),
        };
        if headers.contains_key(other) {
            return Err(refused("the other mesh's identity header is there, too"));
        }
        let mut values = headers.get_all(own).iter();
        let value = values.next().ok_or_else(|| refused("the mesh tells no caller"))?;
        if values.next().is_some() {
            return Err(refused("the mesh's identity header stands twice"));
        }
        let value = value.to_str().map_err(|_| refused("the mesh's identity header is no ASCII"))?;
        let identity = match self {
            Self::Istio(_) => xfcc::last_uri(value).map_err(refused)?,
            Self::Linkerd(_) | Self::Anyone => value.to_owned(),
        };
        if let Some(audit) = audit {
            audit.record_caller(&identity);
        }
        if allowed.contains(&identity) { Ok(()) } else { Err(refused("the caller is none that is allowed")) }
    }
}

/// Whether a text is a SPIFFE id: a trust domain, and a path of whole segments.
///
/// <https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md>
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

/// Whether a text is a name as Linkerd gives its proxies, such as
/// `settings.web.serviceaccount.identity.linkerd.cluster.local`.
#[must_use]
pub fn is_linkerd_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

fn refused(cause: &'static str) -> Refusal {
    Refusal::because(Reason::CallerNotAllowed, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowed_caller_is_a_whole_identity_without_wildcards() {
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
        assert!(is_linkerd_name("settings.web.serviceaccount.identity.linkerd.cluster.local"));
        for bad in ["", "settings", "*.web.cluster.local", "a..b", "A.b", "a.b.", "spiffe://td/x"] {
            assert!(!is_linkerd_name(bad), "{bad}");
        }
    }
}
