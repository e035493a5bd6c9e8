//! The billing actions: accept the form and redirect to Stripe's billing portal.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};

use crate::{
    billing::Action,
    web::{App, Failure, session::VerifiedForm, settings::Notice},
};

/// A call that creates a portal session. Its result is the URL of the session, or `None` if it was refused and the
/// session of the person has a notice. Every click while the call is running gets this result.
pub(crate) type Opening = Shared<BoxFuture<'static, Option<HeaderValue>>>;

/// A reference to a call that does not keep its result.
pub(crate) type WeakOpening = WeakShared<BoxFuture<'static, Option<HeaderValue>>>;

/// Redirects to the portal in the same tab, or to the billing page, which then shows why the portal was not opened.
///
/// The status is 303, so that the browser follows with GET, and reloading the page does not repeat the call. The URL in
/// `Location` grants access to anyone who has it, so caches must not store it and `Referer` must not contain it. The
/// headers that ensure this are also set here, not only in the layer around all routes.
pub(crate) async fn open(State(app): State<Arc<App>>, form: VerifiedForm) -> Response {
    let Some(action) = Action::parse(form.field("action")) else { return Failure::Forged.into_response() };
    let displayed_tenant = form.field("displayed_tenant_id");
    let opening = app.sessions.join_or_start(&form.signed_in.session_id, (displayed_tenant, action), || {
        let opening = call(Arc::clone(&app), &form, action, displayed_tenant.to_owned());
        // A second click ends the request of the first one. The call must continue, because the second click joined it.
        tokio::spawn(opening.clone());
        opening
    });
    let Some(location) = opening.await else { return Redirect::to("/settings/billing").into_response() };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn call(app: Arc<App>, form: &VerifiedForm, action: Action, displayed_tenant: String) -> Opening {
    let (person, session_id) = (form.signed_in.person, form.signed_in.session_id.clone());
    async move {
        match app.billing.open(person, action, &displayed_tenant).await {
            Ok(location) => Some(location),
            Err(refusal) => {
                app.sessions.notify(&session_id, Notice::Refused(refusal));
                None
            }
        }
    }
    .boxed()
    .shared()
}
