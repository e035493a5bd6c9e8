//! The generated service, inside all layers. Turns each response that refuses the call into a [`Refusal`](crate::portal::Refusal),
//! whether it comes from the handler or from the gRPC library.

use std::convert::Infallible;

use axum::{
    BoxError,
    body::{Body, HttpBody},
    extract::Request,
    http,
};
use bytes::Bytes;
use tower::{Service, ServiceExt as _};

use crate::{
    grpc::{
        layers::stack::{Handler, Outcome, missing_layer},
        status,
    },
    portal::CallerConnection,
};

/// A generated service as a handler.
#[derive(Debug)]
pub struct Generated<S>(pub S);

impl<S, B> Handler for Generated<S>
where
    S: Service<Request, Response = http::Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    async fn handle(&self, request: Request) -> Outcome {
        let caller = request.extensions().get::<CallerConnection>().cloned().ok_or_else(missing_layer)?;
        let Ok(response) = self.0.clone().oneshot(request).await;
        status::outcome(response.map(Body::new), &caller)
    }

    fn layers(&self) -> Vec<&'static str> {
        Vec::new()
    }
}
