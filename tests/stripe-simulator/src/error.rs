//! Errors in the format and wording of Stripe: <https://docs.stripe.com/api/errors>.

use serde_json::{Map, Value, json};

use crate::{model::Mode, wire::Answer};

/// An error of Stripe.
#[derive(Debug)]
pub(crate) struct Error {
    pub(crate) status: u16,
    kind: &'static str,
    message: String,
    code: Option<&'static str>,
    param: Option<String>,
    /// Whether the endpoint had started to execute the request. Only then is the response kept for the idempotency key.
    pub(crate) executed: bool,
}

impl Error {
    /// An invalid request.
    pub(crate) fn invalid(status: u16, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, kind: "invalid_request_error", message, code: None, param: None, executed: false }
    }

    /// A failure of Stripe.
    pub(crate) fn api(status: u16) -> Self {
        let message = "Sorry! There was an error while talking to one of our backends. Support has been notified.";
        Self { kind: "api_error", ..Self::invalid(status, message) }
    }

    /// A declined card.
    pub(crate) fn card(message: &str) -> Self {
        Self { kind: "card_error", ..Self::invalid(402, message) }
    }

    /// An error in the use of an idempotency key.
    pub(crate) fn idempotency(status: u16, message: impl Into<String>) -> Self {
        Self { kind: "idempotency_error", ..Self::invalid(status, message) }
    }

    /// An idempotency key whose first request is in progress.
    pub(crate) fn key_in_use(key: &str) -> Self {
        Self::idempotency(409, format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): {key}. Please try again later."
        )).code("idempotency_key_in_use")
    }

    /// An unknown path, or a path that does not support the method.
    pub(crate) fn unrecognized(method: &str, path: &str) -> Self {
        let hint = if path.ends_with('/') {
            " If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in your code."
        } else {
            ""
        };
        Self::invalid(
            404,
            format!(
                "Unrecognized request URL ({method}: {path}).{hint} Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
            ),
        )
    }

    pub(crate) fn no_configuration(mode: Mode) -> Self {
        let (name, path) = (mode.as_str(), mode.dashboard_path());
        Self::invalid(400, format!(
            "No configuration provided and your {name} mode default configuration has not been created. Provide a configuration or create your default by saving your customer portal settings in {name} mode at https://dashboard.stripe.com/{path}settings/billing/portal."
        ))
        .while_executing()
    }

    pub(crate) fn configuration_inactive() -> Self {
        let message = "The configuration is inactive. Provide an active configuration.";
        Self::invalid(400, message).param("configuration").while_executing()
    }

    pub(crate) fn parameter_unknown(name: &str) -> Self {
        Self::invalid(400, format!("Received unknown parameter: {name}")).code("parameter_unknown").param(name)
    }

    pub(crate) fn parameter_missing(name: &str) -> Self {
        Self::invalid(400, format!("Missing required param: {name}.")).code("parameter_missing").param(name)
    }

    pub(crate) fn parameter_empty(name: &str) -> Self {
        let message = format!(
            "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value."
        );
        Self::invalid(400, message).code("parameter_invalid_empty").param(name)
    }

    /// A parameter of the wrong type, such as a string instead of an array.
    pub(crate) fn not_a(kind: &str, param: &str) -> Self {
        Self::invalid(400, format!("Invalid {kind}")).param(param)
    }

    pub(crate) fn one_of(param: &str, allowed: &[&str]) -> Self {
        Self::invalid(400, format!("Invalid {param}: must be one of {}", allowed.join(", "))).param(param)
    }

    /// An object that does not exist, or exists only in the other mode.
    pub(crate) fn missing(status: u16, kind: &str, id: &str, param: &str, other_mode: Option<Mode>) -> Self {
        let mut message = format!("No such {kind}: '{id}'");
        if let Some(mode) = other_mode {
            let (there, key) = (mode.as_str(), mode.other().as_str());
            message.push_str(&format!(
                "; a similar object exists in {there} mode, but a {key} mode key was used to make this request."
            ));
        }
        Self::invalid(status, message).code("resource_missing").param(param).while_executing()
    }

    pub(crate) const fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(crate) fn param(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    pub(crate) const fn while_executing(mut self) -> Self {
        self.executed = true;
        self
    }

    pub(crate) fn answer(&self, log: Log<'_>) -> Answer {
        let mut error = Map::new();
        if let Some(code) = self.code {
            error.insert("code".to_owned(), code.into());
            error.insert(
                "doc_url".to_owned(),
                format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")).into(),
            );
        }
        error.insert("message".to_owned(), Value::from(self.message.as_str()));
        if let Some(param) = &self.param {
            error.insert("param".to_owned(), param.as_str().into());
        }
        if let Some(mode) = log.mode {
            error.insert("request_log_url".to_owned(), log.url(mode).into());
        }
        error.insert("type".to_owned(), self.kind.into());
        // Stripe names the limit that was exceeded: <https://docs.stripe.com/rate-limits>.
        let is_rate_limit = self.code == Some("rate_limit");
        let limit = is_rate_limit.then(|| ("stripe-rate-limited-reason".to_owned(), "global-rate".to_owned()));
        let body = json!({ "error": error }).to_string().into_bytes();
        Answer { status: self.status, headers: limit.into_iter().collect(), body }
    }
}

/// The entry of a request in the dashboard log of the account.
#[derive(Clone, Copy)]
pub(crate) struct Log<'a> {
    /// `None` before authentication, because then there is no account.
    pub(crate) mode: Option<Mode>,
    pub(crate) request_id: &'a str,
    pub(crate) at: u64,
}

impl Log<'_> {
    fn url(&self, mode: Mode) -> String {
        let Self { request_id, at, .. } = self;
        format!("https://dashboard.stripe.com/{}logs/{request_id}?t={at}", mode.dashboard_path())
    }
}
