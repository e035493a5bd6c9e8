//! The WHATWG URL test data, as return URLs. The data itself says what the parser of a browser makes of each text, so the expected
//! answer is computed from the data, and not with a URL parser.

use std::collections::BTreeSet;

use billing_portal::portal::{ReturnOrigins, ReturnUrl};
use serde_json::Value;

use super::{Tally, read};

/// A text, and what a browser makes of it.
struct Vector {
    input: String,
    parsed: Option<Parsed>,
}

struct Parsed {
    href: String,
    origin: String,
    path: String,
    has_user: bool,
    has_fragment: bool,
}

fn vector(entry: &Value) -> Vector {
    let text = |member: &str| entry[member].as_str().unwrap().to_owned();
    let is_web = ["https:", "http:"].iter().any(|scheme| entry["protocol"] == *scheme);
    let parsed = entry.get("failure").is_none().then(|| Parsed {
        href: text("href"),
        // The data does not always state the origin.
        origin: if is_web { format!("{}//{}", text("protocol"), text("host")) } else { "null".to_owned() },
        path: text("pathname"),
        has_user: !text("username").is_empty() || !text("password").is_empty(),
        has_fragment: text("href").contains('#'),
    });
    if let Some(origin) = entry.get("origin").filter(|_| is_web) {
        assert_eq!(parsed.as_ref().unwrap().origin, *origin, "{entry}");
    }
    Vector { input: text("input"), parsed }
}

/// Returns the same vector with https instead of http. Both schemes are parsed alike, except for their default ports.
fn as_https(vector: &Vector) -> Option<Vector> {
    let secure = |text: &str| Some(format!("https://{}", text.strip_prefix("http://")?));
    let input = secure(&vector.input)?;
    if [":80", ":443", ":0"].iter().any(|port| input.contains(port)) {
        return None;
    }
    let parsed = match &vector.parsed {
        None => None,
        Some(parsed) => Some(Parsed {
            href: secure(&parsed.href)?,
            origin: secure(&parsed.origin)?,
            path: parsed.path.clone(),
            has_user: parsed.has_user,
            has_fragment: parsed.has_fragment,
        }),
    };
    Some(Vector { input, parsed })
}

/// Returns whether the contract accepts a text, with the answer of the data about it.
fn is_acceptable(text: &str, parsed: Option<&Parsed>, origins: &BTreeSet<String>) -> bool {
    parsed.is_some_and(|parsed| {
        text == parsed.href
            && origins.contains(&parsed.origin)
            && !parsed.has_user
            && !parsed.has_fragment
            && !parsed.path.starts_with("//")
    })
}

#[test]
fn return_url_is_accepted_only_as_a_browser_prints_it() {
    let file = read("whatwg/urltestdata.json");
    let mut vectors: Vec<_> = file.as_array().unwrap().iter().filter(|entry| entry.is_object()).map(vector).collect();
    let secure: Vec<_> = vectors.iter().filter_map(as_https).collect();
    let published = vectors.len();
    vectors.extend(secure);

    // Every origin of the data that can be configured is allowed, so that no text is refused for its origin alone.
    let is_origin = |origin: &String| ReturnOrigins::parse(std::slice::from_ref(origin)).is_ok();
    let all = vectors.iter().filter_map(|vector| Some(vector.parsed.as_ref()?.origin.clone()));
    let allowed: BTreeSet<String> = all.filter(is_origin).collect();
    let origins = ReturnOrigins::parse(&allowed.iter().cloned().collect::<Vec<_>>()).unwrap();

    let mut tally = Tally::default();
    let mut check = |text: &str, kind: &str, parsed: Option<&Parsed>| {
        let outcome = ReturnUrl::parse(text, &origins);
        assert_eq!(outcome.is_ok(), is_acceptable(text, parsed, &allowed), "{text}: {outcome:?}");
        match outcome {
            Ok(url) => {
                assert_eq!(url.as_str(), parsed.unwrap().href);
                tally.count(format!("{kind}: accepted"));
            }
            Err(refusal) => tally.count(format!("{kind}: {}", refusal.violation().unwrap().1)),
        }
    };
    for (number, Vector { input, parsed }) in vectors.iter().enumerate() {
        let variant = if number < published { "" } else { ", with https" };
        let kind = if parsed.is_some() { "text" } else { "text that is not a URL" };
        check(input, &format!("{kind}{variant}"), parsed.as_ref());
        if let Some(parsed) = parsed {
            check(&parsed.href, &format!("normalized form{variant}"), Some(parsed));
        }
    }
    assert_eq!((published, vectors.len() - published), (819, 289));
    let expected = "
        72 normalized form, with https: accepted
        1 normalized form, with https: must be on one of the configured origins
        14 normalized form, with https: must not have a fragment
        3 normalized form, with https: must not have a path that begins with //
        15 normalized form, with https: must not have an IP address as its host, except on a configured loopback origin
        12 normalized form, with https: must not have user information
        17 normalized form: accepted
        379 normalized form: must be an https URL, or an http URL on a configured loopback origin
        38 normalized form: must be in normalized form (new URL(x).href)
        59 normalized form: must not have a fragment
        20 normalized form: must not have a path that begins with //
        1 normalized form: must not have an IP address as its host, except on a configured loopback origin
        33 normalized form: must not have user information
        172 text that is not a URL, with https: must be an https URL, or an http URL on a configured loopback origin
        271 text that is not a URL: must be an https URL, or an http URL on a configured loopback origin
        1 text that is not a URL: must be set
        22 text, with https: accepted
        83 text, with https: must be in normalized form (new URL(x).href)
        1 text, with https: must be on one of the configured origins
        6 text, with https: must not have a fragment
        1 text, with https: must not have an IP address as its host, except on a configured loopback origin
        4 text, with https: must not have user information
        3 text: accepted
        261 text: must be an https URL, or an http URL on a configured loopback origin
        252 text: must be in normalized form (new URL(x).href)
        4 text: must be set
        15 text: must not have a fragment
        5 text: must not have a path that begins with //
        7 text: must not have user information
        ";
    tally.assert("WHATWG URL test data", expected);
}
