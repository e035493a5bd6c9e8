//! The two calls to the service, and the sentences that the page shows for their outcome. Each call has a deadline and
//! is made once: the service retries its calls to Stripe where that is safe, and the person can click again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::http::HeaderValue;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use billing_portal::grpc::proto::{
    CreatePortalSessionRequest, GetPortalAccessRequest, billing_portal_client::BillingPortalClient,
    portal_access_client::PortalAccessClient,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tonic::{
    Request, Status,
    metadata::AsciiMetadataValue,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

const UNAVAILABLE: &str = "Billing is unavailable right now. Please try again in a few minutes.";

/// The signed-in person. In a product, these values come from the session.
pub(crate) struct Person {
    pub(crate) id: &'static str,
    pub(crate) tenant: &'static str,
    pub(crate) role: &'static str,
}

/// The reason why the portal was not opened, as shown to the person.
pub(crate) struct Refusal {
    pub(crate) sentence: &'static str,
    /// The reference that the person quotes to support; `None` if the status does not come from the service.
    pub(crate) request_id: Option<String>,
}

/// A client for the service, with the key that signs principal tokens. Your login service already has such a key; this
/// example generates one at startup.
pub(crate) struct Billing {
    channel: Channel,
    return_url: String,
    key: EncodingKey,
    public_key: Vec<u8>,
}

impl Billing {
    pub(crate) fn new(service: &str, return_url: String) -> Result<Self> {
        let pair = Ed25519KeyPair::generate().context("cannot generate a key pair")?;
        let key = EncodingKey::from_ed_der(pair.to_pkcs8().context("cannot encode the private key")?.as_ref());
        let channel = Endpoint::from_shared(format!("http://{service}"))?.connect_lazy();
        Ok(Self { channel, return_url, key, public_key: pair.public_key().as_ref().to_vec() })
    }

    /// Returns the key set for `--principal-jwks`. Publish a new key at least one refresh interval before you sign with
    /// it.
    pub(crate) fn key_set(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(&self.public_key);
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "bff-1", "x": x}]})
    }

    /// Returns a token for one call. It is valid for one minute; the service allows up to five.
    fn token(&self, person: &Person) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("principal+jwt".to_owned());
        header.kid = Some("bff-1".to_owned());
        let claims = json!({
            "iss": "https://login.test", "aud": "billing-portal", "iat": now, "exp": now + 60,
            "sub": person.id, "tenant": person.tenant, "role": person.role,
        });
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }

    fn request<T>(&self, person: &Person, message: T, deadline: Duration) -> Result<Request<T>, Status> {
        let token = self.token(person).map_err(|error| Status::internal(error.to_string()))?;
        let authorization = AsciiMetadataValue::try_from(format!("Bearer {token}"));
        let mut request = Request::new(message);
        let authorization = authorization.map_err(|_| Status::internal("the token is not a valid header value"))?;
        request.metadata_mut().insert("authorization", authorization);
        request.set_timeout(deadline);
        Ok(request)
    }

    /// Returns `None` to show the button, otherwise the sentence to show instead. The button is shown only if the
    /// service returns `visible`.
    pub(crate) async fn section(&self, person: &Person) -> Option<&'static str> {
        let deadline = Duration::from_secs(2);
        let message = GetPortalAccessRequest { displayed_tenant_id: person.tenant.to_owned() };
        let response = match self.request(person, message, deadline) {
            Ok(request) => PortalAccessClient::new(self.channel.clone()).get_portal_access(request).await,
            Err(status) => Err(status),
        };
        match response.map(|response| (response.get_ref().visible, response.get_ref().reason())) {
            Ok((true, _)) => None,
            Ok((false, reason)) => Some(sentence(reason.as_str_name().trim_start_matches("REASON_"))),
            Err(_) => Some(UNAVAILABLE),
        }
    }

    /// Creates a portal session and returns its URL. The URL grants access to anyone who has it: use it only for the
    /// redirect.
    pub(crate) async fn open(&self, person: &Person, displayed_tenant: &str) -> Result<HeaderValue, Refusal> {
        let message = CreatePortalSessionRequest {
            return_url: self.return_url.clone(),
            displayed_tenant_id: displayed_tenant.to_owned(),
            ..CreatePortalSessionRequest::default()
        };
        let request = self.request(person, message, Duration::from_secs(12)).map_err(|status| refused(&status))?;
        let response = BillingPortalClient::new(self.channel.clone()).create_portal_session(request).await;
        let url = response.map_err(|status| refused(&status))?.into_inner().url;
        HeaderValue::try_from(url).map_err(|_| Refusal { sentence: UNAVAILABLE, request_id: None })
    }
}

/// Returns what to show for a failed call. The ErrorInfo decides, never the status text. A status without the service's
/// ErrorInfo does not come from the service.
fn refused(status: &Status) -> Refusal {
    let info = status.get_details_error_info().filter(|info| info.domain == "billing.portal.v1");
    let Some(mut info) = info else { return Refusal { sentence: UNAVAILABLE, request_id: None } };
    Refusal { sentence: sentence(&info.reason), request_id: info.metadata.remove("request_id") }
}

/// Returns the sentence for a reason, in place of the button and after a click.
fn sentence(reason: &str) -> &'static str {
    match reason {
        "NOT_OWNER" => "Only owners of this workspace can manage billing. Please ask an owner.",
        "FEATURE_DISABLED" => {
            "Billing is not available for this workspace right now. Please contact support if you need it."
        }
        "NO_BILLING_ACCOUNT" => {
            "Your workspace does not have a billing account yet. Please contact support to set one up."
        }
        "TENANT_MISMATCH" => "You are now in a different workspace, so billing was not opened. Please try again.",
        "RATE_LIMITED" => "You have opened billing many times in a short time. Please wait a minute and try again.",
        "STRIPE_RATE_LIMITED" | "STRIPE_CONFLICT" | "OVERLOADED" => {
            "Billing is busy right now. Please try again in a moment."
        }
        "TENANT_PROOF_MISSING" | "BILLING_ACCOUNT_MISSING_AT_STRIPE" | "MAPPING_INTEGRITY" => {
            "We could not verify your workspace's billing account. Please contact support."
        }
        // The person cannot do anything about the other reasons, so the page reports an outage.
        _ => UNAVAILABLE,
    }
}
