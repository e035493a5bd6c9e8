//! Reads the message of a call before the generated server parses it: exactly one message, at most 16 KiB, and complete within 2 s
//! of its headers. The gRPC library by itself serves a call with two messages, and waits for a message as long as the call may
//! last.
//!
//! Inside everything that decides by the metadata, so that nothing is read for a caller that is refused. The message is read when
//! the server asks for it, so an unknown method or encoding is refused without it.
//!
//! Format: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>, `Length-Prefixed-Message`.

use std::{sync::Arc, time::Duration};

use axum::{BoxError, body::Body, extract::Request};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use crate::{
    grpc::layers::stack::{Handler, Layer, Outcome},
    portal::{Reason, Refusal},
    telemetry::metrics::Waiting,
};

/// The largest message, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// How long a message may take after its headers. A backend sends both together.
pub const TIME_LIMIT: Duration = Duration::from_secs(2);

/// The compressed flag and the length, in bytes.
const PREFIX_BYTES: usize = 5;

/// The layer. A refusal reaches [`generated`](super::generated) as the source of the status that the gRPC library creates for a
/// failed read.
#[derive(Debug)]
pub struct ReadOnce;

impl Layer for ReadOnce {
    async fn call(&self, request: Request, inside: &Arc<impl Handler>) -> Outcome {
        let due = Instant::now() + TIME_LIMIT;
        inside.handle(request.map(|body| Body::from_stream(stream::once(read_until(due, body))))).await
    }
}

async fn read_until(due: Instant, body: Body) -> Result<Bytes, BoxError> {
    let _waiting = Waiting::for_caller();
    timeout_at(due, read_one(body)).await.unwrap_or_else(|_| {
        Err(Refusal::because(Reason::DeadlineExceeded, "message was not complete within 2 s of its headers").into())
    })
}

/// Reads to the end of the body. A message that is missing or cut short is returned as it is: only [`generated`](super::generated)
/// knows whether the caller sent it so or disconnected.
async fn read_one(mut body: Body) -> Result<Bytes, BoxError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Trailers are allowed, and have no meaning.
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
            check_length(&bytes)?;
        }
    }
    Ok(bytes.freeze())
}

/// Checks the bytes that were read so far, so that no more than one message is kept in memory.
fn check_length(bytes: &[u8]) -> Result<(), Refusal> {
    let Some(([_compressed, length @ ..], message)) = bytes.split_first_chunk::<PREFIX_BYTES>() else { return Ok(()) };
    match usize::try_from(u32::from_be_bytes(*length)) {
        Ok(length) if length <= MAX_BYTES && message.len() <= length => Ok(()),
        Ok(length) if length <= MAX_BYTES => {
            Err(Refusal::because(Reason::MessageInvalid, "body has more than one message"))
        }
        Ok(_) | Err(_) => Err(Refusal::because(Reason::MessageTooLarge, "message is larger than 16 KiB")),
    }
}
