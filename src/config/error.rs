//! A configuration error: the setting, what is wrong, and how to fix it, on one line. It never contains a value that could be a
//! secret.

use std::{error::Error as _, fmt};

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Why a single value cannot be parsed. The message does not contain the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueError {
    #[error("not a duration (examples: 500ms, 5s, 1h)")]
    NotADuration,
}

/// A configuration error. It prevents startup.
#[derive(Debug)]
pub struct SettingError(String);

impl SettingError {
    /// Creates an error from the name of the flag or variable, and what is wrong with it.
    #[must_use]
    pub fn new(setting: &str, problem: impl fmt::Display) -> Self {
        Self(format!("{setting}: {problem}").replace(['\n', '\r'], " "))
    }

    /// Converts an error of the command-line parser. The result names the argument and what was expected, but not the given
    /// value: clap's own message quotes it, and a key in the wrong place must not appear in a log.
    #[must_use]
    pub fn from_clap(error: &clap::Error) -> Self {
        let names = |kind| match error.get(kind) {
            Some(ContextValue::String(name)) => name.clone(),
            Some(ContextValue::Strings(names)) => names.join(", "),
            _ => String::new(),
        };
        let argument = names(ContextKind::InvalidArg);
        let expected = match (
            error.source().and_then(|source| source.downcast_ref::<ValueError>()),
            names(ContextKind::ValidValue),
        ) {
            (Some(error), _) => error.to_string(),
            (None, values) if values.is_empty() => "invalid value".to_owned(),
            (None, values) => format!("invalid value; expected one of {values}"),
        };
        let is_flag = argument
            .strip_prefix("--")
            .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        #[allow(
            clippy::wildcard_enum_match_arm,
            reason = "the library's list grows; the other kinds share one message"
        )]
        let line = match error.kind() {
            ErrorKind::MissingRequiredArgument => format!("missing required settings: {argument}"),
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => format!("{argument}: {expected}"),
            ErrorKind::UnknownArgument if is_flag => format!("{argument}: unknown flag"),
            ErrorKind::ArgumentConflict | ErrorKind::TooManyValues => {
                format!("{argument}: duplicate or conflicting flag")
            }
            _ => "unknown argument; expected a flag or one command (serve, check or audit-mapping)".to_owned(),
        };
        Self(format!("{line}; see --help"))
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingError {}
