//! Parses the header `x-forwarded-client-cert`, and accepts only what Envoy writes. No maintained crate parses this header.
//!
//! Elements are separated by commas, and pairs of a key and a value by semicolons. A value that contains one of these, or `=`, is
//! in double quotes, with a backslash before each double quote inside.

use std::borrow::Cow;

/// Why the header does not name a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::grpc) enum XfccError {
    #[error("certificate of the caller does not have exactly one URI")]
    NotOneUri,
    #[error("identity header has a pair without a value")]
    NoValue,
    #[error("identity header has a malformed key")]
    BadKey,
    #[error("identity header has a malformed value")]
    BadValue,
    #[error("identity header has an unterminated quote")]
    OpenQuote,
}

/// Returns the only `URI` of the last element, which is the one that this workload's own sidecar appended, or its waypoint set.
pub(super) fn last_uri(header: &str) -> Result<String, XfccError> {
    let mut rest = header;
    loop {
        let (uris, tail) = parse_element(rest)?;
        let Some(tail) = tail else {
            let [uri] = <[Cow<'_, str>; 1]>::try_from(uris).map_err(|_| XfccError::NotOneUri)?;
            return Ok(uri.into_owned());
        };
        rest = tail;
    }
}

/// Returns the URIs of the first element, and the text after its comma, if there is one.
fn parse_element(text: &str) -> Result<(Vec<Cow<'_, str>>, Option<&str>), XfccError> {
    let mut uris = Vec::new();
    let mut rest = text;
    loop {
        let (key, tail) = rest.split_once('=').ok_or(XfccError::NoValue)?;
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(XfccError::BadKey);
        }
        let (value, tail) = parse_value(tail)?;
        if key.eq_ignore_ascii_case("uri") {
            uris.push(value);
        }
        match tail.as_bytes().first() {
            None => return Ok((uris, None)),
            Some(b',') => return Ok((uris, tail.get(1..).map(str::trim_start))),
            Some(b';') => rest = tail.get(1..).unwrap_or_default(),
            Some(_) => return Err(XfccError::BadValue),
        }
    }
}

/// Returns the value at the start of the text, and the text after it.
fn parse_value(text: &str) -> Result<(Cow<'_, str>, &str), XfccError> {
    let Some(quoted) = text.strip_prefix('"') else {
        // Bytes, because searching for one of several characters decodes each character.
        let end = text.bytes().position(|byte| b",;\"".contains(&byte)).unwrap_or(text.len());
        let (value, tail) = text.split_at(end);
        return Ok((value.into(), tail));
    };
    if let Some((value, tail)) = quoted.split_once('"')
        && !value.contains('\\')
    {
        return Ok((value.into(), tail));
    }
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value.into(), quoted.get(at + 1..).unwrap_or_default())),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    Err(XfccError::OpenQuote)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: &str = "spiffe://cluster.local/ns/web/sa/settings";

    #[test]
    fn returns_the_uri_of_the_last_element() {
        for (header, uri) in [
            (format!("By=spiffe://td/b;Hash=ab12;Subject=\"\";URI={CALLER}"), CALLER),
            (format!("uri={CALLER}"), CALLER),
            (format!("URI=\"{CALLER}\""), CALLER),
            (format!("URI={CALLER},By=x;URI=spiffe://td/other"), "spiffe://td/other"),
            (format!("URI=spiffe://td/other, By=x;URI={CALLER};DNS=a;DNS=b"), CALLER),
            (format!("By=x;Subject=\"CN=a,O=\\\"b;URI=c\\\"\";URI={CALLER}"), CALLER),
            (format!("Cert=\"-----BEGIN%20CERTIFICATE\";URI={CALLER}"), CALLER),
            ("URI=".to_owned(), ""),
        ] {
            assert_eq!(last_uri(&header).as_deref(), Ok(uri), "{header}");
        }
    }

    #[test]
    fn refuses_headers_that_envoy_does_not_write() {
        for header in [
            String::new(),
            ",".to_owned(),
            CALLER.to_owned(),
            format!("URI={CALLER},"),
            format!("URI={CALLER};"),
            format!("URI={CALLER};URI={CALLER}"),
            format!("URI={CALLER};By=x,By=x"),
            format!(" URI={CALLER}"),
            format!("URI=\"{CALLER}"),
            format!("URI=\"{CALLER}\"x"),
            format!("URI={CALLER}\""),
            // A forged first element with an open quote that would swallow the element that the sidecar appends.
            format!("URI={CALLER};Subject=\",By=x;Hash=y;Subject=\"\";URI=spiffe://td/other"),
            format!("URI={CALLER};Subject=\",By=x;Hash=y;Subject=\"CN=a\";URI=spiffe://td/other"),
            format!("Subject=\"\\,By=x;URI={CALLER}"),
        ] {
            assert!(last_uri(&header).is_err(), "{header}");
        }
    }
}
