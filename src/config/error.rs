//! What stops a start: one line that names the setting and the mend, and never a value that could be a secret.

use std::fmt;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// A setting that stops the start: its name, what is wrong, and the mend, in one line.
#[derive(Debug)]
pub struct SettingError(String);

impl SettingError {
    /// `setting` is the flag's or the variable's name; `problem` goes on from there.
    #[must_use]
    pub fn new(setting: &str, problem: impl fmt::Display) -> Self {
        Self(format!("{setting} {problem}").replace(['\n', '\r'], " "))
    }

    /// Says which argument it was and what it may be, never what it was: a key given in the wrong place must not end in a
    /// log, and clap's own text quotes it.
    pub(super) fn of_clap(error: &clap::Error) -> Self {
        let names = |kind| match error.get(kind) {
            Some(ContextValue::String(name)) => name.clone(),
            Some(ContextValue::Strings(names)) => names.join(", "),
            _ => String::new(),
        };
        let argument = names(ContextKind::InvalidArg);
        let possible = match names(ContextKind::ValidValue) {
            none if none.is_empty() => String::new(),
            values => format!("; give one of: {values}"),
        };
        let is_flag = argument
            .strip_prefix("--")
            .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        #[allow(clippy::wildcard_enum_match_arm, reason = "the library's list grows, and the rest needs no more words")]
        let line = match error.kind() {
            ErrorKind::MissingRequiredArgument => format!("{argument} must be given"),
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => format!("{argument} can't be read{possible}"),
            ErrorKind::UnknownArgument if is_flag => format!("{argument} is no flag"),
            ErrorKind::ArgumentConflict | ErrorKind::TooManyValues => format!("{argument} stands twice"),
            _ => "an argument is no flag and no command".to_owned(),
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
