//! The identity headers of the two meshes.

use axum::http::Extensions;

use super::{
    header::{ISTIO_HEADER, LINKERD_HEADER},
    xfcc::last_uri,
    *,
};
use crate::fuzz;

const SPIFFE: &str = "spiffe://cluster.local/ns/web/sa/settings";
const LINKERD: &str = "settings.web.serviceaccount.identity.linkerd.cluster.local";

/// The element of a sidecar, in its three forms: without a subject, with an empty one, and with one that has to be quoted.
const ELEMENTS: [&str; 3] = [
    "By=spiffe://td/billing;Hash=ab12;URI=spiffe://td/caller",
    "By=spiffe://td/billing;Hash=ab12;Subject=\"\";URI=spiffe://td/caller",
    "By=spiffe://td/billing;Hash=ab12;Subject=\"CN=a,O=\\\"b\\\"\";URI=spiffe://td/caller;DNS=caller",
];

/// The input is a list of headers.
#[test]
fn callers() {
    let istio = Callers::Istio(vec![SPIFFE.to_owned()]);
    let linkerd = Callers::Linkerd(vec![LINKERD.to_owned()]);
    let mtls = Callers::Mtls(vec![SPIFFE.to_owned(), LINKERD.to_owned()]);
    fuzz::run("callers", |input| {
        let headers = fuzz::headers(input);
        let is_admitted = |callers: &Callers| callers.check(&headers, &Extensions::new()).is_ok();
        let only = |own, other| {
            let mut values = headers.get_all(own).iter().map(|value| value.as_bytes());
            values.next().filter(|_| values.next().is_none() && !headers.contains_key(other))
        };
        if is_admitted(&istio) {
            let value = only(ISTIO_HEADER, LINKERD_HEADER).unwrap();
            assert_eq!(second_reading(fuzz::text(value)), [SPIFFE]);
        }
        assert_eq!(is_admitted(&linkerd), only(LINKERD_HEADER, ISTIO_HEADER) == Some(LINKERD.as_bytes()));
        assert!(!is_admitted(&mtls), "a header replaces a certificate");
    });
}

/// The input is the value of `x-forwarded-client-cert`.
#[test]
fn xfcc() {
    fuzz::run("xfcc", |input| {
        let header = fuzz::text(input);
        let caller = last_uri(header);
        if let Ok(uri) = &caller {
            assert_eq!(second_reading(header), [uri.as_str()]);
        }
        // Nothing that a client sends changes what its own sidecar appends.
        for element in ELEMENTS {
            match last_uri(&format!("{header},{element}")) {
                Ok(uri) => assert_eq!(uri, "spiffe://td/caller"),
                Err(error) => assert!(caller.is_err(), "{error}"),
            }
        }
    });
}

/// Returns the URIs of the last element of a header that is well formed, read character by character.
fn second_reading(header: &str) -> Vec<String> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let (mut uris, mut pair) = (Vec::new(), String::new());
    for character in header.chars().chain([';']) {
        match character {
            _ if is_escaped => {
                is_escaped = false;
                pair.push(character);
            }
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ';' | ',' if !is_quoted => {
                let (key, value) = pair.split_once('=').unwrap();
                if key.trim_start().eq_ignore_ascii_case("uri") {
                    uris.push(value.to_owned());
                }
                if character == ',' {
                    uris.clear();
                }
                pair.clear();
            }
            _ => pair.push(character),
        }
    }
    uris
}
