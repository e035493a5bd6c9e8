//! Refusals as gRPC statuses. The table from reason to code and text is in `table.rs`; the conversions are here.
//!
//! A layer refuses a call with the [`Refusal`] itself. Interceptors and handlers can only return a [`tonic::Status`], so there the
//! refusal makes a round trip: [`From<Refusal>`] keeps it as the status's source, and `refusal` and `outcome` take it out again.
//! The audit, the metrics and the log read it, and `final_response` turns it into the response that is sent.
//!
//! Formats of the details: `google.rpc.ErrorInfo`, `BadRequest` and `RetryInfo`, see <https://google.aip.dev/193>.

mod table;

use std::{collections::HashMap, error::Error as _, iter::successors, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode},
};
use tonic::{Code, Status};
use tonic_types::{BadRequest, ErrorDetail, ErrorInfo, RetryInfo, StatusExt as _};

pub use table::code_and_text;
pub(in crate::grpc) use table::{Severity, code_name, severity};

use crate::portal::{CallerConnection, Reason, Refusal};

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

/// Returns how a call ends whose response comes from the generated server: from the handler, or from the gRPC library on its own.
/// What the library cannot read may be a message that is incomplete because the caller has disconnected.
pub(super) fn outcome(response: Response<Body>, caller: &CallerConnection) -> Result<Response<Body>, Refusal> {
    if response.status() != StatusCode::OK {
        return Err(Refusal::because(Reason::Bug, format!("response without a gRPC status: {}", response.status())));
    }
    let Some(code) = response.headers().get("grpc-status").map(|code| Code::from_bytes(code.as_bytes())) else {
        return Ok(response);
    };
    if code == Code::Ok {
        return Ok(response);
    }
    let status = response.extensions().get::<Status>();
    let refusal = status.and_then(refusal_in).or_else(|| caller.check().err());
    Err(refusal.unwrap_or_else(|| by_code(code, status.map_or("", Status::message))))
}

/// Returns the refusal that an interceptor returned as a status.
pub(super) fn refusal(status: &Status) -> Refusal {
    refusal_in(status).unwrap_or_else(|| by_code(status.code(), status.message()))
}

/// Returns the refusal that a status was created from: it is its source, or further below for a message that could not be read.
fn refusal_in(status: &Status) -> Option<Refusal> {
    successors(status.source(), |&error| error.source()).find_map(|error| error.downcast_ref().cloned())
}

/// Classifies a status that the gRPC library created on its own.
fn by_code(code: Code, message: &str) -> Refusal {
    let reason = match (code, message) {
        (Code::Unimplemented, "") => Reason::MethodUnknown,
        (Code::Unimplemented, _) => Reason::EncodingUnsupported,
        // tonic's codes for a message that cannot be parsed, is cut short, missing, or compressed without a header.
        (Code::Internal | Code::InvalidArgument, _) => Reason::MessageInvalid,
        (Code::Cancelled, _) => Reason::Cancelled,
        (
            Code::Ok
            | Code::Unknown
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
    Refusal::because(reason, format!("refused by the gRPC library: {}", code_name(code)))
}

/// Returns the response to a call that is refused outside the layers that record it. It gets an id and a log line here.
pub(super) fn unrecorded(refusal: Refusal) -> Response<Body> {
    let request_id = uuid::Uuid::new_v4().to_string();
    tracing::error!(request_id, reason = refusal.reason().as_str(), cause = %refusal, "request refused");
    final_response(&refusal, &request_id)
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
    let mut response = Status::with_error_details_vec(code, text, details).into_http();
    if refusal.reason() == Reason::EncodingUnsupported {
        // What the caller can send instead: https://github.com/grpc/grpc/blob/master/doc/compression.md
        response.headers_mut().insert("grpc-accept-encoding", HeaderValue::from_static("identity"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_survives_the_round_trip_and_its_cause_is_never_sent() {
        let refusal = Refusal::because(Reason::NotOwner, "cause").caused_by(std::io::Error::other("source"));
        let response = Status::from(refusal).into_http();
        let refusal = outcome(response, &CallerConnection::default()).unwrap_err();
        assert_eq!((refusal.reason(), refusal.to_string().as_str()), (Reason::NotOwner, "cause: source"));
        let sent = final_response(&refusal, "id");
        assert!(!format!("{:?}", sent.headers()).contains("cause"));
        assert!(sent.extensions().get::<Refusal>().is_none());
    }

    #[test]
    fn only_the_refusal_of_an_encoding_names_the_accepted_one() {
        for (reason, accepted) in [(Reason::EncodingUnsupported, Some("identity")), (Reason::MethodUnknown, None)] {
            let response = final_response(&Refusal::because(reason, "cause"), "id");
            let header = response.headers().get("grpc-accept-encoding").map(|value| value.to_str().unwrap());
            assert_eq!(header, accepted);
        }
    }

    #[test]
    fn refusal_that_no_layer_records_has_its_reason_and_an_id() {
        let response = unrecorded(Refusal::because(Reason::Bug, "cause"));
        let status = Status::from_header_map(response.headers()).unwrap();
        let info = status.get_details_error_info().unwrap();
        assert_eq!((status.code(), info.reason.as_str()), (Code::Internal, "BUG"));
        uuid::Uuid::parse_str(&info.metadata["request_id"]).unwrap();
    }
}
