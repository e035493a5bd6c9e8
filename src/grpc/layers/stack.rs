//! How layers are put around a service: as one type, so that a call passes all of them in a single future, without an allocation
//! and a copy of the stack for each.

use std::{
    any::type_name,
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{body::Body, extract::Request, http};
use futures_util::future::BoxFuture;
use tower::Service;

use crate::{
    grpc::status,
    portal::{Reason, Refusal},
};

/// A response to a call that is not refused.
pub type Response = http::Response<Body>;

/// How a call ends: with a response, or with the reason why it is refused.
pub type Outcome = Result<Response, Refusal>;

/// Answers requests: a service, with or without layers around it.
pub trait Handler: Send + Sync + 'static {
    /// Answers or refuses one request.
    fn handle(&self, request: Request) -> impl Future<Output = Outcome> + Send;

    /// Returns the types of the layers, outermost first.
    fn layers(&self) -> Vec<&'static str>;
}

/// One concern of every call: it passes the request on to what is inside it, or answers or refuses it.
pub trait Layer: Send + Sync + 'static {
    /// Answers or refuses one request.
    fn call(&self, request: Request, inside: &Arc<impl Handler>) -> impl Future<Output = Outcome> + Send;
}

impl<L: Layer> Layer for Arc<L> {
    fn call(&self, request: Request, inside: &Arc<impl Handler>) -> impl Future<Output = Outcome> + Send {
        L::call(self, request, inside)
    }
}

/// A layer and what is inside it.
struct Layered<L, H> {
    layer: L,
    inside: Arc<H>,
}

impl<L: Layer, H: Handler> Handler for Layered<L, H> {
    fn handle(&self, request: Request) -> impl Future<Output = Outcome> + Send {
        self.layer.call(request, &self.inside)
    }

    fn layers(&self) -> Vec<&'static str> {
        [vec![type_name::<L>()], self.inside.layers()].concat()
    }
}

/// Puts layers around a handler.
#[derive(Debug)]
pub struct Stack<H>(H);

impl<H: Handler> Stack<H> {
    /// Begins with the handler that is inside all layers.
    pub const fn new(handler: H) -> Self {
        Self(handler)
    }

    /// Adds a layer outside the existing layers.
    pub fn layer(self, layer: impl Layer) -> Stack<impl Handler> {
        Stack(Layered { layer, inside: Arc::new(self.0) })
    }

    /// Returns the handler with all layers.
    pub fn build(self) -> ServiceStack {
        ServiceStack(Arc::new(self.0))
    }
}

/// Returns the refusal of a request that lacks what a layer or an interceptor outside adds to its extensions.
pub(in crate::grpc) fn missing_layer() -> Refusal {
    Refusal::because(Reason::Bug, "layer or handler was reached without a layer or an interceptor outside it")
}

/// No service: it refuses allowed callers with METHOD_UNKNOWN.
#[derive(Debug)]
pub struct UnknownService;

impl Handler for UnknownService {
    async fn handle(&self, _: Request) -> Outcome {
        Err(Refusal::because(Reason::MethodUnknown, "path does not name a service"))
    }

    fn layers(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

/// A service behind its layers.
#[derive(Clone)]
pub struct ServiceStack(Arc<dyn AnyHandler>);

/// A [`Handler`] whose type is not known.
trait AnyHandler: Send + Sync {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<'static, Result<Response, Infallible>>;
    fn layers(&self) -> Vec<&'static str>;
}

impl<H: Handler> AnyHandler for H {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<'static, Result<Response, Infallible>> {
        Box::pin(async move { Ok(Handler::handle(&*self, request).await.unwrap_or_else(status::unrecorded)) })
    }

    fn layers(&self) -> Vec<&'static str> {
        Handler::layers(self)
    }
}

impl ServiceStack {
    /// Returns the types of the layers, outermost first.
    #[must_use]
    pub fn layers(&self) -> Vec<&'static str> {
        self.0.layers()
    }
}

impl Service<Request> for ServiceStack {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Arc::clone(&self.0).handle(request)
    }
}

impl fmt::Debug for ServiceStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServiceStack").field(&self.layers()).finish()
    }
}
