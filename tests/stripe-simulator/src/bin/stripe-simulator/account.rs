//! What the account holds, as the command line tells it.

use std::{collections::BTreeMap, io, str::FromStr};

use serde::Deserialize;
use stripe_simulator::{Customer, Injection, Mode, Simulator, Subscription};

use crate::arguments::Arguments;

/// A customer as it is written in JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    id: String,
    #[serde(default)]
    mode: ListedMode,
    name: Option<String>,
    email: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    deleted: bool,
    fault: Option<String>,
    #[serde(default)]
    subscriptions: Vec<ListedSubscription>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListedMode {
    #[default]
    Test,
    Live,
}

impl From<ListedMode> for Mode {
    fn from(listed: ListedMode) -> Self {
        match listed {
            ListedMode::Test => Self::Test,
            ListedMode::Live => Self::Live,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedSubscription {
    id: String,
    items: Vec<ListedItem>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedItem {
    id: String,
    price: String,
    quantity: u32,
}

impl FromStr for Listed {
    type Err = String;

    /// A fault that there is not stops the start, rather than the first request.
    fn from_str(json: &str) -> Result<Self, String> {
        let listed: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let in_metadata = listed.metadata.get("simulator_fault");
        for fault in listed.fault.iter().chain(in_metadata) {
            fault.parse::<Injection>()?;
        }
        Ok(listed)
    }
}

impl Listed {
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
        for listed in self.subscriptions {
            let mut subscription = Subscription::new(&listed.id, &self.id).mode(mode);
            for ListedItem { id, price, quantity } in listed.items {
                subscription = subscription.item(&id, &price, quantity);
            }
            stripe.add_subscription(subscription);
        }
        Ok(())
    }
}

/// Adds all that the arguments name.
///
/// # Errors
/// When a file can't be read, or a line is no customer.
pub(crate) fn fill(stripe: &Simulator, arguments: &Arguments) -> io::Result<()> {
    arguments.configuration.iter().for_each(|listed| stripe.add_configuration(listed.configuration()));
    for at in 1..=arguments.tenants {
        stripe.add_customer(Customer::new(&format!("cus_T{at:06}")).metadata("tenant_id", &format!("tenant-{at}")));
    }
    for path in &arguments.customers {
        let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let listed = line.parse::<Listed>().and_then(|listed| listed.add(stripe));
            listed.map_err(|error| wrong(format!("line {}: {error}", at + 1)))?;
        }
    }
    for listed in &arguments.customer {
        listed.clone().add(stripe).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    }
    arguments.fault.iter().for_each(|fault| stripe.inject(*fault));
    Ok(())
}
