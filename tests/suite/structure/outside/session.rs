//! A checked session and its URL.

use billing_portal::portal::{CheckedSession, CustomerId, Owner, SessionUrl, VerifiedMapping};

pub fn checked(customer: CustomerId) -> CheckedSession {
    CheckedSession::new(customer, String::new()) //~ E0624
}

pub fn withheld(session: CheckedSession) -> impl std::fmt::Debug {
    session.url //~ E0616
}

pub fn released(session: CheckedSession, mapping: VerifiedMapping, owner: &Owner) -> SessionUrl {
    session.release(mapping, owner).unwrap() //~ E0624
}

pub fn text(url: SessionUrl) -> String {
    url.into_string() //~ E0624
}

pub fn printed(url: &SessionUrl) -> String {
    format!("{url}") //~ E0277
}

pub fn twice(url: &SessionUrl) -> SessionUrl {
    url.clone() //~ E0308
}

pub fn compared(one: &SessionUrl, other: &SessionUrl) -> bool {
    one == other //~ E0369
}
