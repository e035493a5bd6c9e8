//! Requests and responses, as tests see and change them.

use serde_json::Value;

/// A received request. Only the scheme of its authorization is kept.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path and the query.
    pub path: String,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as received.
    pub body: String,
}

impl RecordedRequest {
    /// Returns the value of a header, or `None` if the header is missing or appears more than once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Returns the path without the query, and the query.
    pub(crate) fn target(&self) -> (&str, &str) {
        self.path.split_once('?').unwrap_or((&self.path, ""))
    }

    /// Returns all values of a header joined by commas, as proxies and servers combine duplicate headers.
    pub(crate) fn joined(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self.values(name).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    fn values<'a, 'b>(&'a self, name: &'b str) -> impl Iterator<Item = &'a str> + use<'a, 'b> {
        self.headers.iter().filter(move |(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// A response before it is sent.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, in addition to those that the server adds.
    pub headers: Vec<(String, String)>,
    /// The body: JSON, unless a fault replaced it.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns the parsed body, or null if it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the response with another body.
    #[must_use]
    pub fn with_json(mut self, json: &Value) -> Self {
        self.body = json.to_string().into_bytes();
        self
    }
}
