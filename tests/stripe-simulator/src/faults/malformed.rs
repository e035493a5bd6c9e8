//! Faults that replace or damage a response so that it is not a valid response of Stripe's API.

use crate::{faults::effect::RequestInfo, state::State, wire::Answer};

/// One byte over the limit of a careful client, 64 KiB.
const TOO_LARGE: usize = 64 * 1024 + 1;

pub(crate) fn redirect(_: &mut State, request: &RequestInfo, _: Answer) -> Answer {
    // The same path, so that a client that follows the redirect is recorded again.
    let headers = vec![("location".to_owned(), request.path.clone())];
    Answer { status: 302, headers, body: Vec::new() }
}

pub(crate) fn html(_: &mut State, _: &RequestInfo, _: Answer) -> Answer {
    page(200, "Welcome")
}

pub(crate) fn truncated_json(_: &mut State, _: &RequestInfo, mut answer: Answer) -> Answer {
    answer.body.truncate(answer.body.len() / 2);
    answer
}

pub(crate) fn body_too_large(_: &mut State, _: &RequestInfo, mut answer: Answer) -> Answer {
    answer.body.resize(TOO_LARGE.max(answer.body.len()), b' ');
    answer
}

pub(crate) fn bare_429(_: &mut State, _: &RequestInfo, _: Answer) -> Answer {
    Answer { status: 429, headers: Vec::new(), body: Vec::new() }
}

pub(crate) fn bad_gateway(_: &mut State, _: &RequestInfo, _: Answer) -> Answer {
    page(502, "502 Bad Gateway")
}

pub(crate) fn gateway_timeout(_: &mut State, _: &RequestInfo, _: Answer) -> Answer {
    page(504, "504 Gateway Time-out")
}

/// Returns an HTML page like that of a proxy between the client and Stripe.
fn page(status: u16, title: &str) -> Answer {
    let body = format!("<html>\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n");
    Answer { status, headers: vec![("content-type".to_owned(), "text/html".to_owned())], body: body.into_bytes() }
}
