//! A fault and the requests it applies to.

use std::{fmt, str::FromStr};

use crate::{endpoint::Endpoint, faults::Fault};

/// A fault and the requests it applies to. By default, it applies to all requests.
///
/// The text form, for metadata and command lines, is the name of the fault followed by options in any order:
/// `status-503 on=sessions first=2 should-retry=true`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injection {
    pub(crate) fault: Fault,
    on: Option<Endpoint>,
    pub(crate) first: Option<u32>,
    pub(crate) should_retry: Option<bool>,
}

impl Injection {
    /// Limits the fault to one endpoint. Injected connection faults ignore this.
    #[must_use]
    pub const fn on(mut self, endpoint: Endpoint) -> Self {
        self.on = Some(endpoint);
        self
    }

    /// Limits the fault to the first matching requests. For an invalid certificate, limits it to the first handshakes.
    /// Refused connections ignore this, because they cannot be counted.
    #[must_use]
    pub const fn first(mut self, requests: u32) -> Self {
        self.first = Some(requests);
        self
    }

    /// Adds the header `Stripe-Should-Retry`. Without this, the header is absent.
    #[must_use]
    pub const fn should_retry(mut self, should_retry: bool) -> Self {
        self.should_retry = Some(should_retry);
        self
    }

    /// Returns whether the fault applies to a request for the endpoint, after `seen` matching requests.
    pub(crate) fn applies_to(&self, endpoint: Option<Endpoint>, seen: u32) -> bool {
        self.matches(endpoint) && self.first.is_none_or(|first| seen < first)
    }

    pub(crate) fn matches(&self, endpoint: Option<Endpoint>) -> bool {
        self.on.is_none() || self.on == endpoint
    }
}

impl From<Fault> for Injection {
    fn from(fault: Fault) -> Self {
        Self { fault, on: None, first: None, should_retry: None }
    }
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fault)?;
        if let Some(endpoint) = self.on {
            write!(f, " on={}", endpoint.name())?;
        }
        if let Some(first) = self.first {
            write!(f, " first={first}")?;
        }
        self.should_retry.map_or(Ok(()), |should_retry| write!(f, " should-retry={should_retry}"))
    }
}

impl FromStr for Injection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let mut injection = Self::from(words.next().unwrap_or_default().parse::<Fault>()?);
        for word in words {
            let invalid =
                || format!("invalid fault option '{word}'; expected on=ENDPOINT, first=COUNT or should-retry=BOOL");
            let (name, value) = word.split_once('=').ok_or_else(invalid)?;
            injection = match name {
                "on" => {
                    let endpoint = Endpoint::ALL.into_iter().find(|endpoint| endpoint.name() == value);
                    injection.on(endpoint.ok_or_else(invalid)?)
                }
                "first" => injection.first(value.parse().map_err(|_| invalid())?),
                "should-retry" => injection.should_retry(value.parse().map_err(|_| invalid())?),
                _ => return Err(invalid()),
            };
        }
        Ok(injection)
    }
}
