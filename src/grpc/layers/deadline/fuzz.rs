//! `grpc-timeout`, beside a second reading of its grammar.

use axum::http::HeaderValue;

use super::*;
use crate::fuzz;

/// Each line of the input is a value of the header.
#[test]
fn grpc_timeout() {
    fuzz::run("grpc_timeout", |input| {
        let values = input.split(|byte| *byte == b'\n').filter_map(|value| HeaderValue::from_bytes(value).ok());
        let headers: HeaderMap = values.map(|value| ("grpc-timeout".parse().unwrap(), value)).collect();
        let values: Vec<_> = headers.get_all("grpc-timeout").iter().collect();
        let parsed = super::grpc_timeout(&headers).map(|timeout| timeout.map(|timeout| timeout.as_nanos()));
        let expected = match &*values {
            [] => Ok(None),
            [value] => nanoseconds(value.as_bytes()).map(Some).ok_or(TimeoutError::Malformed),
            [..] => Err(TimeoutError::Duplicate),
        };
        assert_eq!(parsed, expected);
    });
}

fn nanoseconds(value: &[u8]) -> Option<u128> {
    let (unit, digits) = value.split_last()?;
    let nanoseconds: u128 = match unit {
        b'H' => 3_600_000_000_000,
        b'M' => 60_000_000_000,
        b'S' => 1_000_000_000,
        b'm' => 1_000_000,
        b'u' => 1_000,
        b'n' => 1,
        _ => return None,
    };
    let is_number = (1..=8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let number = || digits.iter().fold(0, |number, digit| number * 10 + u128::from(digit - b'0'));
    is_number.then(|| number() * nanoseconds)
}
