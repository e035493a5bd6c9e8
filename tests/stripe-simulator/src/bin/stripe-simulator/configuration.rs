//! Portal configurations, as the command line tells them.

use std::str::FromStr;

use serde::Deserialize;
use stripe_simulator::{Configuration, Feature};

use crate::account::ListedMode;

/// A portal configuration as it is written in JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListedConfiguration {
    id: String,
    #[serde(default)]
    mode: ListedMode,
    #[serde(default)]
    default: bool,
    active: Option<bool>,
    name: Option<String>,
    #[serde(default)]
    prices: Vec<String>,
    allowed_updates: Option<Vec<String>>,
    #[serde(default)]
    login_page: bool,
    #[serde(default)]
    without: Vec<ListedFeature>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ListedFeature {
    CustomerUpdate,
    InvoiceHistory,
    PaymentMethodUpdate,
    SubscriptionCancel,
    SubscriptionUpdate,
}

impl From<ListedFeature> for Feature {
    fn from(listed: ListedFeature) -> Self {
        match listed {
            ListedFeature::CustomerUpdate => Self::CustomerUpdate,
            ListedFeature::InvoiceHistory => Self::InvoiceHistory,
            ListedFeature::PaymentMethodUpdate => Self::PaymentMethodUpdate,
            ListedFeature::SubscriptionCancel => Self::SubscriptionCancel,
            ListedFeature::SubscriptionUpdate => Self::SubscriptionUpdate,
        }
    }
}

impl FromStr for ListedConfiguration {
    type Err = serde_json::Error;

    fn from_str(json: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(json)
    }
}

impl ListedConfiguration {
    pub(crate) fn configuration(&self) -> Configuration {
        let mut configuration = Configuration::new(&self.id)
            .mode(self.mode.into())
            .default_of_mode(self.default)
            .active(self.active.unwrap_or(true))
            .login_page(self.login_page);
        if let Some(name) = &self.name {
            configuration = configuration.name(name);
        }
        if let Some(updates) = &self.allowed_updates {
            configuration = configuration.allowed_updates(&updates.iter().map(String::as_str).collect::<Vec<_>>());
        }
        for price in &self.prices {
            configuration = configuration.price(price);
        }
        self.without.iter().fold(configuration, |configuration, feature| configuration.without((*feature).into()))
    }
}
