//! A configuration error: the setting, what is wrong, and how to fix it, on one line. It never contains a value that could be a
//! secret.

use std::{error::Error as _, fmt, time::Duration};

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Why a single value cannot be parsed. The message does not contain the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueError {
    #[error("not a duration (examples: 500ms, 5s, 1h)")]
    NotADuration,
    #[error("missing unit; write {0}s for seconds (units: ms, s, m, h)")]
    NoUnit(u32),
    #[error("expected a duration from {} to {}", humantime::format_duration(*.0), humantime::format_duration(*.1))]
    DurationOutOfRange(Duration, Duration),
    #[error("expected a whole number from {0} to {1}")]
    NotANumber(u64, u64),
    #[error("expected an IP address and a port (example: 127.0.0.1:50051)")]
    NotAnAddress,
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
    /// value: clap's own message quotes it, and a key in the wrong place must not appear in a log. `words` describes the
    /// arguments that are expected.
    #[must_use]
    pub fn from_clap(error: &clap::Error, command: &clap::Command, words: &str) -> Self {
        // With its value: `--deadline <DURATION>`.
        let argument = texts(error, ContextKind::InvalidArg).join(", ");
        let (flag, value) = argument.split_once(' ').unwrap_or((&argument, "VALUE"));
        let is_flag = flag
            .strip_prefix("--")
            .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        let did_you_mean = did_you_mean(error);
        #[allow(
            clippy::wildcard_enum_match_arm,
            reason = "the library's list grows; the other kinds share one message"
        )]
        let line = match error.kind() {
            ErrorKind::MissingRequiredArgument => {
                let missing = texts(error, ContextKind::InvalidArg).into_iter();
                let missing: Vec<_> = missing.map(|argument| with_variable(argument, command)).collect();
                format!("missing required settings: {}", missing.join(", "))
            }
            ErrorKind::InvalidValue => match texts(error, ContextKind::ValidValue) {
                values if values.is_empty() => format!("{flag}: missing value; expected {value}"),
                values => format!("{flag}: invalid value; expected one of {}{did_you_mean}", values.join(", ")),
            },
            ErrorKind::ValueValidation => {
                let problem = error.source().and_then(|source| source.downcast_ref::<ValueError>());
                format!("{flag}: {}", problem.map_or_else(|| "invalid value".to_owned(), ToString::to_string))
            }
            ErrorKind::UnknownArgument if is_flag => format!("{flag}: unknown flag{did_you_mean}"),
            ErrorKind::ArgumentConflict => format!("{flag}: duplicate or conflicting flag"),
            ErrorKind::TooManyValues => format!("{flag}: does not take a value"),
            ErrorKind::InvalidUtf8 => "argument or variable is not UTF-8 text".to_owned(),
            _ => format!("unknown argument; expected {words}{did_you_mean}"),
        };
        Self(format!("{line}; see --help"))
    }
}

/// Returns one part of an error of the command-line parser.
fn texts(error: &clap::Error, kind: ContextKind) -> Vec<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text],
        Some(ContextValue::Strings(texts)) => texts.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Returns the parser's best suggestion. It is the name of a flag, a value or a command, and never what was given.
fn did_you_mean(error: &clap::Error) -> String {
    let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedValue, ContextKind::SuggestedSubcommand];
    // The parser lists the best one last.
    let best = suggested.into_iter().find_map(|kind| texts(error, kind).pop());
    best.map_or_else(String::new, |best| format!("; did you mean {best}?"))
}

/// Returns a flag without its value, and with its variable.
fn with_variable(argument: &str, command: &clap::Command) -> String {
    let flag = argument.split(' ').next().unwrap_or(argument);
    let defined = command.get_arguments().find(|argument| argument.get_long() == flag.strip_prefix("--"));
    let variable = defined.and_then(|argument| argument.get_env()?.to_str());
    variable.map_or_else(|| flag.to_owned(), |variable| format!("{flag} (or {variable})"))
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingError {}
