//! The settings page.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Html,
};
use serde::Deserialize;

use crate::{
    billing::{Refusal, Section},
    people::{PEOPLE, Person},
    web::{App, Failure, session::SignedIn},
};

/// The query parameters of the page.
#[derive(Deserialize)]
pub(super) struct SettingsQuery {
    billing: Option<String>,
}

/// The notice at the top of the page.
pub(crate) enum Notice {
    /// The person returned from the portal.
    Returned,
    /// The portal was not opened.
    Refused(Refusal),
}

#[derive(Template)]
#[template(path = "settings.html", config = "examples/settings/askama.toml")]
struct SettingsPage<'a> {
    person: &'a Person,
    members: Vec<&'static Person>,
    csrf_token: &'a str,
    section: Section,
    notice: Option<Notice>,
}

/// Shows the page, with a notice after a return from the portal.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Query(query): Query<SettingsQuery>,
) -> Result<Html<String>, Failure> {
    let returned = query.billing.as_deref() == Some("returned");
    render(&app, &signed_in, returned.then_some(Notice::Returned)).await
}

/// Renders the page. Every call queries the service for the billing section.
pub(crate) async fn render(app: &App, signed_in: &SignedIn, notice: Option<Notice>) -> Result<Html<String>, Failure> {
    let SignedIn { person, csrf_token } = signed_in;
    let section = app.billing.section(person).await;
    let members = PEOPLE.iter().filter(|member| is_member(member, person)).collect();
    Ok(Html(SettingsPage { person, members, csrf_token, section, notice }.render()?))
}

/// Returns whether `member` belongs to the person's workspace. A former owner does not, even with an old session.
fn is_member(member: &Person, person: &Person) -> bool {
    member.tenant.id == person.tenant.id && (member.is_owner_in_directory || member.role != "owner")
}
