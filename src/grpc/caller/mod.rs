//! Which workload calls: the identity that the mesh vouches for, compared with a list. Outside the token check, so that a workload
//! that is not allowed does not learn whether a token is valid.

pub mod istio;
pub mod linkerd;
mod xfcc;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Response},
    middleware::Next,
};

use crate::{
    grpc::status::refused,
    portal::{CallAudit, Reason, Refusal},
};

/// The header of Istio's sidecar.
const ISTIO_HEADER: &str = "x-forwarded-client-cert";

/// The header of Linkerd's proxy.
const LINKERD_HEADER: &str = "l5d-client-id";

/// How the calling workload is identified, and which ones may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callers {
    /// SPIFFE ids, in the header of Istio's sidecar.
    Istio(Vec<String>),
    /// Names, in the header of Linkerd's proxy.
    Linkerd(Vec<String>),
    /// Any client that can reach the listener; both headers are ignored.
    Anyone,
}

/// Why a caller is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallerError {
    #[error("identity header of a different mesh is present")]
    OtherMesh,
    #[error("identity header is missing")]
    Missing,
    #[error("duplicate identity header")]
    Duplicate,
    #[error("identity header is not ASCII")]
    NotAscii,
    #[error(transparent)]
    Xfcc(#[from] xfcc::XfccError),
    #[error("caller is not in the list of allowed callers")]
    NotAllowed,
}

impl From<CallerError> for Refusal {
    fn from(error: CallerError) -> Self {
        Self::because(Reason::CallerNotAllowed, error.to_string())
    }
}

/// The layer.
pub async fn admit(State(callers): State<Arc<Callers>>, request: Request, next: Next) -> Response<Body> {
    let audit = request.extensions().get::<Arc<CallAudit>>();
    match callers.check(request.headers(), audit.map(AsRef::as_ref)) {
        Ok(()) => next.run(request).await,
        Err(error) => refused(error.into()),
    }
}

impl Callers {
    fn check(&self, headers: &HeaderMap, audit: Option<&CallAudit>) -> Result<(), CallerError> {
        let (identity, allowed) = match self {
            Self::Istio(allowed) => (istio::identity(headers)?, allowed),
            Self::Linkerd(allowed) => (linkerd::identity(headers)?, allowed),
            Self::Anyone => return Ok(()),
        };
        if let Some(audit) = audit {
            audit.record_caller(&identity);
        }
        if allowed.contains(&identity) { Ok(()) } else { Err(CallerError::NotAllowed) }
    }
}

/// Returns the value of a mesh's identity header, which must appear exactly once and without the other mesh's.
fn only_value<'a>(headers: &'a HeaderMap, own: &str, other: &str) -> Result<&'a str, CallerError> {
    if headers.contains_key(other) {
        return Err(CallerError::OtherMesh);
    }
    let mut values = headers.get_all(own).iter();
    let value = values.next().ok_or(CallerError::Missing)?;
    if values.next().is_some() {
        return Err(CallerError::Duplicate);
    }
    value.to_str().map_err(|_| CallerError::NotAscii)
}
