//! The identity headers of the two meshes, and the reasons to refuse a caller.

use axum::http::HeaderMap;

use super::{mtls::CertificateError, xfcc::XfccError};
use crate::portal::{Reason, Refusal};

/// The header of Istio's sidecar or waypoint.
pub(super) const ISTIO_HEADER: &str = "x-forwarded-client-cert";

/// The header of Linkerd's proxy.
pub(super) const LINKERD_HEADER: &str = "l5d-client-id";

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
    Xfcc(#[from] XfccError),
    #[error("connection has no client certificate")]
    NoCertificate,
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("caller is not in the list of allowed callers")]
    NotAllowed,
}

impl From<CallerError> for Refusal {
    fn from(error: CallerError) -> Self {
        Self::because(Reason::CallerNotAllowed, error.to_string())
    }
}

/// Returns the value of the identity header `own`, which must appear exactly once. The header `other` of the other mesh must be
/// absent.
pub(super) fn only_value<'a>(headers: &'a HeaderMap, own: &str, other: &str) -> Result<&'a str, CallerError> {
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
