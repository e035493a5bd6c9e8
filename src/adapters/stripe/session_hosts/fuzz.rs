//! Session URLs.

use super::*;
use crate::fuzz;

/// The input is the `url` of a session.
#[test]
fn session_url() {
    let hosts = SessionHosts::new(vec!["billing.stripe.com".to_owned(), "http://127.0.0.1:4242".to_owned()]);
    fuzz::run("session_url", |input| {
        let text = fuzz::text(input);
        if !hosts.allow(text) {
            return;
        }
        assert!(
            text.len() <= 2_048 && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\`{}|^".contains(&byte))
        );
        // The host ends where every reader of the text ends it.
        let lower = text.to_ascii_lowercase();
        let rest =
            ["https://billing.stripe.com", "http://127.0.0.1:4242"].iter().find_map(|site| lower.strip_prefix(site));
        assert!(rest.unwrap().is_empty() || rest.unwrap().starts_with(['/', '?', '#']), "{text}");
        let url = Url::parse(text).unwrap();
        assert!(url.username().is_empty() && url.password().is_none());
        let origin = url.origin().ascii_serialization();
        assert!(["https://billing.stripe.com", "http://127.0.0.1:4242"].contains(&&*origin), "{origin}");
    });
}
