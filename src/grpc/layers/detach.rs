//! Runs each call in a task of its own. Outside every layer that records something, because hyper drops a call's future when its
//! caller disconnects, and the audit outcome, the metrics and the log line must still be written then.

use std::{error::Error, sync::Arc};

use axum::{body::Body, extract::Request};
use http_body_util::BodyExt as _;
use tokio_util::task::TaskTracker;

use crate::{
    grpc::layers::stack::{Handler, Layer, Outcome},
    portal::{CallerConnection, Reason, Refusal},
};

/// The layer, which tracks every call that has not ended yet, including those whose caller has disconnected. Adds a
/// [`CallerConnection`] to the extensions.
#[derive(Debug)]
pub struct Run(pub TaskTracker);

impl Layer for Run {
    async fn call(&self, mut request: Request, inside: &Arc<impl Handler>) -> Outcome {
        let caller = CallerConnection::default();
        request.extensions_mut().insert(caller.clone());
        let body_reader = caller.clone();
        let request = request.map(|body| {
            Body::new(body.map_err(move |error| {
                body_reader.close_because(early_end(&error));
                error
            }))
        });
        let mut guard = CloseOnDrop(Some(caller));
        let inside = Arc::clone(inside);
        // On the heap before it is spawned: spawning copies a future several times.
        let call = Box::pin(async move { inside.handle(request).await });
        let outcome = self.0.spawn(call).await;
        guard.0 = None;
        outcome.unwrap_or_else(|_| Err(Refusal::because(Reason::Bug, "task of the call ended without a response")))
    }
}

/// Returns why a message ended early. It contains nothing that the caller chose, such as the debug data of a GOAWAY frame.
fn early_end(error: &axum::Error) -> String {
    let mut error: &dyn Error = error;
    loop {
        match (error.downcast_ref::<h2::Error>(), error.source()) {
            (Some(error), _) if error.is_library() => {
                let rule = error.reason().unwrap_or(h2::Reason::PROTOCOL_ERROR);
                return format!("caller sent malformed HTTP/2: {}", rule.description());
            }
            (_, Some(source)) => error = source,
            (_, None) => return "caller cancelled or disconnected before its message was complete".to_owned(),
        }
    }
}

/// Records that the caller disconnected, when it is dropped with the future of [`Run`]: hyper drops that future early only then.
struct CloseOnDrop(Option<CallerConnection>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        if let Some(caller) = &self.0 {
            caller.close();
        }
    }
}
