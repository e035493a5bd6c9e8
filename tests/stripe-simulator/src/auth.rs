//! Keys and versions: <https://docs.stripe.com/api/authentication>, <https://docs.stripe.com/api/versioning>.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    error::Error,
    key::{Key, masked},
    state::State,
    wire::RecordedRequest,
};

/// The default version of the account, for requests without a version.
pub(crate) const ACCOUNT_VERSION: &str = "2026-09-30.endive";

const MISSING: &str = "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.";

/// Returns the key that authenticates a request: a bearer token, or the user name of basic authentication with an empty
/// password.
pub(crate) fn authenticate<'a>(state: &'a State, authorization: Option<&str>) -> Result<&'a Key, Error> {
    let missing = || Error::invalid(401, MISSING);
    let (scheme, credentials) = authorization.and_then(|value| value.split_once(' ')).ok_or_else(missing)?;
    let key = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => credentials.to_owned(),
        "basic" => user_name(credentials).unwrap_or_default(),
        _ => String::new(),
    };
    if key.is_empty() {
        return Err(missing());
    }
    state.key(&key).ok_or_else(|| Error::invalid(401, format!("Invalid API Key provided: {}", masked(&key))))
}

fn user_name(credentials: &str) -> Option<String> {
    let pair = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    pair.strip_suffix(':').map(str::to_owned)
}

/// Returns the API version of a response: the version of the request (`2026-09-30.endive`, or only a date), or the default.
pub(crate) fn version(call: &RecordedRequest) -> Result<String, Error> {
    let Some(version) = call.joined("stripe-version") else { return Ok(ACCOUNT_VERSION.to_owned()) };
    let (date, name) = version.split_once('.').map_or((version.as_str(), None), |(date, name)| (date, Some(name)));
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
    if is_date(date) && name.is_none_or(is_name) {
        return Ok(version);
    }
    Err(Error::invalid(400, format!("Invalid Stripe API version: {version}")))
}

fn is_date(text: &str) -> bool {
    let number = |part: &str, length| {
        part.parse::<u16>().ok().filter(|_| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts.as_slice(), [year, month, day]
        if number(year, 4).is_some()
            && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
            && number(day, 2).is_some_and(|day| (1..=31).contains(&day)))
}
