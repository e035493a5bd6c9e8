//! The two calls to the service. Each has a deadline and is made once: the service retries its calls to Stripe where
//! that is safe, and the person can click again.

use std::time::Duration;

use axum::http::HeaderValue;
use billing_portal::grpc::proto::{
    CreatePortalSessionRequest, GetPortalAccessRequest,
    billing_portal_client::BillingPortalClient,
    create_portal_session_request::{Flow, PaymentMethodUpdate},
    portal_access_client::PortalAccessClient,
};
use oxilangtag::LanguageTag;
use tonic::{Request, Status, metadata::AsciiMetadataValue, transport::Channel};

use crate::{
    refusal::{Refusal, UNAVAILABLE, refusal, sentence},
    token::{Issuer, Person},
};

/// What a button opens.
#[derive(Clone, Copy)]
pub(crate) enum Action {
    Portal,
    UpdatePaymentMethod,
}

/// A client for the service.
pub(crate) struct Billing {
    channel: Channel,
    issuer: Issuer,
    /// The page to return to.
    page: String,
}

impl Billing {
    pub(crate) fn new(channel: Channel, issuer: Issuer, page: String) -> Self {
        Self { channel, issuer, page }
    }

    fn request<T>(&self, person: &Person, message: T, deadline: Duration) -> Result<Request<T>, Status> {
        let token = self.issuer.token(person).map_err(|error| Status::internal(error.to_string()))?;
        let authorization = AsciiMetadataValue::try_from(format!("Bearer {token}"));
        let mut request = Request::new(message);
        let authorization = authorization.map_err(|_| Status::internal("the token is not a valid header value"))?;
        request.metadata_mut().insert("authorization", authorization);
        request.set_timeout(deadline);
        Ok(request)
    }

    /// Returns `None` to show the buttons, otherwise the sentence to show instead. The buttons are shown only if the
    /// service returns `visible`.
    pub(crate) async fn section(&self, person: &Person) -> Option<&'static str> {
        let message = GetPortalAccessRequest { displayed_tenant_id: person.tenant.to_owned() };
        let response = match self.request(person, message, Duration::from_secs(2)) {
            Ok(request) => PortalAccessClient::new(self.channel.clone()).get_portal_access(request).await,
            Err(status) => Err(status),
        };
        match response {
            Ok(response) if response.get_ref().visible => None,
            Ok(response) => Some(sentence(response.get_ref().reason().as_str_name().trim_start_matches("REASON_"))),
            Err(status) => Some(refusal("GetPortalAccess", &status).sentence),
        }
    }

    /// Returns the page to open, and where Stripe sends the person back.
    fn message(&self, action: Action) -> CreatePortalSessionRequest {
        let back = |marker: &str| format!("{}?billing={marker}", self.page);
        match action {
            Action::Portal => CreatePortalSessionRequest { return_url: back("returned"), ..Default::default() },
            Action::UpdatePaymentMethod => CreatePortalSessionRequest {
                flow: Some(Flow::PaymentMethodUpdate(PaymentMethodUpdate {})),
                return_url: back("payment-method-not-updated"),
                completed_url: Some(back("payment-method-updated")),
                ..Default::default()
            },
        }
    }

    /// Creates a portal session and returns its URL. The URL grants access to anyone who has it: use it only for the
    /// redirect.
    pub(crate) async fn open(
        &self,
        person: &Person,
        action: Action,
        displayed_tenant: &str,
        locale: &str,
    ) -> Result<HeaderValue, Refusal> {
        let refused = |status: Status| refusal("CreatePortalSession", &status);
        let mut message = self.message(action);
        message.displayed_tenant_id = displayed_tenant.to_owned();
        message.locale = locale.to_owned();
        let request = self.request(person, message, Duration::from_secs(12)).map_err(refused)?;
        let response = BillingPortalClient::new(self.channel.clone()).create_portal_session(request).await;
        let url = response.map_err(refused)?.into_inner().url;
        HeaderValue::try_from(url).map_err(|_| Refusal { sentence: UNAVAILABLE, request_id: None })
    }
}

/// Returns the language tag that the browser prefers (RFC 9110, section 12.5.4). It is empty if there is none: the
/// service refuses a malformed tag, and a header must not keep a person out. A product that knows the person's language
/// uses that instead.
pub(crate) fn preferred_language(accept_language: &str) -> &str {
    let tags = accept_language.split(',').filter_map(|range| {
        let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
        let tag = tag.trim();
        (weight > 0.0 && LanguageTag::parse(tag).is_ok()).then_some((tag, weight))
    });
    // Reversed, because of several equal weights `max_by` returns the last.
    tags.rev().max_by(|(_, one), (_, other)| one.total_cmp(other)).map_or("", |(tag, _)| tag)
}
