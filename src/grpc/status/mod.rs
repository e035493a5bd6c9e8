//! Refusals as gRPC statuses. The table from reason to code and text is in `table.rs`; the conversions are here.
//!
//! A layer refuses a call with `refused`, which returns a response that carries the [`Refusal`] in its extensions. Interceptors
//! and handlers can only return a [`tonic::Status`], so there the refusal makes a round trip: [`From<Refusal>`] keeps it as the
//! status's source, tonic turns the status into a response that keeps the status in its extensions, and `refusal_of` takes the
//! refusal out again. The audit, the metrics and the log read it, and `final_response` turns it into the response that is sent.
//!
//! Formats of the details: `google.rpc.ErrorInfo`, `BadRequest` and `RetryInfo`, see <https://google.aip.dev/193>.

mod table;

use std::{collections::HashMap, error::Error as _, iter::successors, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use tonic::{Code, Status};
use tonic_types::{BadRequest, ErrorDetail, ErrorInfo, RetryInfo, StatusExt as _};

pub use table::code_and_text;
pub(in crate::grpc) use table::{Severity, code_name, severity};

use crate::portal::{Reason, Refusal};

/// The `domain` of every ErrorInfo.
pub const DOMAIN: &str = "billing.portal.v1";

/// How long a caller should wait before a retry, unless the refusal says otherwise.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// For interceptors and handlers: keeps the refusal as the source of the status.
impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let (code, text) = code_and_text(refusal.reason());
        let mut status = Self::new(code, text);
        status.set_source(Arc::new(refusal));
        status
    }
}

/// Returns the response of a layer that refuses a call. It is not sent: `final_response` replaces it.
pub(crate) fn refused(refusal: Refusal) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(refusal);
    response
}

/// Returns the refusal in a response, or `None` if the response does not refuse the call. A status that the gRPC library created
/// on its own is classified by its code, unless the caller has disconnected.
pub(super) fn refusal_of(response: &Response<Body>, disconnected: Option<Refusal>) -> Option<Refusal> {
    if let Some(refusal) = response.extensions().get::<Refusal>() {
        return Some(refusal.clone());
    }
    if response.status() != StatusCode::OK {
        // For example, a layer was assembled without the layer that adds the extension that it needs.
        return Some(Refusal::because(Reason::Bug, format!("response without a gRPC status: {}", response.status())));
    }
    let code = Code::from_bytes(response.headers().get("grpc-status")?.as_bytes());
    let status = response.extensions().get::<Status>();
    // Directly below a status that was created from a refusal; deeper below one for a message that could not be read.
    let mut sources = successors(status.and_then(|status| status.source()), |&error| error.source());
    if let Some(refusal) = sources.find_map(|error| error.downcast_ref::<Refusal>()) {
        return Some(refusal.clone());
    }
    if let (true, Some(disconnected)) = (code != Code::Ok, disconnected) {
        // The message may be incomplete, and that is not a malformed message.
        return Some(disconnected);
    }
    let reason = match (code, status.map_or("", Status::message)) {
        (Code::Ok, _) => return None,
        (Code::Unimplemented, "") => Reason::MethodUnknown,
        (Code::Unimplemented, _) => Reason::EncodingUnsupported,
        // tonic's codes for a message that cannot be parsed, is cut short, missing, or compressed without a header.
        (Code::Internal | Code::InvalidArgument, _) => Reason::MessageInvalid,
        (Code::Cancelled, _) => Reason::Cancelled,
        (
            Code::Unknown
            | Code::DeadlineExceeded
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
            | Code::Unauthenticated,
            _,
        ) => Reason::Bug,
    };
    // The library's text may quote the message, so only its code is logged.
    Some(Refusal::because(reason, format!("refused by the gRPC library: {}", code_name(code))))
}

/// Returns the response that the caller receives.
pub(super) fn final_response(refusal: &Refusal, request_id: &str) -> Response<Body> {
    let (code, text) = code_and_text(refusal.reason());
    let metadata = HashMap::from([("request_id".to_owned(), request_id.to_owned())]);
    // First, for clients that read only one detail.
    let mut details: Vec<ErrorDetail> = vec![ErrorInfo::new(refusal.reason().as_str(), DOMAIN, metadata).into()];
    if let Some((field, rule)) = refusal.violation() {
        details.push(BadRequest::with_violation(field, rule).into());
    }
    if code == Code::Unavailable || refusal.retry_delay().is_some() {
        details.push(RetryInfo::new(Some(refusal.retry_delay().unwrap_or(RETRY_DELAY))).into());
    }
    Status::with_error_details_vec(code, text, details).into_http()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_survives_the_round_trip_and_its_cause_is_never_sent() {
        let refusal = Refusal::because(Reason::NotOwner, "cause").caused_by(std::io::Error::other("source"));
        let response = Status::from(refusal).into_http();
        let refusal = refusal_of(&response, None).unwrap();
        assert_eq!((refusal.reason(), refusal.to_string().as_str()), (Reason::NotOwner, "cause: source"));
        let sent = final_response(&refusal, "id");
        assert!(!format!("{:?}", sent.headers()).contains("cause"));
        assert!(sent.extensions().get::<Refusal>().is_none());
    }
}
