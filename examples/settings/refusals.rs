//! Prints each refused call on one line, whether the page, grpcurl or another backend made it.

use std::{
    collections::VecDeque,
    fmt::Debug,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::{
    extract::Request,
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use tonic::Status;
use tonic_types::StatusExt as _;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::{Context, Layer},
    registry::LookupSpan,
};

use crate::terminal;

/// The part of the service that logs each call, with the cause of a refusal, which is never sent to the caller.
pub(crate) const LOG: &str = "billing_portal::grpc::layers::log";

/// The part of the service that creates the span with the request ID.
const TRACE: &str = "billing_portal::grpc::layers::trace";

/// How many causes wait for their response at most. The response to a caller that has disconnected is never printed.
const MAX_CAUSES: usize = 64;

/// The latest causes, by request ID.
static CAUSES: Mutex<VecDeque<(String, String)>> = Mutex::new(VecDeque::new());

fn causes() -> MutexGuard<'static, VecDeque<(String, String)>> {
    CAUSES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A middleware of the service, outside its layers.
pub(crate) async fn print(request: Request, next: Next) -> Response {
    let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let person = person(request.headers());
    let response = next.run(request).await;
    let info = Status::from_header_map(response.headers()).and_then(|status| status.get_details_error_info());
    if let Some(info) = info {
        let request_id = info.metadata.get("request_id").map_or("", String::as_str);
        let cause = causes().iter().find(|(id, _)| id == request_id).map(|(_, cause)| format!(" ({cause})"));
        let (reason, cause) = (info.reason, cause.unwrap_or_default());
        let line = format!("Refused {method:.64} for {person:.64}: {reason}{cause}, request ID {request_id}");
        terminal::print_line(&line.chars().filter(|c| !c.is_control()).collect::<String>());
    }
    response
}

/// Returns the person that a token names. The token is not verified: the refusal may say that it is invalid.
fn person(headers: &HeaderMap) -> String {
    #[derive(Deserialize)]
    struct Claims {
        sub: String,
        tenant: String,
    }
    let claims = || -> Option<Claims> {
        let claims = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    };
    claims().map_or_else(|| "an unknown person".to_owned(), |claims| format!("{} of {}", claims.sub, claims.tenant))
}

/// Collects the cause of each refusal from the service's log.
pub(crate) struct Causes;

/// Returns the filter for what [`Causes`] reads.
pub(crate) fn calls() -> Targets {
    Targets::new().with_targets([(LOG, LevelFilter::INFO), (TRACE, LevelFilter::INFO)])
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Causes {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut request_id = Text::of("request_id");
        attributes.record(&mut request_id);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(request_id);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut cause = Text::of("cause");
        event.record(&mut cause);
        let span = context.event_span(event);
        let request_id = span.and_then(|span| span.extensions().get::<Text>()?.value.clone());
        if let (Some(request_id), Some(cause)) = (request_id, cause.value) {
            let mut causes = causes();
            causes.push_back((request_id, cause));
            if causes.len() > MAX_CAUSES {
                causes.pop_front();
            }
        }
    }
}

/// The value of one field that is a string.
struct Text {
    field: &'static str,
    value: Option<String>,
}

impl Text {
    fn of(field: &'static str) -> Self {
        Self { field, value: None }
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.field {
            self.value = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
