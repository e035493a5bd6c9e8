//! The billing action: accepts the form and redirects to Stripe's billing portal.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use crate::web::{
    App, Failure,
    session::VerifiedForm,
    settings::{self, Notice},
};

/// Redirects to the portal in the same tab, or shows the settings page with a sentence that explains the refusal.
///
/// The status is 303, so that the browser follows with GET. The URL in `Location` grants access to anyone who has it,
/// so caches must not store it and `Referer` must not contain it. The headers that ensure this are also set here, not
/// only in the layer around all routes.
pub(crate) async fn open(State(app): State<Arc<App>>, form: VerifiedForm) -> Result<Response, Failure> {
    match app.billing.open(form.signed_in.person, form.field("displayed_tenant_id")).await {
        Ok(location) => {
            let headers = [
                (header::LOCATION, location),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            ];
            Ok((StatusCode::SEE_OTHER, headers).into_response())
        }
        Err(refusal) => {
            Ok(settings::render(&app, &form.signed_in, Some(Notice::Refused(refusal))).await?.into_response())
        }
    }
}
