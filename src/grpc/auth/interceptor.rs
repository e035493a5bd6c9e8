//! The interceptors: they authenticate the person, and check the role, from the metadata and the keys in memory alone. They wrap
//! the generated service directly, so that no method can be reached without them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{extract, http};
use tonic::{Request, Status, metadata::MetadataMap, service::Interceptor};

use crate::{
    grpc::{
        auth::token::Verifier,
        layers::stack::{Handler, Layer, Outcome},
        status::refusal,
    },
    portal::{CallAudit, Owner, Principal, Refusal},
};

/// The layer: gives the metadata and the extensions of each request to an interceptor.
#[derive(Debug)]
pub struct Intercept<I>(pub I);

impl<I: Interceptor + Clone + Send + Sync + 'static> Layer for Intercept<I> {
    async fn call(&self, request: extract::Request, inside: &Arc<impl Handler>) -> Outcome {
        let (mut parts, body) = request.into_parts();
        let metadata = MetadataMap::from_headers(std::mem::take(&mut parts.headers));
        let extensions = std::mem::take(&mut parts.extensions);
        match self.0.clone().call(Request::from_parts(metadata, extensions, ())) {
            Ok(admitted) => {
                let (metadata, extensions, ()) = admitted.into_parts();
                (parts.headers, parts.extensions) = (metadata.into_headers(), extensions);
                inside.handle(http::Request::from_parts(parts, body)).await
            }
            Err(status) => Err(refusal(&status)),
        }
    }
}

/// Whether a call on a connection had a valid token; an extension of each of its requests.
#[derive(Clone, Debug, Default)]
pub struct HadValidToken(Arc<AtomicBool>);

impl HadValidToken {
    /// Returns whether there was such a call.
    #[must_use]
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Admits any authenticated person, and adds a [`Principal`] to the extensions.
#[derive(Clone, Debug)]
pub struct AdmitPrincipal(pub Arc<Verifier>);

impl Interceptor for AdmitPrincipal {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        authenticate(&self.0, &mut request)?;
        Ok(request)
    }
}

/// Admits owners only, and adds a [`Principal`] and an [`Owner`] to the extensions. Every method of the wrapped service is for owners only.
#[derive(Clone, Debug)]
pub struct AdmitOwner(pub Arc<Verifier>);

impl Interceptor for AdmitOwner {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let principal = authenticate(&self.0, &mut request)?;
        request.extensions_mut().insert(Owner::prove(principal).map_err(Refusal::from)?);
        Ok(request)
    }
}

fn authenticate(verifier: &Verifier, request: &mut Request<()>) -> Result<Principal, Refusal> {
    let principal = verifier.principal(request.metadata())?;
    if let Some(connection) = request.extensions().get::<HadValidToken>() {
        connection.0.store(true, Ordering::Relaxed);
    }
    if let Some(audit) = request.extensions().get::<Arc<CallAudit>>() {
        audit.record_principal(&principal);
    }
    request.extensions_mut().insert(principal.clone());
    Ok(principal)
}
