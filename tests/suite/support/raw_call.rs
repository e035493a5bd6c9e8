//! Calls that a generated client does not make: any message, in several parts, over one connection or many.

use std::{convert::Infallible, error::Error};

use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use prost::Message as _;
use tonic::Status;

use super::{ClientError, world::home};

pub(crate) const OPEN: &str = "/billing.portal.v1.BillingPortal/CreatePortalSession";

type RawBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// A client whose calls share one connection.
#[derive(Clone)]
pub(crate) struct RawClient(Client<HttpConnector, RawBody>);

impl RawClient {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        // Otherwise the system holds the message back until the headers are acknowledged.
        connector.set_nodelay(true);
        Self(Client::builder(TokioExecutor::new()).http2_only(true).build(connector))
    }

    /// Sends a request. Returns the status, and the headers together with the trailers: after a message, those have the gRPC
    /// status.
    pub(crate) async fn send<B>(&self, request: Request<B>) -> (StatusCode, HeaderMap)
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let (status, headers, _) = self.exchange(request).await.unwrap();
        (status, headers)
    }

    /// Does the same, and returns the body as well.
    ///
    /// # Errors
    /// If the stream or the connection is reset.
    pub(crate) async fn exchange<B>(
        &self,
        request: Request<B>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Box<dyn Error + Send + Sync>>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let (head, body) = self.0.request(request).await?.into_parts();
        let mut headers = head.headers;
        let body = body.collect().await?;
        headers.extend(body.trailers().cloned().unwrap_or_default());
        Ok((head.status, headers, body.to_bytes()))
    }

    /// Sends a request, and returns its refusal.
    pub(crate) async fn refusal<B>(&self, request: Request<B>) -> ClientError
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        ClientError::of(&Status::from_header_map(&self.send(request).await.1).unwrap())
    }
}

/// Returns a gRPC request without its body.
pub(crate) fn grpc(address: impl std::fmt::Display, token: &str) -> http::request::Builder {
    Request::post(format!("http://{address}{OPEN}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {token}"))
}

/// Returns a message in a gRPC frame: the compressed flag, the length, the bytes.
pub(crate) fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![flag];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    frame
}

/// Returns a body with half a message for the portal home. The body never ends.
pub(crate) fn half_message() -> impl Body<Data = Bytes, Error = Infallible> + Send + 'static {
    let message = frame(0, &home().encode_to_vec());
    let half = Bytes::copy_from_slice(&message[..message.len() / 2]);
    let first = stream::once(std::future::ready(Ok(Frame::data(half))));
    StreamBody::new(futures_util::StreamExt::chain(first, std::future::pending().into_stream()))
}
