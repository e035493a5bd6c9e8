//! The request of a case, and what is received.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use tonic::Status;

use super::{case::Case, text};
use crate::support::{
    ClientError,
    http2::grpc_headers,
    raw_call::{OPEN, RawClient},
};

/// What a client receives.
pub(super) enum Reply {
    /// A response, with the trailers among the headers.
    Http(StatusCode, HeaderMap, Bytes),
    /// A stream or a connection that is reset.
    Reset,
}

/// The headers of a request, with the pseudo-headers of HTTP/2.
pub(super) type Headers = Vec<(String, Vec<u8>)>;

/// Returns the headers of a case. The path may be that of another method.
pub(super) fn headers(case: &Case, token: &str, path: &str) -> Headers {
    let usual = grpc_headers(path).into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let mut headers: Headers = usual.collect();
    let authorization = case.authorization.clone().unwrap_or_else(|| vec!["Bearer {token}".to_owned()]);
    headers.extend(
        authorization.iter().map(|value| ("authorization".to_owned(), text::bytes(&value.replace("{token}", token)))),
    );
    for (name, value) in &case.replace {
        let place = headers.iter_mut().find(|(header, _)| header == name);
        place.unwrap_or_else(|| panic!("there is no {name} to replace")).1 = text::bytes(value);
    }
    headers.retain(|(name, _)| !case.without.contains(name));
    let token = |value: &String| text::bytes(&value.replace("{token}", token));
    headers.extend(case.metadata.iter().map(|(name, value)| (name.clone(), token(value))));
    headers
}

/// Sends a request, whose authority is the server's.
pub(super) async fn send(client: &RawClient, address: impl std::fmt::Display, headers: &Headers, body: &[u8]) -> Reply {
    let mut request = Request::builder();
    for (name, value) in headers {
        request = match name.as_str() {
            ":method" => request.method(&value[..]),
            ":path" => request.uri(format!("http://{address}{}", std::str::from_utf8(value).unwrap())),
            ":scheme" | ":authority" => request,
            name => request.header(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value).unwrap_or_else(|_| panic!("{name} needs http2 = true")),
            ),
        };
    }
    let request = request.body(Full::<Bytes>::from(body.to_vec())).unwrap();
    client.exchange(request).await.map_or(Reply::Reset, |(status, headers, body)| Reply::Http(status, headers, body))
}

/// Returns the refusal of a gRPC response, or `None` if it succeeds.
pub(super) fn refusal(headers: &HeaderMap) -> Option<ClientError> {
    let status = Status::from_header_map(headers).unwrap_or_else(|| Status::unknown("not a gRPC response"));
    (status.code() != tonic::Code::Ok).then(|| ClientError::of(&status))
}

/// Returns the name of a code, as in the contract: `PERMISSION_DENIED`.
pub(super) fn code_name(code: tonic::Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Returns the path.
pub(super) fn path(headers: &Headers) -> &[u8] {
    headers.iter().find(|(name, _)| name == ":path").map_or(&[], |(_, value)| value)
}

/// Returns whether a call belongs to the service whose calls are audited.
pub(super) fn is_audited(headers: &Headers) -> bool {
    path(headers).starts_with(OPEN.trim_end_matches("CreatePortalSession").as_bytes())
}
