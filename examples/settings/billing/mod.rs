//! Billing on the settings page: the two calls to the service, and the sentences that the page shows for their outcome.
//!
//! Each call has a deadline and is made once. There are no retries: the service retries calls to Stripe where that is
//! safe, and the person can click again.

pub(crate) mod action;
mod sentences;

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderValue, Uri};
use billing_portal::grpc::proto::{
    CreatePortalSessionRequest, CreatePortalSessionResponse, GetPortalAccessRequest,
    billing_portal_client::BillingPortalClient,
    create_portal_session_request::{Flow, PaymentMethodUpdate},
    portal_access_client::PortalAccessClient,
};
pub(crate) use sentences::{Returned, for_return};
use tonic::{
    Request, Response, Status,
    metadata::AsciiMetadataValue,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use crate::{people::Person, token::Issuer};

/// The `domain` of the ErrorInfo in every refusal by the service.
const DOMAIN: &str = "billing.portal.v1";

/// Short, because the page is not rendered until the call returns.
const ACCESS_DEADLINE: Duration = Duration::from_secs(2);

/// Longer, because the service calls Stripe. It is a little more than the service's default deadline of 10 s, so that
/// the service's own status arrives first.
const OPEN_DEADLINE: Duration = Duration::from_secs(12);

/// What a button of the billing section opens.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// The portal's home page.
    Portal,
    /// The page that adds a payment method.
    UpdatePaymentMethod,
}

impl Action {
    /// Parses the value of the button in the form. The first button has none.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        match value {
            "" => Some(Self::Portal),
            "payment_method_update" => Some(Self::UpdatePaymentMethod),
            _ => None,
        }
    }

    /// Returns the page to open, and the URLs to which Stripe sends the person back, in normalized form
    /// (`new URL(x).href`). The marker in a URL selects the notice.
    pub(crate) fn request(self, page: &str) -> CreatePortalSessionRequest {
        let back = |marker| format!("{page}/settings/billing?billing={marker}");
        match self {
            Self::Portal => CreatePortalSessionRequest { return_url: back("returned"), ..Default::default() },
            Self::UpdatePaymentMethod => CreatePortalSessionRequest {
                return_url: back("payment-method-not-updated"),
                flow: Some(Flow::PaymentMethodUpdate(PaymentMethodUpdate {})),
                completed_url: Some(back("payment-method-updated")),
                ..Default::default()
            },
        }
    }
}

/// A client for the service.
pub(crate) struct Billing {
    channel: Channel,
    issuer: Arc<Issuer>,
    /// The origin of the page.
    page: String,
}

/// The content of the billing section.
pub(crate) enum Section {
    /// The buttons that open the portal.
    Buttons,
    /// The reason why there are no buttons.
    Refused(Refusal),
}

/// The reason why the portal cannot be opened, as shown to the person.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) sentence: &'static str,
    /// The request id, which support can find in the audit log; `None` if the status does not come from the service.
    pub(crate) reference: Option<String>,
}

impl Refusal {
    /// Returns whether an owner can help. Otherwise, support can.
    pub(crate) fn needs_owner(&self) -> bool {
        self.sentence == sentences::ONLY_OWNERS
    }
}

impl Billing {
    /// Connects on the first call and reconnects after a lost connection, so the page also works without the service.
    pub(crate) fn new(service: &Uri, issuer: Arc<Issuer>, page: &str) -> Self {
        let endpoint = Endpoint::from(service.clone()).connect_timeout(ACCESS_DEADLINE);
        Self { channel: endpoint.connect_lazy(), issuer, page: page.to_owned() }
    }

    /// Returns what the billing section shows. The buttons are shown only if the service returns `visible`.
    pub(crate) async fn section(&self, person: &Person) -> Section {
        let message = GetPortalAccessRequest { displayed_tenant_id: person.tenant.id.to_owned() };
        let mut client = PortalAccessClient::new(self.channel.clone());
        let response = match self.request(person, message, ACCESS_DEADLINE) {
            Ok(request) => with_deadline(ACCESS_DEADLINE, client.get_portal_access(request)).await,
            Err(status) => Err(status),
        };
        match response {
            Ok(response) if response.get_ref().visible => Section::Buttons,
            Ok(response) => {
                let sentence = sentences::for_hidden_buttons(response.get_ref().reason());
                Section::Refused(Refusal { sentence, reference: None })
            }
            Err(status) => Section::Refused(log_and_explain("GetPortalAccess", &status)),
        }
    }

    /// Creates a portal session and returns its URL for the `Location` header. The URL grants access to anyone who has
    /// it, so it must not be logged.
    pub(crate) async fn open(
        &self,
        person: &Person,
        action: Action,
        displayed_tenant: &str,
    ) -> Result<HeaderValue, Refusal> {
        let displayed_tenant_id = displayed_tenant.to_owned();
        let message = CreatePortalSessionRequest { displayed_tenant_id, ..action.request(&self.page) };
        let mut client = BillingPortalClient::new(self.channel.clone());
        let location = match self.request(person, message, OPEN_DEADLINE) {
            Ok(request) => with_deadline(OPEN_DEADLINE, client.create_portal_session(request)).await.and_then(location),
            Err(status) => Err(status),
        };
        location.map_err(|status| log_and_explain("CreatePortalSession", &status))
    }

    /// Returns a request with a deadline and a new token.
    fn request<T>(&self, person: &Person, message: T, deadline: Duration) -> Result<Request<T>, Status> {
        let token = self.issuer.mint(person).map_err(|error| Status::internal(format!("{error:#}")))?;
        let mut authorization = AsciiMetadataValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Status::internal("the token is not a valid header value"))?;
        authorization.set_sensitive(true);
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", authorization);
        request.set_timeout(deadline);
        Ok(request)
    }
}

/// Enforces the deadline on the client side as well, because `grpc-timeout` has no effect on a service that is not
/// reached.
async fn with_deadline<T>(
    deadline: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<Response<T>, Status> {
    tokio::time::timeout(deadline, call)
        .await
        .unwrap_or_else(|_| Err(Status::deadline_exceeded("the service did not respond in time")))
}

fn location(response: Response<CreatePortalSessionResponse>) -> Result<HeaderValue, Status> {
    let mut location = HeaderValue::try_from(response.into_inner().url)
        .map_err(|_| Status::internal("the session URL is not a valid header value"))?;
    location.set_sensitive(true);
    Ok(location)
}

/// Logs a failed call and returns what to show. The ErrorInfo decides, never the status text. A status without the
/// service's ErrorInfo does not come from the service, but from a mesh that has switched the route off, a failed
/// connection, or the client-side deadline.
fn log_and_explain(rpc: &str, status: &Status) -> Refusal {
    let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN);
    let (reason, reference) = match info {
        Some(mut info) => (Some(info.reason), info.metadata.remove("request_id")),
        None => (None, None),
    };
    match &reason {
        Some(reason) => tracing::info!(rpc, reason, request_id = reference, "call refused"),
        None => tracing::warn!(rpc, code = ?status.code(), cause = status.message(), "call failed"),
    }
    let sentence = reason.as_deref().map_or(sentences::UNAVAILABLE, sentences::for_refusal);
    Refusal { sentence, reference }
}
