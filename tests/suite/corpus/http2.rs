//! Sends the headers of a case unchanged, even if they break the rules of HTTP/2.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::call::{Headers, Reply};
use crate::support::http2::{DATA, END_STREAM, GOAWAY, HEADERS, RST_STREAM, RawClient};

/// A status is the first octet of a header block, unless it is not in the table of RFC 7541, appendix A.
const STATUSES: [(u8, StatusCode); 3] =
    [(0x88, StatusCode::OK), (0x8c, StatusCode::BAD_REQUEST), (0x8d, StatusCode::NOT_FOUND)];

/// Sends the headers and the body of a call. The headers of a response are compressed, so only the status is returned.
pub(super) async fn send(address: impl std::fmt::Display, headers: &Headers, body: &[u8]) -> Reply {
    let mut client = RawClient::connect(address).await;
    client.send_headers(1, headers.iter().map(|(name, value)| (name.as_str(), &value[..]))).await;
    client.send(DATA, END_STREAM, 1, body).await;
    loop {
        match client.frame().await {
            Some(frame) if frame.kind == HEADERS && frame.stream == 1 => {
                let first = frame.payload.first().copied();
                let status = STATUSES.into_iter().find(|(octet, _)| Some(*octet) == first);
                let (_, status) = status.unwrap_or_else(|| panic!("another status begins with {first:?}"));
                return Reply::Http(status, HeaderMap::new(), Bytes::new());
            }
            Some(frame) if frame.kind == RST_STREAM || frame.kind == GOAWAY => return Reply::Reset,
            None => return Reply::Reset,
            Some(_) => {}
        }
    }
}
