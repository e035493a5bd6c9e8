//! The headers of Stripe's responses.

use http::{HeaderMap, HeaderName, HeaderValue};

const SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const RATE_LIMITED_REASON: HeaderName = HeaderName::from_static("stripe-rate-limited-reason");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Returns `Stripe-Should-Retry`.
pub(super) fn should_retry(headers: &HeaderMap) -> Option<bool> {
    text(headers, SHOULD_RETRY).and_then(|value| value.parse().ok())
}

/// Returns whether a response may belong to an earlier request: only an absent `Idempotent-Replayed` or a single `false` says
/// that it does not.
pub(super) fn is_replayed(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(REPLAYED).iter();
    !matches!((values.next().map(HeaderValue::as_bytes), values.next()), (None | Some(b"false"), None))
}

/// Returns `Stripe-Rate-Limited-Reason` if it is documented (<https://docs.stripe.com/rate-limits>), otherwise `other`.
pub(super) fn rate_limited_reason(headers: &HeaderMap) -> Option<&'static str> {
    const DOCUMENTED: [&str; 5] =
        ["global-concurrency", "global-rate", "endpoint-concurrency", "endpoint-rate", "resource-specific"];
    let reason = text(headers, RATE_LIMITED_REASON)?;
    Some(DOCUMENTED.into_iter().find(|known| *known == reason).unwrap_or("other"))
}

/// Returns `Request-Id` if it has the shape of Stripe's request ids. It is written to the audit log, so nothing else is
/// accepted.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let is_valid = |id: &&str| {
        id.len() <= 255 && id.starts_with("req_") && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    text(headers, REQUEST_ID).filter(is_valid).map(str::to_owned)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documented_reasons_of_a_rate_limit_are_kept() {
        let reason = |value: &'static str| {
            rate_limited_reason(&HeaderMap::from_iter([(RATE_LIMITED_REASON, HeaderValue::from_static(value))]))
        };
        assert_eq!(reason("endpoint-rate"), Some("endpoint-rate"));
        assert_eq!(reason("per-customer"), Some("other"));
    }

    #[test]
    fn only_the_shape_of_a_request_id_is_kept() {
        let id = |value: &str| request_id(&HeaderMap::from_iter([(REQUEST_ID, value.parse().unwrap())]));
        let (longest, too_long) = (format!("req_{}", "a".repeat(251)), format!("req_{}", "a".repeat(252)));
        for valid in ["req_1", "req_aB_9", &longest] {
            assert_eq!(id(valid).as_deref(), Some(valid));
        }
        for invalid in ["", "1", "req-1", "evt_1", "req_1 ", "req_1,req_2", "req_1\"", "req_\u{e9}", &too_long] {
            assert_eq!(id(invalid), None, "{invalid:?}");
        }
    }

    #[test]
    fn response_is_replayed_unless_header_is_absent_or_a_single_false() {
        let replayed = |values: &[&'static str]| {
            let values = values.iter().map(|value| (REPLAYED, value.parse().unwrap()));
            is_replayed(&HeaderMap::from_iter(values))
        };
        assert!(!replayed(&[]) && !replayed(&["false"]));
        let mut headers = HeaderMap::new();
        for value in ["false", "true"] {
            headers.append(REPLAYED, value.parse().unwrap());
        }
        assert!(is_replayed(&headers), "false, then true");
        for value in ["true", "True", "", "1", "true, true", "False", "false, false"] {
            assert!(replayed(&[value]), "{value:?}");
        }
    }
}
