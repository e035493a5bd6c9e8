//! The requests. This is the only code of the project that writes to customers.
//!
//! API: <https://docs.stripe.com/api/customers/update>, <https://docs.stripe.com/api/subscriptions/list>,
//! <https://docs.stripe.com/api/checkout/sessions/list>.

use std::{collections::HashMap, time::Duration};

use billing_portal::{
    adapters::stripe::{Mode, StripeObjects, check_customer, is_too_large},
    config::StripeAccount,
    portal::{CustomerId, Reason, Refusal, TenantId},
};
use serde_json::{Map, Value};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest as _};
use stripe_core::customer::{RetrieveCustomer, UpdateCustomer};

use crate::evidence::Source;

type Object = Map<String, Value>;

/// The time limit of one request with its attempts.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The objects of a page. Its response may have 64 KiB, as every response.
const PAGE: usize = 10;

/// The maximum number of pages of one customer.
const MAX_PAGES: usize = 1_000;

/// The account at Stripe.
#[derive(Debug)]
pub(crate) struct Stripe {
    objects: StripeObjects,
    mode: Mode,
    metadata_key: String,
}

impl Stripe {
    pub(crate) fn new(objects: StripeObjects, account: &StripeAccount) -> Self {
        Self { objects, mode: account.mode, metadata_key: account.tenant_metadata_key.clone() }
    }

    /// Reads the tenant that a customer names. Anything that is neither a text nor absent is a refusal, so that it is never
    /// replaced.
    pub(crate) async fn recorded_tenant(&self, customer: &CustomerId) -> Result<Option<String>, Refusal> {
        let request = RetrieveCustomer::new(customer.as_str()).build();
        let object = self.objects.send(&request, "GET /v1/customers/{id}", TIME_LIMIT).await?;
        self.tenant_in(&object, customer)
    }

    /// Writes the tenant to the customer, and returns the tenant in the response.
    pub(crate) async fn record_tenant(
        &self,
        customer: &CustomerId,
        tenant: &TenantId,
    ) -> Result<Option<String>, Refusal> {
        let metadata = HashMap::from([(self.metadata_key.clone(), tenant.as_str().to_owned())]);
        let request = UpdateCustomer::new(customer.as_str()).metadata(metadata).build();
        let object = self.objects.send(&request, "POST /v1/customers/{id}", TIME_LIMIT).await?;
        self.tenant_in(&object, customer)
    }

    fn tenant_in(&self, object: &Object, customer: &CustomerId) -> Result<Option<String>, Refusal> {
        check_customer(object, customer, self.mode)?;
        let metadata = object.get("metadata").and_then(Value::as_object).ok_or_else(|| invalid("metadata"))?;
        match metadata.get(&self.metadata_key) {
            None => Ok(None),
            Some(Value::String(tenant)) => Ok(Some(tenant.clone()).filter(|tenant| !tenant.is_empty())),
            Some(_) => Err(invalid("an entry of metadata")),
        }
    }

    /// Reads every object of a customer in a list, page by page, until `visit` breaks.
    pub(crate) async fn visit_all(
        &self,
        source: Source,
        customer: &CustomerId,
        mut visit: impl FnMut(&str, &Object) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut limit = PAGE;
        let mut last: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let (request, name) = list(source, customer, limit, last.as_deref());
            let page = match self.objects.send(&request, name, TIME_LIMIT).await {
                Err(refusal) if limit > 1 && is_too_large(&refusal) => {
                    limit = 1;
                    continue;
                }
                page => page?,
            };
            let objects = page.get("data").and_then(Value::as_array).ok_or_else(|| invalid("data"))?;
            for object in objects {
                let (id, object) = self.listed(object, customer)?;
                visit(id, object)?;
                last = Some(id.to_owned());
            }
            match page.get("has_more") {
                Some(Value::Bool(false)) => return Ok(()),
                Some(Value::Bool(true)) if !objects.is_empty() => {}
                _ => return Err(invalid("has_more")),
            }
        }
        Err(Refusal::because(Reason::StripeProtocol, format!("customer has more than {MAX_PAGES} pages of objects")))
    }

    /// Checks that an object in a list belongs to the customer and the mode.
    fn listed<'a>(&self, object: &'a Value, customer: &CustomerId) -> Result<(&'a str, &'a Object), Refusal> {
        let object = object.as_object().ok_or_else(|| invalid("data"))?;
        let id = object.get("id").and_then(Value::as_str).ok_or_else(|| invalid("id"))?;
        let is_requested = object.get("customer").and_then(Value::as_str) == Some(customer.as_str())
            && object.get("livemode").and_then(Value::as_bool) == Some(self.mode == Mode::Live);
        if is_requested {
            return Ok((id, object));
        }
        let cause = "an object in a list of Stripe does not belong to the customer and the mode of the request";
        Err(Refusal::because(Reason::StripeResponseRejected, cause))
    }
}

/// Returns the request for a page, and its name.
fn list(source: Source, customer: &CustomerId, limit: usize, last: Option<&str>) -> (RequestBuilder, &'static str) {
    let (path, name, status) = match source {
        // Without a status, canceled subscriptions are not listed.
        Source::Subscriptions => ("/subscriptions", "GET /v1/subscriptions", Some("all")),
        Source::CheckoutSessions => ("/checkout/sessions", "GET /v1/checkout/sessions", None),
    };
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("customer", customer.as_str()).append_pair("limit", &limit.to_string());
    query.extend_pairs(status.map(|status| ("status", status)));
    query.extend_pairs(last.map(|last| ("starting_after", last)));
    let mut request = RequestBuilder::new(StripeMethod::Get, path);
    request.query = Some(query.finish());
    (request, name)
}

fn invalid(member: &str) -> Refusal {
    Refusal::because(Reason::StripeProtocol, format!("{member} in the Stripe response is missing or has another type"))
}
