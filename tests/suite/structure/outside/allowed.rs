//! What a program may do. Without this file, a mistake in all the others would be taken for their expected errors.

use billing_portal::portal::{CheckedSession, CustomerId, Owner, Principal, TenantId, UserId, VerifiedMapping};

/// Reads the ids.
pub fn ids<'a>(owner: &'a Owner, mapping: &'a VerifiedMapping) -> (&'a UserId, &'a TenantId, &'a CustomerId) {
    let principal: &Principal = owner.principal();
    (principal.user(), mapping.tenant(), mapping.customer())
}

/// Prints a session, whose URL is left out.
pub fn print(session: &CheckedSession) -> String {
    format!("{session:?}")
}
