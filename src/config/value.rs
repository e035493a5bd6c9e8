//! Parses and checks kinds of values that several concerns share.

use std::time::Duration;

use super::error::{SettingError, ValueError};

/// The longest duration that can be configured.
const MAX_DURATION: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Parses a duration, for clap.
pub(super) fn duration(text: &str) -> Result<Duration, ValueError> {
    humantime::parse_duration(text).map_err(|_| ValueError::NotADuration)
}

/// Returns the text if it is not empty.
pub(super) fn non_empty(name: &str, text: String) -> Result<String, SettingError> {
    if text.is_empty() { Err(SettingError::new(name, "must not be empty")) } else { Ok(text) }
}

/// Returns the duration if it is more than zero and at most [`MAX_DURATION`].
pub(super) fn positive(name: &str, time: Duration) -> Result<Duration, SettingError> {
    if time.is_zero() || time > MAX_DURATION {
        return Err(SettingError::new(name, "expected more than 0s and at most 7 days"));
    }
    Ok(time)
}
