//! Parses and checks kinds of values that several concerns share.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use url::Url;

use super::error::{SettingError, ValueError};

/// A second, in the unit of [`duration`].
pub(super) const SECOND: u64 = 1_000;

/// The longest duration that can be configured: 7 days.
pub(super) const MAX_DURATION: u64 = 7 * 24 * 3_600 * SECOND;

/// Parses a duration of `MIN` to `MAX` milliseconds, for clap.
pub(super) fn duration<const MIN: u64, const MAX: u64>(text: &str) -> Result<Duration, ValueError> {
    if let Ok(number) = text.parse::<u32>()
        && number > 0
    {
        return Err(ValueError::NoUnit(number));
    }
    let range = Duration::from_millis(MIN)..=Duration::from_millis(MAX);
    match humantime::parse_duration(text) {
        Ok(duration) if range.contains(&duration) => Ok(duration),
        Ok(_) | Err(humantime::DurationError::NumberOverflow) => {
            Err(ValueError::DurationOutOfRange(*range.start(), *range.end()))
        }
        Err(_) => Err(ValueError::NotADuration),
    }
}

/// Parses a whole number from `MIN` to `MAX`, for clap.
pub(super) fn number<T: FromStr, const MIN: u64, const MAX: u64>(text: &str) -> Result<T, ValueError> {
    let is_in_range = text.parse().is_ok_and(|number| (MIN..=MAX).contains(&number));
    text.parse().ok().filter(|_| is_in_range).ok_or(ValueError::NotANumber(MIN, MAX))
}

/// Parses the address of a listener, for clap.
pub(super) fn address(text: &str) -> Result<SocketAddr, ValueError> {
    text.parse().map_err(|_| ValueError::NotAnAddress)
}

/// Returns the text if it is not empty.
pub(super) fn non_empty(name: &str, text: String) -> Result<String, SettingError> {
    if text.is_empty() { Err(SettingError::new(name, "must not be empty")) } else { Ok(text) }
}

/// Parses a URL. Refuses control characters: the parser would silently remove tabs and line breaks.
pub(super) fn url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|_| !text.contains(char::is_control))
}

/// Returns whether each `%` of a URL is followed by two hexadecimal digits. The parser of URLs accepts any other as it is.
pub(super) fn has_valid_escapes(url: &str) -> bool {
    let is_escape = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    url.split('%').skip(1).all(is_escape)
}

/// Returns the elements of a list if each of them can be an exact value: not empty, without spaces around it, and only once in
/// the list. Errors count the elements from 1.
pub(super) fn list(name: &str, texts: Vec<String>) -> Result<Vec<String>, SettingError> {
    if texts.iter().map(String::as_str).eq([""]) {
        return Err(SettingError::new(name, "must not be empty"));
    }
    for (position, text) in (1..).zip(&texts) {
        if text.is_empty() {
            let problem = format!("value {position} is empty; remove the comma beside it, or write the value");
            return Err(SettingError::new(name, problem));
        }
        if text.trim() != text {
            let problem = format!("value {position} has a space before or after it; remove the space");
            return Err(SettingError::new(name, problem));
        }
        if texts.iter().take(position - 1).any(|other| other == text) {
            return Err(SettingError::new(name, "must not contain the same value twice"));
        }
    }
    Ok(texts)
}
