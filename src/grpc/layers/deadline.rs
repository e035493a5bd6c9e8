//! One budget for a call: the caller's `grpc-timeout`, capped by the server's, for reading the message, SQL and Stripe alike.
//!
//! Format: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>, `Timeout`.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Response},
    middleware::Next,
};
use tokio::time::{Instant, timeout_at};

use crate::{
    grpc::status::respond,
    portal::{Reason, Refusal},
};

/// When the call's time is gone; an extension of every call that reaches a handler.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

/// The layer, with the server's cap.
pub async fn enforce(State(cap): State<Duration>, mut request: Request, next: Next) -> Response<Body> {
    let timeout = match grpc_timeout(request.headers()) {
        Ok(timeout) => timeout.map_or(cap, |timeout| timeout.min(cap)),
        Err(cause) => return respond(Refusal::because(Reason::DeadlineInvalid, cause)),
    };
    let exceeded = || respond(Refusal::because(Reason::DeadlineExceeded, "the call's time is gone"));
    if timeout.is_zero() {
        return exceeded();
    }
    let deadline = Instant::now() + timeout;
    request.extensions_mut().insert(Deadline(deadline));
    timeout_at(deadline, next.run(request)).await.unwrap_or_else(|_| exceeded())
}

/// One to eight digits and a unit, once at most.
fn grpc_timeout(headers: &HeaderMap) -> Result<Option<Duration>, &'static str> {
    let mut values = headers.get_all("grpc-timeout").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err("grpc-timeout stands twice");
    }
    let parsed = value.to_str().ok().and_then(|text| {
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
    });
    parsed.map(Some).ok_or("grpc-timeout is malformed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&'static str]) -> Result<Option<Duration>, &'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("grpc-timeout", value.parse().unwrap());
        }
        grpc_timeout(&headers)
    }

    #[test]
    fn a_timeout_is_one_to_eight_digits_and_a_unit() {
        assert_eq!(parse(&[]), Ok(None));
        assert_eq!(parse(&["99999999H"]), Ok(Some(Duration::from_secs(99_999_999 * 3_600))));
        assert_eq!(parse(&["0n"]), Ok(Some(Duration::ZERO)));
        assert_eq!(parse(&["250m"]), Ok(Some(Duration::from_millis(250))));
        for bad in ["", "S", "1", "1s", "100000000S", "-1S", "+1S", "1.5S", " 1S", "1 S", "1SS"] {
            assert!(parse(&[bad]).is_err(), "{bad}");
        }
        assert!(parse(&["1S", "1S"]).is_err());
    }
}
