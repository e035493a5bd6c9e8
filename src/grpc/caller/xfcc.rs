//! The header `x-forwarded-client-cert`, read strictly: whatever is not as Envoy writes it is no identity.
//!
//! Elements are parted by commas, and pairs of a key and a value by semicolons. A value with one of those, or with `=`, stands
//! in double quotes, with a backslash before each double quote inside.

/// The one `URI` of the last element: the one that the nearest sidecar appended.
///
/// # Errors
/// What is wrong with the header, or with its last element.
pub(super) fn last_uri(header: &str) -> Result<String, &'static str> {
    let mut rest = header;
    loop {
        let (uris, tail) = element(rest)?;
        let Some(tail) = tail else {
            let [uri] =
                <[String; 1]>::try_from(uris).map_err(|_| "the caller's certificate has not exactly one URI")?;
            return Ok(uri);
        };
        rest = tail;
    }
}

/// The URIs of the first element, and what follows its comma.
fn element(text: &str) -> Result<(Vec<String>, Option<&str>), &'static str> {
    let mut uris = Vec::new();
    let mut rest = text;
    loop {
        let (key, tail) = rest.split_once('=').ok_or("the identity header has a pair without a value")?;
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err("the identity header has a malformed key");
        }
        let (value, tail) = value(tail)?;
        if key.eq_ignore_ascii_case("uri") {
            uris.push(value);
        }
        match tail.as_bytes().first() {
            None => return Ok((uris, None)),
            Some(b',') => return Ok((uris, tail.get(1..).map(str::trim_start))),
            Some(b';') => rest = tail.get(1..).unwrap_or_default(),
            Some(_) => return Err("the identity header has a malformed value"),
        }
    }
}

/// A value, and what follows it.
fn value(text: &str) -> Result<(String, &str), &'static str> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';', '"']).unwrap_or(text.len());
        let (value, tail) = text.split_at(end);
        return Ok((value.to_owned(), tail));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, quoted.get(at + 1..).unwrap_or_default())),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    Err("the identity header has a quote without an end")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BFF: &str = "spiffe://cluster.local/ns/web/sa/settings";

    #[test]
    fn only_the_last_element_counts() {
        for (header, uri) in [
            (format!("By=spiffe://td/b;Hash=ab12;Subject=\"\";URI={BFF}"), BFF),
            (format!("uri={BFF}"), BFF),
            (format!("URI=\"{BFF}\""), BFF),
            (format!("URI={BFF},By=x;URI=spiffe://td/other"), "spiffe://td/other"),
            (format!("URI=spiffe://td/other, By=x;URI={BFF};DNS=a;DNS=b"), BFF),
            (format!("By=x;Subject=\"CN=a,O=\\\"b;URI=c\\\"\";URI={BFF}"), BFF),
            (format!("Cert=\"-----BEGIN%20CERTIFICATE\";URI={BFF}"), BFF),
            ("URI=".to_owned(), ""),
        ] {
            assert_eq!(last_uri(&header).as_deref(), Ok(uri), "{header}");
        }
    }

    #[test]
    fn what_is_not_as_envoy_writes_it_is_no_identity() {
        for header in [
            String::new(),
            ",".to_owned(),
            BFF.to_owned(),
            format!("URI={BFF},"),
            format!("URI={BFF};"),
            format!("URI={BFF};URI={BFF}"),
            format!("URI={BFF};By=x,By=x"),
            format!(" URI={BFF}"),
            format!("URI=\"{BFF}"),
            format!("URI=\"{BFF}\"x"),
            format!("URI={BFF}\""),
            // A forged first element whose open quote is to swallow what the sidecar appends.
            format!("URI={BFF};Subject=\",By=x;Hash=y;Subject=\"\";URI=spiffe://td/other"),
            format!("URI={BFF};Subject=\",By=x;Hash=y;Subject=\"CN=a\";URI=spiffe://td/other"),
            format!("Subject=\"\\,By=x;URI={BFF}"),
        ] {
            assert!(last_uri(&header).is_err(), "{header}");
        }
    }
}
