//! A fault with its limits.

use std::{fmt, str::FromStr};

use crate::{endpoint::Endpoint, faults::Fault};

/// A fault, and which requests it befalls: all, unless told otherwise.
///
/// As text, for metadata and command lines: the fault's name, and after it, in any order, the limits:
/// `status-503 on=sessions first=2 should-retry=true`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injection {
    pub(crate) fault: Fault,
    on: Option<Endpoint>,
    pub(crate) first: Option<u32>,
    pub(crate) should_retry: Option<bool>,
}

impl Injection {
    /// Limits it to one endpoint. A fault of whole connections knows no endpoint.
    #[must_use]
    pub const fn on(mut self, endpoint: Endpoint) -> Self {
        self.on = Some(endpoint);
        self
    }

    /// Limits it to the first requests that it could befall; of a bad certificate, to the first handshakes. Refused
    /// connections can't be counted.
    #[must_use]
    pub const fn first(mut self, requests: u32) -> Self {
        self.first = Some(requests);
        self
    }

    /// Adds the header `Stripe-Should-Retry`, which is absent otherwise.
    #[must_use]
    pub const fn should_retry(mut self, should_retry: bool) -> Self {
        self.should_retry = Some(should_retry);
        self
    }

    /// Whether it befalls one more request to an endpoint, after so many others.
    pub(crate) fn befalls(&self, endpoint: Option<Endpoint>, before: u32) -> bool {
        self.is_on(endpoint) && self.first.is_none_or(|first| before < first)
    }

    pub(crate) fn is_on(&self, endpoint: Option<Endpoint>) -> bool {
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
            let wrong = || format!("'{word}' is none of on=ENDPOINT, first=COUNT, should-retry=true or false");
            let (name, value) = word.split_once('=').ok_or_else(wrong)?;
            injection = match name {
                "on" => {
                    let endpoint = Endpoint::ALL.into_iter().find(|endpoint| endpoint.name() == value);
                    injection.on(endpoint.ok_or_else(wrong)?)
                }
                "first" => injection.first(value.parse().map_err(|_| wrong())?),
                "should-retry" => injection.should_retry(value.parse().map_err(|_| wrong())?),
                _ => return Err(wrong()),
            };
        }
        Ok(injection)
    }
}
