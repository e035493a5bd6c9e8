//! Admits calls from allowed workloads only: compares the identity that the mesh or TLS verified with a list. Outside the token check,
//! so that a workload that is not allowed does not learn whether a token is valid.

mod header;
pub mod istio;
pub mod linkerd;
pub mod mtls;
mod xfcc;

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{Extensions, HeaderMap},
};

use crate::{
    grpc::layers::stack::{Handler, Layer, Outcome},
    portal::CallAudit,
};
use header::CallerError;
use mtls::ClientIdentity;

/// How calling workloads are identified, and which of them may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Only workloads with these SPIFFE ids, identified by the header of Istio's sidecar or waypoint.
    Istio(Vec<String>),
    /// Only workloads with these names, identified by the header of Linkerd's proxy.
    Linkerd(Vec<String>),
    /// Only workloads with these SPIFFE ids and DNS names, identified by their certificates; both headers are ignored.
    Mtls(Vec<String>),
    /// Any client that can reach the listener; both headers are ignored.
    Anyone,
}

impl Layer for Callers {
    async fn call(&self, request: Request, inside: &Arc<impl Handler>) -> Outcome {
        self.check(request.headers(), request.extensions())?;
        inside.handle(request).await
    }
}

impl Callers {
    fn check(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<(), CallerError> {
        let (identity, allowed) = match self {
            Self::Istio(allowed) => (istio::identity(headers)?, allowed),
            Self::Linkerd(allowed) => (linkerd::identity(headers)?, allowed),
            Self::Mtls(allowed) => (mtls::identity(extensions.get::<ClientIdentity>())?, allowed),
            Self::Anyone => return Ok(()),
        };
        if let Some(audit) = extensions.get::<Arc<CallAudit>>() {
            audit.record_caller(&identity);
        }
        if allowed.contains(&identity) { Ok(()) } else { Err(CallerError::NotAllowed) }
    }
}

#[cfg(test)]
mod fuzz;
