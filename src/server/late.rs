//! The rest of a request whose call was answered before it was read. It is read and discarded, because the HTTP/2 library counts
//! small frames that nobody reads, and closes a connection with too many of them: without this, refused calls would end the
//! other calls of their client.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::HttpBody;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::{runtime::Handle, time::timeout};

use crate::grpc::layers::message::{MAX_BYTES, TIME_LIMIT};

/// The body of a request, which is read to its end even if it is dropped before: up to the size of a message, and as long as a
/// message may take. After that, the HTTP/2 library resets its stream.
pub(super) struct ReadToEnd(Option<Incoming>);

impl ReadToEnd {
    pub(super) const fn new(body: Incoming) -> Self {
        Self(Some(body))
    }
}

impl HttpBody for ReadToEnd {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for ReadToEnd {
    fn drop(&mut self) {
        if let Some(body) = self.0.take()
            && !body.is_end_stream()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(timeout(TIME_LIMIT, discard(body)));
        }
    }
}

async fn discard(mut body: Incoming) {
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, Bytes::len);
        if length > MAX_BYTES {
            return;
        }
    }
}
