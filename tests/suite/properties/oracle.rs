//! The expected decision, written from docs/contract.md and not from the code that decides.

use super::case::{Audit, CUSTOMERS, Caller, Case, CustomerAnswer, Row, SessionAnswer, State, TENANTS, Token, USERS};

/// Every outcome that a case can have; `OK` is a URL.
pub(super) const OUTCOMES: [&str; 16] = [
    "OK",
    "CALLER_NOT_ALLOWED",
    "TOKEN_MISSING",
    "TOKEN_INVALID",
    "NOT_OWNER",
    "TENANT_MISMATCH",
    "FEATURE_DISABLED",
    "DATABASE_UNAVAILABLE",
    "NO_BILLING_ACCOUNT",
    "MAPPING_INTEGRITY",
    "AUDIT_UNAVAILABLE",
    "TENANT_PROOF_MISSING",
    "BILLING_ACCOUNT_MISSING_AT_STRIPE",
    "STRIPE_RESPONSE_REJECTED",
    "STRIPE_PROTOCOL",
    "STRIPE_UNAVAILABLE",
];

/// Something that a call did outside the service. All of them are compared, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The flag was evaluated for a tenant.
    Flag(String),
    /// The directory was queried for a tenant and a user.
    Directory(String, String),
    /// An audit intent that names a customer was written.
    Intent(String),
    /// Stripe was called for a customer.
    Stripe(String),
    /// The flag's source was read again.
    Refresh,
    /// An audit outcome was written.
    Outcome { reason: &'static str, released: bool },
}

/// What a call must do, and how it must end.
pub(super) struct Expected {
    pub(super) events: Vec<Event>,
    /// The customer whose portal the URL opens, or the reason.
    pub(super) outcome: Result<usize, &'static str>,
}

pub(super) fn expected(case: &Case) -> Expected {
    let mut events = Vec::new();
    let outcome = decide(case, &mut events);
    events.push(Event::Outcome { reason: outcome.err().unwrap_or("OK"), released: outcome.is_ok() });
    Expected { events, outcome }
}

/// The order of the checks, with the events that each of them causes.
fn decide(case: &Case, events: &mut Vec<Event>) -> Result<usize, &'static str> {
    match case.caller {
        Caller::Allowed | Caller::AllowedAfterForged => {}
        Caller::OtherAfterForged | Caller::Other | Caller::Missing | Caller::Duplicate | Caller::OtherMesh => {
            return Err("CALLER_NOT_ALLOWED");
        }
    }
    match case.token {
        Token::Valid => {}
        Token::Missing => return Err("TOKEN_MISSING"),
        Token::Forged => return Err("TOKEN_INVALID"),
    }
    if case.role != "owner" {
        return Err("NOT_OWNER");
    }
    if !case.displayed.is_empty() && case.displayed != TENANTS[case.tenant] {
        return Err("TENANT_MISMATCH");
    }
    let customer = look(case, &case.before, events)?;
    if matches!(case.audit, Audit::IntentFails) {
        return Err("AUDIT_UNAVAILABLE");
    }
    events.push(Event::Intent(CUSTOMERS[customer].to_owned()));
    events.push(Event::Stripe(CUSTOMERS[customer].to_owned()));
    match case.customers[customer] {
        CustomerAnswer::Names(Some(tenant)) if tenant == TENANTS[case.tenant] => {}
        CustomerAnswer::Names(None | Some("")) => return Err("TENANT_PROOF_MISSING"),
        CustomerAnswer::Names(Some(_)) => return Err("MAPPING_INTEGRITY"),
        CustomerAnswer::Deleted => return Err("BILLING_ACCOUNT_MISSING_AT_STRIPE"),
        CustomerAnswer::OtherMode | CustomerAnswer::OtherCustomer => return Err("STRIPE_RESPONSE_REJECTED"),
        CustomerAnswer::Unavailable => return Err("STRIPE_UNAVAILABLE"),
    }
    match case.session {
        SessionAnswer::Fits => {}
        SessionAnswer::OtherCustomer
        | SessionAnswer::OtherMode
        | SessionAnswer::OtherReturnUrl
        | SessionAnswer::OtherHost
        | SessionAnswer::WithFlow => return Err("STRIPE_RESPONSE_REJECTED"),
        SessionAnswer::WithoutUrl => return Err("STRIPE_PROTOCOL"),
        SessionAnswer::Unavailable => return Err("STRIPE_UNAVAILABLE"),
    }
    events.push(Event::Refresh);
    if look(case, case.after.as_ref().unwrap_or(&case.before), events)? != customer {
        return Err("MAPPING_INTEGRITY");
    }
    if matches!(case.audit, Audit::SuccessFails) {
        return Err("AUDIT_UNAVAILABLE");
    }
    Ok(customer)
}

/// Flag and directory at one moment.
fn look(case: &Case, state: &State, events: &mut Vec<Event>) -> Result<usize, &'static str> {
    let (tenant, user) = (TENANTS[case.tenant].to_owned(), USERS[case.user].to_owned());
    events.push(Event::Flag(tenant.clone()));
    if !state.flags[case.tenant] {
        return Err("FEATURE_DISABLED");
    }
    events.push(Event::Directory(tenant, user));
    if !state.is_database_available {
        return Err("DATABASE_UNAVAILABLE");
    }
    if !state.owners[case.tenant][case.user] {
        return Err("NOT_OWNER");
    }
    match state.mappings[case.tenant] {
        Row::Customer(customer) => Ok(customer),
        Row::None => Err("NO_BILLING_ACCOUNT"),
        Row::TwoRows | Row::SharedCustomer | Row::MalformedCustomer => Err("MAPPING_INTEGRITY"),
    }
}

/// Whether a URL may be released, without any order: everything must be right.
pub(super) fn may_open(case: &Case) -> bool {
    let after = case.after.as_ref().unwrap_or(&case.before);
    let (Row::Customer(first), Row::Customer(second)) =
        (case.before.mappings[case.tenant], after.mappings[case.tenant])
    else {
        return false;
    };
    let is_right_at =
        |state: &State| state.flags[case.tenant] && state.is_database_available && state.owners[case.tenant][case.user];
    first == second
        && is_right_at(&case.before)
        && is_right_at(after)
        && case.role == "owner"
        && ["", TENANTS[case.tenant]].contains(&case.displayed)
        && matches!(case.caller, Caller::Allowed | Caller::AllowedAfterForged)
        && matches!(case.token, Token::Valid)
        && matches!(case.customers[first], CustomerAnswer::Names(Some(name)) if name == TENANTS[case.tenant])
        && matches!(case.session, SessionAnswer::Fits)
        && matches!(case.audit, Audit::Works)
}
