//! Proofs from their only fields.

use billing_portal::portal::{Owner, Principal, SessionUrl};

pub fn owner(principal: Principal) -> Owner {
    Owner(principal) //~ E0423
}

pub fn url(url: String) -> SessionUrl {
    SessionUrl(url) //~ E0423
}
