//! The checks of Stripe's two responses, from the bytes of the body.

use std::hint::black_box;

use async_trait::async_trait;
use billing_portal::{
    adapters::stripe::{
        Mode, SessionHosts, SessionSettings, checked_session, parse_customer, parse_session, recorded_tenant,
    },
    portal::{CallAudit, CheckedSession, CustomerId, Flow, PortalRequest, PortalSessions, RecordedTenant, Refusal},
};
use tokio::time::Instant;

use super::{Call, return_url};

/// The example in Stripe's reference, with the metadata of a tenant.
const CUSTOMER: &[u8] = br#"{
  "id": "cus_NffrFeUfNV2Hib",
  "object": "customer",
  "address": null,
  "balance": 0,
  "created": 1680893993,
  "currency": null,
  "default_source": null,
  "delinquent": false,
  "description": null,
  "email": "jennyrosen@example.com",
  "invoice_prefix": "0759376C",
  "invoice_settings": {
    "custom_fields": null,
    "default_payment_method": null,
    "footer": null,
    "rendering_options": null
  },
  "livemode": true,
  "metadata": {
    "tenant_id": "acme-4711"
  },
  "name": "Jenny Rosen",
  "next_invoice_sequence": 1,
  "phone": null,
  "preferred_locales": [],
  "shipping": null,
  "tax_exempt": "none",
  "test_clock": null
}
"#;

/// The example in Stripe's reference, with the URLs of this service.
const SESSION: &[u8] = br#"{
  "id": "bps_1MrSjzLkdIwHu7ixex0IvU9b",
  "object": "billing_portal.session",
  "configuration": "bpc_1MAhNDLkdIwHu7ixckACO1Jq",
  "created": 1680210639,
  "customer": "cus_NffrFeUfNV2Hib",
  "flow": null,
  "livemode": true,
  "locale": null,
  "on_behalf_of": null,
  "return_url": "https://app.example.com/settings/billing?tab=plan&from=portal",
  "url": "https://billing.stripe.com/p/session/live_YWNjdF8xTTJKVGtMa2RJd0h1N2l4LF9OY2hUbGdPTzdHSVF2aE1JUDhIMWlSRFp5RVA0cFhy"
}
"#;

pub(super) fn prepare_customer() -> Call {
    let (customer, settings) = (customer(), settings());
    Box::new(move || {
        let object = parse_customer(black_box(CUSTOMER)).expect("an object");
        black_box(recorded_tenant(&object, &customer, &settings).expect("the customer"));
    })
}

pub(super) fn prepare_session() -> Call {
    let (customer, settings, return_url) = (customer(), settings(), return_url::parsed());
    let request = PortalRequest { completed_url: return_url.clone(), return_url, locale: None, flow: Flow::Home };
    Box::new(move || {
        let object = parse_session(black_box(SESSION)).expect("an object");
        black_box(checked_session(&object, &customer, &request, &settings).expect("the session"));
    })
}

fn customer() -> CustomerId {
    CustomerId::parse("cus_NffrFeUfNV2Hib").expect("a customer")
}

fn settings() -> SessionSettings {
    SessionSettings {
        mode: Mode::Live,
        configuration: Some("bpc_1MAhNDLkdIwHu7ixckACO1Jq".to_owned()),
        tenant_metadata_key: "tenant_id".to_owned(),
        session_hosts: SessionHosts::new(vec!["billing.stripe.com".to_owned()]),
    }
}

/// Stripe, which a decision does not call.
pub(super) struct NoStripe;

#[async_trait]
impl PortalSessions for NoStripe {
    async fn open(
        &self,
        _: &CustomerId,
        _: &PortalRequest,
        _: Instant,
        _: &CallAudit,
    ) -> (Result<RecordedTenant, Refusal>, Result<CheckedSession, Refusal>) {
        unreachable!("a decision calls Stripe")
    }
}
