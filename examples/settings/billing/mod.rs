//! Billing on the settings page, whole: two calls to the service, and what a person is told about their outcome.
//!
//! Each call has a deadline and is made once. Nothing here retries, because the service already does where it is safe,
//! and a person can click again.

pub(crate) mod action;
mod sentences;

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderValue, Uri};
use billing_portal::grpc::proto::{
    CreatePortalSessionRequest, CreatePortalSessionResponse, GetPortalAccessRequest,
    billing_portal_client::BillingPortalClient, portal_access_client::PortalAccessClient,
};
use tonic::{
    Request, Response, Status,
    metadata::AsciiMetadataValue,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use crate::{people::Person, token::Issuer};

/// The `domain` of every refusal of the service. A status without it comes from something in between.
const DOMAIN: &str = "billing.portal.v1";

/// The page waits for this answer, so it is short.
const ACCESS_DEADLINE: Duration = Duration::from_secs(2);

/// Stripe is behind this one.
const OPEN_DEADLINE: Duration = Duration::from_secs(12);

/// Where Stripe leads back to, as `new URL(x).href` prints it.
pub(crate) fn return_url(page: &str) -> String {
    format!("{page}/settings?billing=returned")
}

/// The client of the service.
pub(crate) struct Billing {
    channel: Channel,
    issuer: Arc<Issuer>,
    return_url: String,
}

/// What stands in the billing section.
pub(crate) enum Section {
    /// The button.
    Open,
    /// A sentence, and never the button.
    Closed(&'static str),
}

/// Why the portal was not opened, for the person.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) sentence: &'static str,
    /// What support finds in the audit log; none where the service was not reached.
    pub(crate) reference: Option<String>,
}

impl Billing {
    /// Connects with the first call, and again after a connection is lost; so the page works without the service.
    pub(crate) fn new(service: &Uri, issuer: Arc<Issuer>, page: &str) -> Self {
        let endpoint = Endpoint::from(service.clone()).connect_timeout(ACCESS_DEADLINE);
        Self { channel: endpoint.connect_lazy(), issuer, return_url: return_url(page) }
    }

    /// Asks whether to show the action. Only a clear yes shows it.
    pub(crate) async fn section(&self, person: &Person) -> Section {
        let message = GetPortalAccessRequest { displayed_tenant_id: person.tenant.id.to_owned() };
        let mut client = PortalAccessClient::new(self.channel.clone());
        let answer = match self.request(person, message, ACCESS_DEADLINE) {
            Ok(request) => within(ACCESS_DEADLINE, client.get_portal_access(request)).await,
            Err(status) => Err(status),
        };
        match answer {
            Ok(answer) if answer.get_ref().visible => Section::Open,
            Ok(answer) => Section::Closed(sentences::hidden(answer.get_ref().reason())),
            Err(status) => {
                refused("GetPortalAccess", &status);
                Section::Closed(sentences::UNAVAILABLE)
            }
        }
    }

    /// Opens the portal: the Location to redirect to. It lets anyone in who holds it, so it is in no log.
    pub(crate) async fn open(&self, person: &Person, displayed_tenant: &str) -> Result<HeaderValue, Refused> {
        let message = CreatePortalSessionRequest {
            return_url: self.return_url.clone(),
            displayed_tenant_id: displayed_tenant.to_owned(),
            ..CreatePortalSessionRequest::default()
        };
        let mut client = BillingPortalClient::new(self.channel.clone());
        let location = match self.request(person, message, OPEN_DEADLINE) {
            Ok(request) => within(OPEN_DEADLINE, client.create_portal_session(request)).await.and_then(location),
            Err(status) => Err(status),
        };
        location.map_err(|status| refused("CreatePortalSession", &status))
    }

    /// A call's request, with its deadline and a token of its own.
    fn request<T>(&self, person: &Person, message: T, deadline: Duration) -> Result<Request<T>, Status> {
        let token = self.issuer.mint(person).map_err(|error| Status::internal(format!("{error:#}")))?;
        let mut authorization = AsciiMetadataValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Status::internal("the token makes no header"))?;
        authorization.set_sensitive(true);
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", authorization);
        request.set_timeout(deadline);
        Ok(request)
    }
}

/// The deadline is kept on this side too: `grpc-timeout` binds a service that is reached, not one that is not.
async fn within<T>(
    deadline: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<Response<T>, Status> {
    tokio::time::timeout(deadline, call).await.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")))
}

fn location(answer: Response<CreatePortalSessionResponse>) -> Result<HeaderValue, Status> {
    let mut location = HeaderValue::try_from(answer.into_inner().url)
        .map_err(|_| Status::internal("the session's URL makes no header"))?;
    location.set_sensitive(true);
    Ok(location)
}

/// Reads a status by its ErrorInfo, never by its text. One without ours was not made by the service: a mesh that routes
/// it off, no connection, our own deadline.
fn refused(rpc: &str, status: &Status) -> Refused {
    let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN);
    let (reason, reference) = match info {
        Some(mut info) => (Some(info.reason), info.metadata.remove("request_id")),
        None => (None, None),
    };
    match &reason {
        Some(reason) => tracing::info!(rpc, reason, request_id = reference, "billing was refused"),
        None => tracing::warn!(rpc, code = ?status.code(), cause = status.message(), "billing was not reached"),
    }
    let sentence = reason.as_deref().map_or(sentences::UNAVAILABLE, sentences::refused);
    Refused { sentence, reference }
}
