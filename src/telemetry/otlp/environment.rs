//! Reads the `OTEL_*` variables. By the specification, an empty variable counts as not set, and a value that is not
//! supported is a warning and the default.
//!
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>

use std::{
    collections::HashMap,
    ffi::OsString,
    fmt::{self, Display},
};

/// What is exported. Most variables exist for both, and for each in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }

    /// Returns the name of the variable for this signal, and the name of the variable for all signals.
    pub(super) fn variables(self, suffix: &str) -> [String; 2] {
        let signal = self.as_str().to_ascii_uppercase();
        [format!("OTEL_EXPORTER_OTLP_{signal}_{suffix}"), format!("OTEL_EXPORTER_OTLP_{suffix}")]
    }
}

/// A variable that has no effect. Its value is not kept, because it could be a secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Warning {
    pub(super) variable: String,
    problem: String,
    /// The value that is used instead.
    pub(super) used: Option<String>,
}

impl Warning {
    pub(crate) fn log(&self) {
        let Self { variable, problem, used } = self;
        tracing::warn!(variable, problem, used, "telemetry variable is ignored");
    }
}

/// The variables, and the warnings about those that were read.
pub(super) struct Environment {
    variables: HashMap<String, String>,
    warnings: Vec<Warning>,
}

impl Environment {
    pub(super) fn new(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let text = |text: OsString| text.to_string_lossy().trim().to_owned();
        let variables = variables.map(|(name, value)| (text(name), text(value)));
        let is_set = |(name, value): &(String, String)| name.starts_with("OTEL_") && !value.is_empty();
        Self { variables: variables.filter(is_set).collect(), warnings: Vec::new() }
    }

    /// Returns the warnings in the order in which the variables were read.
    pub(super) fn into_warnings(self) -> Vec<Warning> {
        self.warnings
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Returns the first of the variables that is set, with its name.
    pub(super) fn first_set<'a>(&self, names: &'a [String]) -> Option<(&'a str, &str)> {
        names.iter().find_map(|name| Some((name.as_str(), self.text(name)?)))
    }

    pub(super) fn warn(&mut self, variable: &str, problem: impl Display, used: Option<String>) {
        // A variable for all signals is read once for each.
        if self.warnings.iter().all(|warning| warning.variable != variable) {
            self.warnings.push(Warning { variable: variable.to_owned(), problem: problem.to_string(), used });
        }
    }

    /// Returns the value of the first variable that is set to a supported one, otherwise the default.
    pub(super) fn value<T: Display>(
        &mut self,
        names: &[impl AsRef<str>],
        expected: impl Display,
        default: T,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let mut ignored = Vec::new();
        let mut values = names.iter().filter_map(|name| {
            let value = parse(self.text(name.as_ref())?);
            if value.is_none() {
                ignored.push(name.as_ref().to_owned());
            }
            value
        });
        let value = values.next().unwrap_or(default);
        for name in ignored {
            self.warn(&name, format_args!("expected {expected}"), Some(value.to_string()));
        }
        value
    }

    /// Returns a value that is one of the choices, in any case.
    pub(super) fn choice<const N: usize>(
        &mut self,
        names: &[impl AsRef<str>],
        choices: [&'static str; N],
        default: &'static str,
    ) -> &'static str {
        let parse = |text: &str| choices.into_iter().find(|choice| choice.eq_ignore_ascii_case(text));
        self.value(names, choices.join(" or "), default, parse)
    }

    /// Returns a number from 1 to `max`.
    pub(super) fn number(&mut self, names: &[impl AsRef<str>], max: u32, default: u32) -> u32 {
        let parse = |text: &str| text.parse().ok().filter(|number| (1..=max).contains(number));
        self.value(names, format_args!("a number from 1 to {max}"), default, parse)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers contain credentials.
        f.debug_struct("Environment").field("warnings", &self.warnings).finish_non_exhaustive()
    }
}
