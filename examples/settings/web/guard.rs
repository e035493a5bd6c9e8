//! Checks every request, and adds security headers to every response.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};

use crate::web::{App, Failure};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses form posts from other sites. This also protects the sign-in form, which has no session and therefore no CSRF
/// token.
///
/// Redirects requests for any other host name, such as localhost or a DNS rebinding name, to the page's own origin,
/// because the session cookie and the return URL work only there.
pub(super) async fn refuse_other_sites(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if headers.get(header::HOST).map(HeaderValue::as_bytes) != app.origin.strip_prefix("http://").map(str::as_bytes) {
        return Redirect::to(&format!("{}/settings", app.origin)).into_response();
    }
    if request.method() == Method::POST && !is_same_origin(headers, &app.origin) {
        return Failure::Forged.into_response();
    }
    next.run(request).await
}

/// Returns whether the page itself sent the request.
///
/// Browsers send `Sec-Fetch-Site`; older ones send only `Origin`. `Sec-Fetch-Site` takes precedence, because `Origin`
/// is `null` under the page's `Referrer-Policy`. A client that sends neither is not a browser, so another site cannot
/// abuse its cookies.
fn is_same_origin(headers: &HeaderMap, origin: &str) -> bool {
    match (headers.get(SEC_FETCH_SITE), headers.get(header::ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(sender)) => sender == origin,
        (None, None) => true,
    }
}

/// Adds headers that forbid scripts of other sites, framing and caching, and that keep the page's URLs out of
/// `Referer`.
pub(super) async fn add_headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, app.content_security_policy.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
