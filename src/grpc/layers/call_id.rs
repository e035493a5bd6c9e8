//! Assigns each call its request id and its span. Outside every layer that logs, so that each log line of the call has the id.

use std::sync::Arc;

use axum::extract::Request;
use tracing::Instrument as _;

use crate::{
    grpc::layers::{
        stack::{Handler, Layer, Outcome, missing_layer},
        trace,
    },
    portal::{CallerConnection, Refusal},
    telemetry::{CallIds, with_ids},
};

/// The call, for the layers inside; an extension of every request, in an [`Arc`].
#[derive(Debug)]
pub struct Call {
    /// The ids of the call.
    pub ids: Arc<CallIds>,
    /// The name of the method in spans and metrics: one of a fixed list, never a caller's text.
    pub method: &'static str,
    /// The path of the request, cut off. It is the caller's text, so it is logged as a string, which both formats escape.
    pub path: String,
    /// Whether the caller is still connected.
    pub caller: CallerConnection,
}

impl Call {
    /// Returns the call of a request.
    ///
    /// # Errors
    /// BUG if the layer is not outside.
    pub(super) fn of(request: &Request) -> Result<Arc<Self>, Refusal> {
        request.extensions().get().cloned().ok_or_else(missing_layer)
    }
}

/// The length at which a path is cut off, in characters. Log lines wait in memory, and a path can have 32 KiB.
const MAX_LOGGED_PATH: usize = 256;

/// The layer. Adds a [`Call`] to the extensions.
#[derive(Debug)]
pub struct AssignId;

impl Layer for AssignId {
    async fn call(&self, mut request: Request, inside: &Arc<impl Handler>) -> Outcome {
        let caller: CallerConnection = request.extensions().get().cloned().ok_or_else(missing_layer)?;
        let request_id = uuid::Uuid::new_v4().to_string();
        let path = request.uri().path();
        let method = trace::method(path);
        let path = path.chars().take(MAX_LOGGED_PATH).collect();
        let (span, trace_id) = trace::span(method, request.headers(), &request_id);
        let ids = Arc::new(CallIds { request_id, trace_id });
        request.extensions_mut().insert(Arc::new(Call { ids: Arc::clone(&ids), method, path, caller }));
        with_ids(ids, inside.handle(request).instrument(span)).await
    }
}
