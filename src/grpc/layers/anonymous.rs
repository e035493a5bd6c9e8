//! Limits the streams of health and reflection. Anyone can open them, without an allowed caller and without a token, so they must
//! not fill the memory, and not keep out what the process is for: the calls of its services, and a probe.
//!
//! - One `Check` per connection is always admitted, so that a probe succeeds whatever other connections do.
//! - All other streams have limits per connection and per listener. A stream that can last, which is a `Watch` or a reflection
//!   stream, also keeps its connection from being closed as idle. Therefore only half of all connections can have such streams.
//! - Whatever waits for the client ends after some time.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Extension, Request, State},
    http::Response,
    middleware::Next,
};
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tonic::Status;

/// The path of the method that probes call.
pub const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";

/// The maximum number of streams on a connection, in addition to one `Check`.
const PER_CONNECTION: usize = 15;

/// The maximum number of `Watch` streams on a connection.
const WATCHES_PER_CONNECTION: usize = 8;

/// The maximum number of `Watch` streams of a listener.
const WATCHES: usize = 256;

/// The maximum number of other streams of a listener, in addition to one `Check` per connection.
const OTHERS: usize = 256;

/// How long the message of a `Check` or a `Watch` may take.
const MESSAGE_TIME: Duration = Duration::from_secs(2);

/// How long a reflection stream may last. A client reads all that there is in much less.
const REFLECTION_TIME: Duration = Duration::from_secs(10);

/// The streams of a listener.
#[derive(Clone, Debug)]
pub struct AnonymousStreams {
    watches: Arc<Semaphore>,
    others: Arc<Semaphore>,
    /// The connections that can have streams that last.
    connections: Arc<Semaphore>,
}

/// The streams of one connection; an extension of each of its requests.
#[derive(Clone, Debug)]
pub struct ConnectionStreams {
    check: Arc<Semaphore>,
    others: Arc<Semaphore>,
    watches: Arc<Semaphore>,
    /// The place among the connections that have streams that last, while it has any.
    lasting: Arc<Mutex<Weak<OwnedSemaphorePermit>>>,
}

/// In the extensions of a response: its stream can last.
#[derive(Clone, Copy, Debug)]
pub struct Lasting;

/// A place for a stream, until it is dropped.
type Slot = Arc<OwnedSemaphorePermit>;

/// The layer. Its refusals have no ErrorInfo, as all statuses of health and reflection.
pub async fn admit(
    State(listener): State<AnonymousStreams>,
    Extension(connection): Extension<ConnectionStreams>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let path = request.uri().path();
    let Some(slots) = listener.admit(&connection, path) else {
        return Status::resource_exhausted("too many streams of health and reflection").into_http();
    };
    let is_check = path == CHECK;
    let mut response = if is_check || path == WATCH {
        let response = timeout(MESSAGE_TIME, next.run(request)).await;
        response.unwrap_or_else(|_| Status::deadline_exceeded("message was not complete in time").into_http())
    } else {
        let messages = |body: Body| Body::from_stream(body.into_data_stream().take_until(sleep(REFLECTION_TIME)));
        next.run(request.map(messages)).await
    };
    if !is_check {
        response.extensions_mut().insert(Lasting);
    }
    hold_until_end(response, slots)
}

/// Keeps a value until the body of a response is dropped, which happens however its stream ends.
pub fn hold_until_end<T: Send + Sync + 'static>(response: Response<Body>, held: T) -> Response<Body> {
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &held;
            frame
        }))
    })
}

impl AnonymousStreams {
    /// Creates the limits of a listener.
    #[must_use]
    pub fn new(max_connections: usize) -> Self {
        Self {
            watches: Arc::new(Semaphore::new(WATCHES)),
            others: Arc::new(Semaphore::new(OTHERS)),
            connections: half(max_connections),
        }
    }

    /// Returns the places that a stream takes, or `None` if one of them is not free.
    fn admit(&self, connection: &ConnectionStreams, path: &str) -> Option<Vec<Slot>> {
        if path == CHECK
            && let Some(slot) = slot(&connection.check)
        {
            return Some(vec![slot]);
        }
        let mut slots = vec![slot(&connection.others)?];
        match path {
            CHECK => slots.push(slot(&self.others)?),
            WATCH => slots.extend([slot(&connection.watches)?, slot(&self.watches)?, self.lasting(connection)?]),
            // Reflection, and unknown methods, which end immediately.
            _ => slots.extend([slot(&self.others)?, self.lasting(connection)?]),
        }
        Some(slots)
    }

    fn lasting(&self, connection: &ConnectionStreams) -> Option<Slot> {
        let mut held = connection.lasting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = held.upgrade() {
            return Some(slot);
        }
        let slot = slot(&self.connections)?;
        *held = Arc::downgrade(&slot);
        Some(slot)
    }
}

fn half(max_connections: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new((max_connections / 2).max(1)))
}

fn slot(places: &Arc<Semaphore>) -> Option<Slot> {
    Arc::clone(places).try_acquire_owned().ok().map(Arc::new)
}

impl ConnectionStreams {
    /// Refuses further streams of health and reflection, because the connection is closing.
    pub fn close(&self) {
        self.check.close();
        self.others.close();
    }
}

impl Default for ConnectionStreams {
    fn default() -> Self {
        Self {
            check: Arc::new(Semaphore::new(1)),
            others: Arc::new(Semaphore::new(PER_CONNECTION)),
            watches: Arc::new(Semaphore::new(WATCHES_PER_CONNECTION)),
            lasting: Arc::default(),
        }
    }
}
