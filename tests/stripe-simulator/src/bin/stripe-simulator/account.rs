//! The contents of the account, from the command line.

use std::{collections::BTreeMap, io, str::FromStr};

use serde::Deserialize;
use stripe_simulator::{CheckoutSession, Customer, Injection, Mode, Simulator, Subscription};

use crate::arguments::Arguments;

/// A customer in JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomerJson {
    id: String,
    #[serde(default)]
    mode: ModeJson,
    name: Option<String>,
    email: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    deleted: bool,
    fault: Option<String>,
    #[serde(default)]
    subscriptions: Vec<SubscriptionJson>,
    #[serde(default)]
    checkout_sessions: Vec<CheckoutSessionJson>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModeJson {
    #[default]
    Test,
    Live,
}

impl From<ModeJson> for Mode {
    fn from(mode: ModeJson) -> Self {
        match mode {
            ModeJson::Test => Self::Test,
            ModeJson::Live => Self::Live,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscriptionJson {
    id: String,
    #[serde(default)]
    items: Vec<ItemJson>,
    status: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckoutSessionJson {
    id: String,
    client_reference_id: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemJson {
    id: String,
    price: String,
    quantity: u32,
}

impl FromStr for CustomerJson {
    type Err = String;

    /// Validates faults, so that an invalid fault prevents startup instead of failing the first request.
    fn from_str(json: &str) -> Result<Self, String> {
        let customer: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let in_metadata = customer.metadata.get("simulator_fault");
        for fault in customer.fault.iter().chain(in_metadata) {
            fault.parse::<Injection>()?;
        }
        Ok(customer)
    }
}

impl CustomerJson {
    fn add(self, stripe: &Simulator) -> Result<(), String> {
        let mode = self.mode.into();
        let mut customer = Customer::new(&self.id).mode(mode).deleted(self.deleted);
        if let Some(name) = &self.name {
            customer = customer.name(name);
        }
        if let Some(email) = &self.email {
            customer = customer.email(email);
        }
        for (key, value) in &self.metadata {
            customer = customer.metadata(key, value);
        }
        if let Some(fault) = &self.fault {
            customer = customer.fault(fault.parse::<Injection>()?);
        }
        stripe.add_customer(customer);
        for SubscriptionJson { id, items, status, metadata } in self.subscriptions {
            let mut subscription = Subscription::new(&id, &self.id).mode(mode);
            if let Some(status) = &status {
                subscription = subscription.status(status);
            }
            for (key, value) in &metadata {
                subscription = subscription.metadata(key, value);
            }
            for ItemJson { id, price, quantity } in items {
                subscription = subscription.item(&id, &price, quantity);
            }
            stripe.add_subscription(subscription);
        }
        for CheckoutSessionJson { id, client_reference_id, metadata } in self.checkout_sessions {
            let mut session = CheckoutSession::new(&id, &self.id).mode(mode);
            if let Some(reference) = &client_reference_id {
                session = session.client_reference_id(reference);
            }
            for (key, value) in &metadata {
                session = session.metadata(key, value);
            }
            stripe.add_checkout_session(session);
        }
        Ok(())
    }
}

/// Adds the customers, configurations and faults in the arguments.
///
/// # Errors
/// Fails if a file cannot be read, or if a line is not a valid customer.
pub(crate) fn fill(stripe: &Simulator, arguments: &Arguments) -> io::Result<()> {
    arguments.configuration.iter().for_each(|json| stripe.add_configuration(json.to_configuration()));
    for number in 1..=arguments.tenants {
        stripe.add_customer(
            Customer::new(&format!("cus_T{number:06}")).metadata("tenant_id", &format!("tenant-{number}")),
        );
    }
    for path in &arguments.customers {
        let invalid =
            |problem: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {problem}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| invalid(error.to_string()))?;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let added = line.parse::<CustomerJson>().and_then(|customer| customer.add(stripe));
            added.map_err(|error| invalid(format!("line {}: {error}", index + 1)))?;
        }
    }
    for customer in &arguments.customer {
        customer.clone().add(stripe).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    }
    arguments.fault.iter().for_each(|fault| stripe.inject(*fault));
    Ok(())
}
