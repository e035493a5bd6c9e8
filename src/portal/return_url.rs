//! The return URL: the page of the product that Stripe links back to.

use url::{Host, Url};

use crate::portal::{
    flow::Flow,
    refusal::{Reason, Refusal},
    return_origins::ReturnOrigins,
};

/// The longest return URL, in bytes.
const MAX_BYTES: usize = 2_048;

/// A return URL that may be sent to Stripe.
#[derive(Clone, PartialEq, Eq)]
pub struct ReturnUrl(String);

impl ReturnUrl {
    /// Parses a URL that is in normalized form and has a configured origin. Requiring the normalized form rules out other
    /// spellings of an origin that could be mistaken for it.
    ///
    /// # Errors
    /// RETURN_URL_NOT_ALLOWED, with the broken rule.
    pub fn parse(text: &str, origins: &ReturnOrigins) -> Result<Self, Refusal> {
        Self::parse_field("return_url", text, origins)
    }

    /// Returns where Stripe redirects when the flow is done: the `completed_url` of the request, which follows the same rules, and
    /// this URL if the request does not have one.
    ///
    /// # Errors
    /// FLOW_INVALID if there is no flow that could be done, RETURN_URL_NOT_ALLOWED with the broken rule.
    pub fn or_completed(&self, text: Option<&str>, flow: &Flow, origins: &ReturnOrigins) -> Result<Self, Refusal> {
        const FIELD: &str = "completed_url";
        match text {
            None => Ok(self.clone()),
            Some(_) if *flow == Flow::Home => {
                Err(Refusal::of_field(Reason::FlowInvalid, FIELD, "must not be set without a flow"))
            }
            Some(text) => Self::parse_field(FIELD, text, origins),
        }
    }

    fn parse_field(field: &'static str, text: &str, origins: &ReturnOrigins) -> Result<Self, Refusal> {
        check(text, origins).map_err(|rule| Refusal::of_field(Reason::ReturnUrlNotAllowed, field, rule))?;
        Ok(Self(text.to_owned()))
    }

    /// Returns the root of the first configured origin.
    ///
    /// # Errors
    /// RETURN_URL_NOT_ALLOWED if there is none.
    pub fn root_of(origins: &ReturnOrigins) -> Result<Self, Refusal> {
        Self::parse(&format!("{}/", origins.first().unwrap_or_default()), origins)
    }

    /// The URL, in normalized form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns the rule that a URL breaks, if it breaks one.
fn check(text: &str, origins: &ReturnOrigins) -> Result<(), &'static str> {
    const SECURE: &str = "must be an https URL, or an http URL on a configured loopback origin";
    if text.is_empty() {
        return Err("must be set");
    }
    if text.len() > MAX_BYTES {
        return Err("must have at most 2,048 bytes");
    }
    let url = Url::parse(text).map_err(|_| SECURE)?;
    // Newer browsers escape ^ in a path, and this parser does not yet.
    if url.as_str() != text || url.path().contains('^') {
        return Err("must be in normalized form (new URL(x).href)");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not have user information");
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment");
    }
    if url.path().starts_with("//") {
        return Err("must not have a path that begins with //");
    }
    if origins.contain_origin_of(text) {
        return Ok(());
    }
    match (url.scheme(), url.host()) {
        ("https", Some(Host::Ipv4(_) | Host::Ipv6(_))) => {
            Err("must not have an IP address as its host, except on a configured loopback origin")
        }
        ("https", _) => Err("must be on one of the configured origins"),
        _ => Err(SECURE),
    }
}

/// `Debug` does not print the URL: its query may contain anything that the page put there.
impl std::fmt::Debug for ReturnUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReturnUrl(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::return_origins::OriginError;

    fn origins(list: &[&str]) -> Result<ReturnOrigins, OriginError> {
        ReturnOrigins::parse(&list.iter().map(|origin| (*origin).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn accepts_only_normalized_return_urls_on_a_configured_origin() {
        let origins = origins(&["https://app.example.com", "http://127.0.0.1:3000"]).unwrap();
        for good in [
            "https://app.example.com/",
            "https://app.example.com/settings?tab=billing&x=%20",
            "http://127.0.0.1:3000/settings",
            "https://app.example.com/a//b",
        ] {
            assert!(ReturnUrl::parse(good, &origins).is_ok(), "{good}");
        }
        let long = format!("https://app.example.com/{}", "a".repeat(2_025));
        for bad in [
            "",
            "https://app.example.com",
            "https://app@evil.com/",
            "https://evil\\@app.example.com/",
            "https:app.example.com/",
            "///app.example.com/",
            "HTTPS://app.example.com/",
            "https://app.example.com./",
            "https://app.example.com:8443/",
            "https://app.example.com:443/",
            "https://ａpp.example.com/",
            "https://аpp.example.com/",
            "https://app%2Eexample.com/",
            "https://app.example.com/\t",
            "https://app.example.com/\r\n",
            "https://app.example.com/\0",
            "https://app.example.com/a/../b",
            "https://app.example.com//evil.com",
            "https://user@app.example.com/",
            "https://user:pw@app.example.com/",
            "https://app.example.com/#",
            "https://app.example.com/#x",
            "javascript:alert(1)",
            "data:text/html,x",
            "http://app.example.com/",
            "https://127.0.0.1/",
            "https://app.example.com.evil.com/",
            "https://xapp.example.com/",
            " https://app.example.com/",
            "https://app.example.com/ä",
            "https://@app.example.com/",
            "http://127.0.0.1:3000",
            "http://127.1:3000/",
            "http://2130706433:3000/",
            "blob:https://app.example.com/x",
            &long,
        ] {
            let refusal = ReturnUrl::parse(bad, &origins).expect_err(bad);
            assert_eq!(refusal.reason(), Reason::ReturnUrlNotAllowed, "{bad}");
        }
        assert!(ReturnUrl::parse(&long[..2_048], &origins).is_ok());
    }

    #[test]
    fn completed_url_requires_a_flow_and_follows_the_rules_of_return_url() {
        const COMPLETED: &str = "https://app.example.com/?billing=completed";
        let origins = origins(&["https://app.example.com"]).unwrap();
        let return_url = ReturnUrl::parse("https://app.example.com/", &origins).unwrap();
        let completed = |text, flow| {
            let url = return_url.or_completed(text, &flow, &origins);
            url.map(|url| url.0).map_err(|refusal| (refusal.reason(), refusal.violation()))
        };
        for flow in [Flow::Home, Flow::CustomerUpdate] {
            assert_eq!(completed(None, flow).as_deref(), Ok("https://app.example.com/"));
        }
        assert_eq!(completed(Some(COMPLETED), Flow::CustomerUpdate).as_deref(), Ok(COMPLETED));
        // A field that is present and empty is not the same as one that is not set.
        for (text, rule) in [("", "must be set"), ("https://evil.test/", "must be on one of the configured origins")] {
            let refusal = (Reason::ReturnUrlNotAllowed, Some(("completed_url", rule)));
            assert_eq!(completed(Some(text), Flow::CustomerUpdate), Err(refusal));
        }
        for text in ["", "https://evil.test/", COMPLETED] {
            let refusal = (Reason::FlowInvalid, Some(("completed_url", "must not be set without a flow")));
            assert_eq!(completed(Some(text), Flow::Home), Err(refusal));
        }
    }
}
