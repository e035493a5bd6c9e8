//! The accepted values of the header member `typ`.

use std::fmt;

use serde_json::Value;

/// The type of a token that the product's own issuer signs for this service.
const PRINCIPAL: &str = "principal+jwt";

/// In the setting, a token without `typ`.
const NONE: &str = "none";

/// The accepted values of `typ`, of which there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenTypes(Vec<TokenType>);

/// An accepted value of `typ`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TokenType {
    /// The token has no `typ`.
    Absent,
    /// A media type in lower case, complete: `application/at+jwt`.
    MediaType(String),
}

/// Why a list is not a list of token types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenTypesError {
    /// A value that is not a media type.
    #[error("expected media types such as at+jwt, or none for a token without typ")]
    NotAMediaType,
    /// Two values that are equal.
    #[error("must not contain the same type twice; case and the prefix application/ are ignored")]
    Duplicate,
}

impl Default for TokenTypes {
    fn default() -> Self {
        Self(vec![TokenType::MediaType(complete(PRINCIPAL))])
    }
}

impl TokenTypes {
    /// Parses a list of media types and `none`.
    ///
    /// # Errors
    /// For an empty list, a value that is not a media type, and a duplicate.
    pub fn parse(texts: &[String]) -> Result<Self, TokenTypesError> {
        let mut types = Vec::new();
        for text in texts {
            let parsed = if text.eq_ignore_ascii_case(NONE) {
                TokenType::Absent
            } else {
                TokenType::MediaType(media_type(text)?)
            };
            if types.contains(&parsed) {
                return Err(TokenTypesError::Duplicate);
            }
            types.push(parsed);
        }
        if types.is_empty() { Err(TokenTypesError::NotAMediaType) } else { Ok(Self(types)) }
    }

    /// Returns whether a token with this `typ` is accepted. Media types are compared as in RFC 7515 section 4.1.9: without case,
    /// and with `application/` in front of a value that has no slash.
    pub(super) fn accept(&self, typ: Option<&Value>) -> bool {
        match typ {
            None => self.0.contains(&TokenType::Absent),
            Some(Value::String(typ)) => self.0.contains(&TokenType::MediaType(complete(typ))),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => false,
        }
    }

    /// Returns whether the list has a type that other tokens of the same issuer also have: `JWT`, or none.
    #[must_use]
    pub fn include_generic(&self) -> bool {
        self.accept(None) || self.0.contains(&TokenType::MediaType(complete("jwt")))
    }
}

/// The values, without the prefix `application/`.
impl fmt::Display for TokenTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|accepted| match accepted {
            TokenType::Absent => NONE,
            TokenType::MediaType(name) => name.strip_prefix("application/").unwrap_or(name),
        });
        f.write_str(&names.collect::<Vec<_>>().join(","))
    }
}

/// Returns whether a token has the type `principal+jwt`, byte for byte.
pub(super) fn is_principal(typ: Option<&Value>) -> bool {
    typ.and_then(Value::as_str) == Some(PRINCIPAL)
}

fn media_type(text: &str) -> Result<String, TokenTypesError> {
    let complete = complete(text);
    // The characters of RFC 6838 section 4.2.
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    match complete.split_once('/') {
        Some((kind, subtype)) if is_name(kind) && is_name(subtype) => Ok(complete),
        Some(_) | None => Err(TokenTypesError::NotAMediaType),
    }
}

fn complete(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    if typ.contains('/') { typ } else { format!("application/{typ}") }
}
