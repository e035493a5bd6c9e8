//! The interceptors: they authenticate the person, and check the role, from the metadata and the keys in memory alone. They wrap
//! the generated service directly, so that no method can be reached without them.

use std::sync::Arc;

use tonic::{Request, Status, service::Interceptor};

use crate::{
    grpc::auth::token::Verifier,
    portal::{CallAudit, Owner, Principal, Refusal},
};

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
    if let Some(audit) = request.extensions().get::<Arc<CallAudit>>() {
        audit.record_principal(&principal);
    }
    request.extensions_mut().insert(principal.clone());
    Ok(principal)
}
