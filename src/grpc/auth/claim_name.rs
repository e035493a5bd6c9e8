//! Where a token contains a value: the name of a claim, or a pointer into one.

use std::fmt;

use serde_json::{Map, Value};

/// Claims about the token itself. They have the same values for many people, so they never say who a person is.
const CLAIMS_OF_THE_TOKEN: [&str; 6] = ["iss", "aud", "exp", "nbf", "iat", "jti"];

/// The place of a value in the claims. A text that begins with `/` is a JSON Pointer (RFC 6901). Any other text is the name of a
/// claim and is taken literally, including dots, colons and slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimName {
    /// The name of the claim.
    claim: String,
    /// The pointer to the value within the claim; empty for the claim itself.
    within: String,
}

/// Why a text is not the place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimNameError {
    /// An empty name.
    #[error("must name a claim")]
    Empty,
    /// An escape that RFC 6901 does not define.
    #[error("not a valid JSON Pointer (RFC 6901): write ~0 for ~ and ~1 for /")]
    Escape,
    /// White space around the text, which no claim has.
    #[error("has a space before or after it; remove the space")]
    Space,
    /// A pointer as the fragment of a URI (RFC 6901 section 6).
    #[error("a JSON Pointer is written without #, for example /o/id instead of #/o/id")]
    Fragment,
    /// A claim about the token itself.
    #[error("expected a claim about the person; iss, aud, exp, nbf, iat and jti are about the token")]
    AboutToken,
}

impl ClaimName {
    /// Parses the name of a claim, or a JSON Pointer.
    ///
    /// # Errors
    /// For an empty text, a malformed pointer, a text that is meant as something else, or a claim that is about the token.
    pub fn parse(text: &str) -> Result<Self, ClaimNameError> {
        if text.trim() != text {
            return Err(ClaimNameError::Space);
        }
        if text.starts_with("#/") {
            return Err(ClaimNameError::Fragment);
        }
        let (claim, within) = match text.strip_prefix('/') {
            None => (text.to_owned(), ""),
            Some(_) if !has_valid_escapes(text) => return Err(ClaimNameError::Escape),
            Some(pointer) => {
                let (claim, within) = pointer.split_at(pointer.find('/').unwrap_or(pointer.len()));
                (claim.replace("~1", "/").replace("~0", "~"), within)
            }
        };
        if claim.is_empty() {
            return Err(ClaimNameError::Empty);
        }
        if CLAIMS_OF_THE_TOKEN.contains(&claim.as_str()) {
            return Err(ClaimNameError::AboutToken);
        }
        Ok(Self { claim, within: within.to_owned() })
    }

    /// The claim with this name.
    pub(super) fn literal(name: &str) -> Self {
        Self { claim: name.to_owned(), within: String::new() }
    }

    /// Returns the value at this place.
    pub(super) fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        claims.get(&self.claim)?.pointer(&self.within)
    }
}

/// The text that [`ClaimName::parse`] parses to this place.
impl fmt::Display for ClaimName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.within.is_empty() && !self.claim.starts_with('/') {
            return f.write_str(&self.claim);
        }
        write!(f, "/{}{}", self.claim.replace('~', "~0").replace('/', "~1"), self.within)
    }
}

/// Returns whether each `~` is followed by `0` or `1`.
fn has_valid_escapes(pointer: &str) -> bool {
    pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_exactly_the_named_claim() {
        let claims = json!({
            "https://example.com/org_id": 1, "a.b": 2, "a": {"b": 3, "": 4, "/": 5, "~": 6, "~1": 7, "list": [8, {"x": 9}]},
            "/a/b": 10, "a/b": 11, "~": 12,
        });
        let claims = claims.as_object().unwrap();
        for (text, value) in [
            ("https://example.com/org_id", Some(1)),
            ("a.b", Some(2)),
            ("/a/b", Some(3)),
            ("/a/", Some(4)),
            ("/a/~1", Some(5)),
            ("/a/~0", Some(6)),
            ("/a/~01", Some(7)),
            ("/a/list/0", Some(8)),
            ("/a/list/1/x", Some(9)),
            ("/~1a~1b", Some(10)),
            ("/a~1b", Some(11)),
            ("a/b", Some(11)),
            ("~", Some(12)),
            ("/~0", Some(12)),
            ("/a/list/00", None),
            ("/a/list/-", None),
            ("/a/list/2", None),
            ("/a/b/0", None),
            ("/A/b", None),
            ("a.list", None),
        ] {
            let name = ClaimName::parse(text).unwrap();
            assert_eq!(name.find(claims), value.map(|value: u8| json!(value)).as_ref(), "{text}");
            assert_eq!(ClaimName::parse(&name.to_string()), Ok(name), "{text}");
        }
    }

    #[test]
    fn rejects_malformed_pointers_and_claims_about_the_token() {
        for (text, error) in [
            ("", ClaimNameError::Empty),
            ("/", ClaimNameError::Empty),
            ("//x", ClaimNameError::Empty),
            ("/a~", ClaimNameError::Escape),
            ("/a~2", ClaimNameError::Escape),
            ("/a/~/b", ClaimNameError::Escape),
            (" org_id", ClaimNameError::Space),
            ("/o/id ", ClaimNameError::Space),
            (" ", ClaimNameError::Space),
            ("#/o/id", ClaimNameError::Fragment),
            ("/aud/0", ClaimNameError::AboutToken),
            ("exp", ClaimNameError::AboutToken),
        ] {
            assert_eq!(ClaimName::parse(text), Err(error), "{text}");
        }
    }
}
