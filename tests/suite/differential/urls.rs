//! Return URLs and session URLs against two parsers: `http::Uri`, which is hyper's and follows RFC 3986, and Node's `URL`, which is
//! ada and follows the WHATWG standard.

use std::collections::BTreeMap;

use billing_portal::{
    adapters::stripe::{Mode, SessionHosts, SessionSettings, checked_session},
    portal::{CustomerId, Flow, PortalRequest, ReturnOrigins, ReturnUrl},
};
use http::Uri;
use serde_json::{Map, Value, json};
use url::Url;

use super::{hostile_url::HostileUrls, second_reader};

const SEED: u64 = 16;
const TEXTS: usize = 100_000;
const ORIGINS: [&str; 6] = [
    "https://app.example.com",
    "https://app.example.com:8443",
    "https://xn--bcher-kva.example",
    "http://localhost:3000",
    "http://127.0.0.1:3000",
    "http://[::1]:3000",
];
const RETURN_HOSTS: &[&str] = &[
    "app.example.com",
    "app.example.com:8443",
    "xn--bcher-kva.example",
    "localhost:3000",
    "127.0.0.1:3000",
    "[::1]:3000",
];
/// Allowed hosts of session URLs, and a loopback origin.
const SESSION_HOSTS: [&str; 3] = ["billing.stripe.com", "pay.example.com", "http://127.0.0.1:4242"];
const SESSION_TEXT_HOSTS: &[&str] = &["billing.stripe.com", "pay.example.com", "127.0.0.1:4242"];

/// What a parser reads: scheme, host, port and path.
type Parts = (String, String, Option<u16>, String);

/// Accepts texts as the service does: as return URLs, or as session URLs in responses of Stripe.
struct Accepted {
    origins: ReturnOrigins,
    request: PortalRequest,
    settings: SessionSettings,
    response: Map<String, Value>,
    customer: CustomerId,
}

impl Accepted {
    fn new() -> Self {
        let origins = ReturnOrigins::parse(&ORIGINS.map(str::to_owned)).unwrap();
        let return_url = ReturnUrl::root_of(&origins).unwrap();
        let response = json!({
            "object": "billing_portal.session", "id": "bps_1", "customer": "cus_A", "livemode": false, "flow": null,
            "return_url": return_url.as_str(),
        });
        let session_hosts = SessionHosts::new(SESSION_HOSTS.map(str::to_owned).into());
        Self {
            origins,
            request: PortalRequest { completed_url: return_url.clone(), return_url, locale: None, flow: Flow::Home },
            settings: SessionSettings {
                mode: Mode::Test,
                configuration: None,
                tenant_metadata_key: "tenant_id".to_owned(),
                session_hosts,
            },
            response: response.as_object().unwrap().clone(),
            customer: CustomerId::parse("cus_A").unwrap(),
        }
    }

    fn as_return_url(&self, text: &str) -> bool {
        ReturnUrl::parse(text, &self.origins).is_ok_and(|url| url.as_str() == text)
    }

    fn as_session_url(&self, text: &str) -> bool {
        let mut response = self.response.clone();
        response.insert("url".to_owned(), text.into());
        checked_session(&response, &self.customer, &self.request, &self.settings).is_ok()
    }
}

/// Returns the parts of a URL that was accepted, as the service's parser reads them.
fn parts(text: &str) -> Parts {
    let url = Url::parse(text).unwrap();
    (url.scheme().to_owned(), url.host_str().unwrap().to_owned(), url.port(), url.path().to_owned())
}

fn parts_of_uri(text: &str) -> Option<Parts> {
    let uri: Uri = text.parse().ok()?;
    let path = if uri.path().is_empty() { "/" } else { uri.path() };
    Some((uri.scheme_str()?.to_owned(), uri.host()?.to_ascii_lowercase(), uri.port_u16(), path.to_owned()))
}

