//! What goes over the wire, as tests see and change it.

use serde_json::Value;

/// A request as it came in; of its authorization only the scheme is kept.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// `GET`, `POST`, ….
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it came in.
    pub body: String,
}

impl RecordedRequest {
    /// The one value of a header; none when it is missing or stands twice.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// The path without its query, and the query.
    pub(crate) fn target(&self) -> (&str, &str) {
        self.path.split_once('?').unwrap_or((&self.path, ""))
    }

    /// A header's values as one, the way proxies and servers read a header that stands twice.
    pub(crate) fn joined(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self.values(name).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    fn values<'a, 'b>(&'a self, name: &'b str) -> impl Iterator<Item = &'a str> + use<'a, 'b> {
        self.headers.iter().filter(move |(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// An answer before it leaves.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Beside those that the server adds.
    pub headers: Vec<(String, String)>,
    /// JSON, unless a fault made it something else.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body, parsed; null when it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The answer with another body.
    #[must_use]
    pub fn with_json(mut self, json: &Value) -> Self {
        self.body = json.to_string().into_bytes();
        self
    }
}
