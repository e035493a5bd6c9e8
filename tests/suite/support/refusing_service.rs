//! A service that shows the button and refuses each click with the reason that the test chooses.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use billing_portal::grpc::proto::{
    CreatePortalSessionRequest, CreatePortalSessionResponse, GetPortalAccessRequest, GetPortalAccessResponse, Reason,
    billing_portal_server::{BillingPortal, BillingPortalServer},
    portal_access_server::{PortalAccess, PortalAccessServer},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{Code, Request, Response, Status, service::Routes};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The reason, and whether a click was refused with it.
#[derive(Clone, Default)]
pub(crate) struct RefusingService(Arc<Mutex<(&'static str, bool)>>);

impl RefusingService {
    /// Starts the service.
    pub(crate) async fn start() -> (Self, SocketAddr, JoinHandle<()>) {
        let service = Self::default();
        let routes = Routes::new(PortalAccessServer::new(service.clone()))
            .add_service(BillingPortalServer::new(service.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async { axum::serve(listener, routes.into_axum_router()).await.unwrap() });
        (service, address, served)
    }

    /// Refuses the next clicks with this reason. The page shows the button until the first of them.
    pub(crate) fn refuse_with(&self, reason: &'static str) {
        *self.0.lock().unwrap() = (reason, false);
    }
}

#[tonic::async_trait]
impl PortalAccess for RefusingService {
    async fn get_portal_access(
        &self,
        _: Request<GetPortalAccessRequest>,
    ) -> Result<Response<GetPortalAccessResponse>, Status> {
        let (reason, is_refused) = *self.0.lock().unwrap();
        let hidden = Reason::from_str_name(&format!("REASON_{reason}")).filter(|_| is_refused);
        let reason = hidden.unwrap_or(Reason::Allowed).into();
        Ok(Response::new(GetPortalAccessResponse { visible: hidden.is_none(), reason }))
    }
}

#[tonic::async_trait]
impl BillingPortal for RefusingService {
    async fn create_portal_session(
        &self,
        _: Request<CreatePortalSessionRequest>,
    ) -> Result<Response<CreatePortalSessionResponse>, Status> {
        let mut state = self.0.lock().unwrap();
        state.1 = true;
        let metadata = HashMap::from([("request_id".to_owned(), uuid::Uuid::new_v4().to_string())]);
        let details = ErrorDetails::with_error_info(state.0, "billing.portal.v1", metadata);
        Err(Status::with_error_details(Code::FailedPrecondition, "refused", details))
    }
}
