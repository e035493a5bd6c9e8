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
    /// A claim about the token itself.
    #[error("expected a claim about the person; iss, aud, exp, nbf, iat and jti are about the token")]
    AboutToken,
}

impl ClaimName {
    /// Parses the name of a claim, or a JSON Pointer.
    ///
    /// # Errors
    /// For an empty text, a malformed pointer, or a claim that is about the token.
    pub fn parse(text: &str) -> Result<Self, ClaimNameError> {
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
