//! The action: a form in, a redirect to Stripe's portal out.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use crate::web::{
    App, Failure,
    session::OwnForm,
    settings::{self, Notice},
};

/// Redirects to the portal in the same tab, or shows the settings page again with the reason why not. 303, so that the
/// browser goes there by GET. The headers are set here again, for the URL in this answer lets anyone in who holds it:
/// no cache may keep it and no page may be told it.
pub(crate) async fn open(State(app): State<Arc<App>>, form: OwnForm) -> Result<Response, Failure> {
    match app.billing.open(form.signed_in.person, form.field("displayed_tenant_id")).await {
        Ok(location) => {
            let headers = [
                (header::LOCATION, location),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            ];
            Ok((StatusCode::SEE_OTHER, headers).into_response())
        }
        Err(refused) => {
            Ok(settings::render(&app, &form.signed_in, Some(Notice::Refused(refused))).await?.into_response())
        }
    }
}
