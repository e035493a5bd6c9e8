//! The two calls to the service, and what a person is told. Each call has a deadline and is made once: the service retries
//! where that is safe, and a person can click again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::http::HeaderValue;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use billing_portal::grpc::proto::{
    CreatePortalSessionRequest, GetPortalAccessRequest, Reason, billing_portal_client::BillingPortalClient,
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

const UNAVAILABLE: &str = "Billing is unavailable right now.";

/// Who is signed in, as the login knows them.
pub(crate) struct Person {
    pub(crate) id: &'static str,
    pub(crate) tenant: &'static str,
    pub(crate) role: &'static str,
}

/// Why the portal was not opened.
pub(crate) struct Refused {
    pub(crate) sentence: &'static str,
    /// What the person quotes to support; none where the service was not reached.
    pub(crate) request_id: Option<String>,
}

/// The client, and the key that signs principal tokens. Your login has a key already; this one is made at the start.
pub(crate) struct Billing {
    channel: Channel,
    return_url: String,
    key: EncodingKey,
    public_key: Vec<u8>,
}

impl Billing {
    pub(crate) fn new(service: &str, return_url: String) -> Result<Self> {
        let pair = Ed25519KeyPair::generate().context("no key can be made")?;
        let key = EncodingKey::from_ed_der(pair.to_pkcs8().context("no key can be made")?.as_ref());
        let channel = Endpoint::from_shared(format!("http://{service}"))?.connect_lazy();
        Ok(Self { channel, return_url, key, public_key: pair.public_key().as_ref().to_vec() })
    }

    /// What `--principal-jwks` reads. Publish a new key one refresh before it signs.
    pub(crate) fn key_set(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(&self.public_key);
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "bff-1", "x": x}]})
    }

    /// One token a call; it lives for a minute, and five are allowed.
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
        let authorization = authorization.map_err(|_| Status::internal("the token makes no header"))?;
        request.metadata_mut().insert("authorization", authorization);
        request.set_timeout(deadline);
        Ok(request)
    }

    /// Whether to show the action: only a clear yes does, and everything else is a sentence in its place.
    pub(crate) async fn section(&self, person: &Person) -> Option<&'static str> {
        let deadline = Duration::from_secs(2);
        let message = GetPortalAccessRequest { displayed_tenant_id: person.tenant.to_owned() };
        let answer = match self.request(person, message, deadline) {
            Ok(request) => PortalAccessClient::new(self.channel.clone()).get_portal_access(request).await,
            Err(status) => Err(status),
        };
        match answer.map(|answer| (answer.get_ref().visible, answer.get_ref().reason())) {
            Ok((true, _)) => None,
            Ok((_, Reason::NotOwner)) => Some("Only owners of this workspace can manage billing."),
            Ok((_, Reason::FeatureDisabled)) => Some("Billing is not available for this workspace yet."),
            Ok((_, Reason::NoBillingAccount)) => Some("This workspace has no billing account yet."),
            Ok((false, Reason::Allowed | Reason::Unspecified)) | Err(_) => Some(UNAVAILABLE),
        }
    }

    /// Opens the portal. The URL lets anyone in who holds it: it goes into the redirect, and nowhere else.
    pub(crate) async fn open(&self, person: &Person, displayed_tenant: &str) -> Result<HeaderValue, Refused> {
        let message = CreatePortalSessionRequest {
            return_url: self.return_url.clone(),
            displayed_tenant_id: displayed_tenant.to_owned(),
            ..CreatePortalSessionRequest::default()
        };
        let request = self.request(person, message, Duration::from_secs(12)).map_err(|status| refused(&status))?;
        let answer = BillingPortalClient::new(self.channel.clone()).create_portal_session(request).await;
        let url = answer.map_err(|status| refused(&status))?.into_inner().url;
        HeaderValue::try_from(url).map_err(|_| Refused { sentence: UNAVAILABLE, request_id: None })
    }
}

/// Reads a status by its ErrorInfo, never by its text. One without ours was not made by the service.
fn refused(status: &Status) -> Refused {
    let info = status.get_details_error_info().filter(|info| info.domain == "billing.portal.v1");
    let Some(mut info) = info else { return Refused { sentence: UNAVAILABLE, request_id: None } };
    let sentence = match info.reason.as_str() {
        "NOT_OWNER" => "Only owners of this workspace can manage billing.",
        "FEATURE_DISABLED" => "Billing has just been switched off for this workspace.",
        "NO_BILLING_ACCOUNT" => "This workspace has no billing account yet. Please contact support to set one up.",
        "TENANT_MISMATCH" => "This page shows another workspace than the one you are signed in to. Please reload it.",
        "RATE_LIMITED" => "You have opened billing many times in a short while. Please wait a minute.",
        "STRIPE_RATE_LIMITED" | "STRIPE_CONFLICT" | "OVERLOADED" => {
            "Billing is busy right now. Please try again in a moment."
        }
        "TENANT_PROOF_MISSING" | "BILLING_ACCOUNT_MISSING_AT_STRIPE" | "MAPPING_INTEGRITY" => {
            "We could not confirm this workspace's billing account. Please contact support."
        }
        // Ours to mend, and for the person an outage.
        _ => UNAVAILABLE,
    };
    Refused { sentence, request_id: info.metadata.remove("request_id") }
}
