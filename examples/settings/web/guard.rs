//! What holds for every request and every answer.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};

use crate::web::{App, Failure};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses forms of other sites, the sign-in form included, which has no session and so no CSRF token. A name other than
/// the page's own (localhost, or one that is made to lead here) is sent to the right one, for cookies and the portal's
/// way back hold for that one only.
pub(super) async fn refuse_other_sites(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if headers.get(header::HOST).map(HeaderValue::as_bytes) != app.origin.strip_prefix("http://").map(str::as_bytes) {
        return Redirect::to(&format!("{}/settings", app.origin)).into_response();
    }
    if request.method() == Method::POST && !is_own(headers, &app.origin) {
        return Failure::Forged.into_response();
    }
    next.run(request).await
}

/// Browsers say where a form comes from by `Sec-Fetch-Site`, older ones by `Origin` (which is `null` under our
/// `Referrer-Policy`, so it comes second). Who says neither is no browser, and has no cookie that another site could use.
fn is_own(headers: &HeaderMap, origin: &str) -> bool {
    match (headers.get(SEC_FETCH_SITE), headers.get(header::ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(from)) => from == origin,
        (None, None) => true,
    }
}

/// No scripts, no frames, nothing kept by caches, and no address of ours in anybody's `Referer`.
pub(super) async fn add_headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, app.content_security_policy.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