fn parts_of_node(answer: &Value) -> Option<Parts> {
    let text = |name: &str| answer.get(name)?.as_str();
    if !text("user")?.is_empty() {
        return None;
    }
    let scheme = text("protocol")?.strip_suffix(':')?.to_owned();
    Some((scheme, text("hostname")?.to_owned(), text("port")?.parse().ok(), text("pathname")?.to_owned()))
}

/// Returns whether the contract accepts a text as a return URL, as Node reads it.
fn is_return_url_of_node(text: &str, answer: &Value) -> bool {
    let Some((scheme, host, port, path)) = parts_of_node(answer) else { return false };
    let origin = format!("{scheme}://{host}{}", port.map_or(String::new(), |port| format!(":{port}")));
    text.len() <= 2_048
        && answer["href"] == text
        && !text.contains('#')
        && !path.starts_with("//")
        // Older versions of Node do not escape it.
        && !path.contains('^')
        && ORIGINS.contains(&origin.as_str())
}

fn texts(seed: u64, hosts: &'static [&'static str], count: usize) -> Vec<String> {
    let mut generator = HostileUrls::new(seed, hosts);
    (0..count).map(|_| generator.next()).collect()
}

fn assert_agree(kind: &str, text: &str, second: Option<Parts>) {
    assert_eq!(second, Some(parts(text)), "{kind} {text:?} is read differently by the second parser");
}

#[test]
fn urls_agree_with_hyper() {
    let service = Accepted::new();
    let mut counts = BTreeMap::<_, usize>::new();
    for (kind, hosts, accept) in [
        ("return URL", RETURN_HOSTS, Accepted::as_return_url as fn(&Accepted, &str) -> bool),
        ("session URL", SESSION_TEXT_HOSTS, Accepted::as_session_url),
    ] {
        for text in texts(SEED, hosts, TEXTS) {
            let is_accepted = accept(&service, &text);
            if is_accepted {
                assert_agree(kind, &text, parts_of_uri(&text));
            }
            *counts.entry((kind, is_accepted)).or_default() += 1;
        }
    }
    println!("{TEXTS} texts per kind, seed {SEED}; kind, accepted, count: {counts:?}");
    assert!(counts.len() == 4 && counts.values().all(|count| *count > TEXTS / 20), "{counts:?}");
}

/// Compares batches of 100,000 texts for each kind of URL.
pub(crate) fn urls_agree_with_node(batches: u64) {
    let service = Accepted::new();
    let mut counts = BTreeMap::<_, usize>::new();
    for seed in SEED..SEED + batches {
        let return_urls = texts(seed, RETURN_HOSTS, TEXTS);
        for (text, answer) in
            return_urls.iter().zip(second_reader::run("urls.mjs", &json!(return_urls)).as_array().unwrap())
        {
            let is_accepted = service.as_return_url(text);
            assert_eq!(is_accepted, is_return_url_of_node(text, answer), "return URL {text:?}: {answer}");
            if is_accepted {
                assert_agree("return URL", text, parts_of_node(answer));
            }
            *counts.entry(("return URL", is_accepted)).or_default() += 1;
        }
        let session_urls = texts(seed, SESSION_TEXT_HOSTS, TEXTS);
        for (text, answer) in
            session_urls.iter().zip(second_reader::run("urls.mjs", &json!(session_urls)).as_array().unwrap())
        {
            let is_accepted = service.as_session_url(text);
            if is_accepted {
                assert_agree("session URL", text, parts_of_node(answer));
            }
            *counts.entry(("session URL", is_accepted)).or_default() += 1;
        }
    }
    println!("{batches} × {TEXTS} texts per kind, seeds from {SEED}; kind, accepted, count: {counts:?}");
    assert!(counts.len() == 4 && counts.values().all(|count| *count > TEXTS / 20), "{counts:?}");
}

#[test]
#[ignore = "needs node and npm packages: tests/run installs them"]
fn accepted_urls_are_read_alike_by_node() {
    urls_agree_with_node(1);
}
