//! Enforces one time budget for a call: the caller's `grpc-timeout`, capped by the server. It covers reading the message, SQL and
//! Stripe. Outside every check that can take time, and inside the load limit, which takes none.
//!
//! Format: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>, `Timeout`.

use std::{sync::Arc, time::Duration};

use axum::{extract::Request, http::HeaderMap};
use tokio::time::{Instant, timeout_at};

use crate::{
    grpc::layers::stack::{Handler, Layer, Outcome},
    portal::{Reason, Refusal},
};

/// The time at which the call's budget ends; an extension of every call that reaches a handler.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

/// Why a `grpc-timeout` is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum TimeoutError {
    #[error("duplicate grpc-timeout header")]
    Duplicate,
    #[error("grpc-timeout is malformed (expected one to eight digits and a unit)")]
    Malformed,
}

impl From<TimeoutError> for Refusal {
    fn from(error: TimeoutError) -> Self {
        Self::because(Reason::DeadlineInvalid, error.to_string())
    }
}

/// The layer, with the longest time that a call may have.
#[derive(Debug)]
pub struct Enforce(pub Duration);

impl Layer for Enforce {
    async fn call(&self, mut request: Request, inside: &Arc<impl Handler>) -> Outcome {
        let timeout = grpc_timeout(request.headers())?.map_or(self.0, |timeout| timeout.min(self.0));
        let exceeded = || Err(Refusal::because(Reason::DeadlineExceeded, "deadline exceeded"));
        if timeout.is_zero() {
            return exceeded();
        }
        let deadline = Instant::now() + timeout;
        request.extensions_mut().insert(Deadline(deadline));
        timeout_at(deadline, inside.handle(request)).await.unwrap_or_else(|_| exceeded())
    }
}

fn grpc_timeout(headers: &HeaderMap) -> Result<Option<Duration>, TimeoutError> {
    let mut values = headers.get_all("grpc-timeout").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(TimeoutError::Duplicate);
    }
    value.to_str().ok().and_then(parse).map(Some).ok_or(TimeoutError::Malformed)
}

/// Parses one to eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let all_digits = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let amount: u64 = digits.parse().ok().filter(|_| all_digits)?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3_600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(values: &[&'static str]) -> Result<Option<Duration>, TimeoutError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("grpc-timeout", value.parse().unwrap());
        }
        grpc_timeout(&headers)
    }

    #[test]
    fn accepts_one_to_eight_digits_and_a_unit() {
        assert_eq!(timeout(&[]), Ok(None));
        assert_eq!(timeout(&["99999999H"]), Ok(Some(Duration::from_secs(99_999_999 * 3_600))));
        assert_eq!(timeout(&["0n"]), Ok(Some(Duration::ZERO)));
        assert_eq!(timeout(&["250m"]), Ok(Some(Duration::from_millis(250))));
        for bad in ["", "S", "1", "1s", "100000000S", "-1S", "+1S", "1.5S", " 1S", "1 S", "1SS"] {
            assert!(timeout(&[bad]).is_err(), "{bad}");
        }
        assert!(timeout(&["1S", "1S"]).is_err());
    }

    /// Answers with the time that is left.
    struct TimeLeft;

    impl Handler for TimeLeft {
        async fn handle(&self, request: Request) -> Outcome {
            let Deadline(deadline) = *request.extensions().get().unwrap();
            let left = deadline.duration_since(Instant::now()).as_millis();
            Ok(axum::http::Response::new(left.to_string().into()))
        }

        fn layers(&self) -> Vec<&'static str> {
            Vec::new()
        }
    }

    #[tokio::test]
    async fn caller_can_shorten_the_time_of_a_call_but_not_extend_it() {
        for (header, range) in [(None, 40_000..=60_000), (Some("1H"), 40_000..=60_000), (Some("30S"), 10_000..=30_000)]
        {
            let mut request = Request::default();
            if let Some(timeout) = header {
                request.headers_mut().insert("grpc-timeout", timeout.parse().unwrap());
            }
            let response = Enforce(Duration::from_mins(1)).call(request, &Arc::new(TimeLeft)).await.unwrap();
            let left = axum::body::to_bytes(response.into_body(), 16).await.unwrap();
            let left: u64 = std::str::from_utf8(&left).unwrap().parse().unwrap();
            assert!(range.contains(&left), "{header:?}: {left} ms");
        }
    }
}
