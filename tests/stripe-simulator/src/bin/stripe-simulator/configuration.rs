//! Portal configurations from the command line.

use std::str::FromStr;

use serde::Deserialize;
use stripe_simulator::{Configuration, Feature};

use crate::account::ModeJson;

/// A portal configuration in JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigurationJson {
    id: String,
    #[serde(default)]
    mode: ModeJson,
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
    without: Vec<FeatureJson>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FeatureJson {
    CustomerUpdate,
    InvoiceHistory,
    PaymentMethodUpdate,
    SubscriptionCancel,
    SubscriptionUpdate,
}

impl From<FeatureJson> for Feature {
    fn from(feature: FeatureJson) -> Self {
        match feature {
            FeatureJson::CustomerUpdate => Self::CustomerUpdate,
            FeatureJson::InvoiceHistory => Self::InvoiceHistory,
            FeatureJson::PaymentMethodUpdate => Self::PaymentMethodUpdate,
            FeatureJson::SubscriptionCancel => Self::SubscriptionCancel,
            FeatureJson::SubscriptionUpdate => Self::SubscriptionUpdate,
        }
    }
}

impl FromStr for ConfigurationJson {
    type Err = serde_json::Error;

    fn from_str(json: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(json)
    }
}

impl ConfigurationJson {
    pub(crate) fn to_configuration(&self) -> Configuration {
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
