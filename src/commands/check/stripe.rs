//! What `check` examines at Stripe.

use tokio::time::Instant;

use super::{Item, failed, ok, warning};
use crate::{
    adapters::stripe::{Account, Inspected, Permission, PortalConfiguration, StripePortalSessions},
    config::Config,
    portal::{Refusal, ReturnUrl},
};

/// Reads what the key may read, and probes its permissions.
pub(super) async fn check(config: &Config, portal_sessions: &StripePortalSessions) -> Vec<Item> {
    let deadline = Instant::now() + config.limits.deadline;
    let (account, configuration, customer, session) = tokio::join!(
        portal_sessions.inspect_account(deadline),
        portal_sessions.inspect_configuration(deadline),
        portal_sessions.probe_customer(deadline),
        async {
            match ReturnUrl::root_of(&config.return_origins) {
                Ok(return_url) => portal_sessions.probe_session(return_url, deadline).await,
                Err(refusal) => Err(refusal),
            }
        }
    );
    let mode = config.stripe.sessions.mode.as_str();
    let mut items = vec![key(portal_sessions.has_restricted_key(), mode), self::account(account)];
    items.push(permission("read customers", customer));
    items.push(permission("create sessions", session));
    items.extend(portal_configuration(configuration, mode));
    items
}

fn key(is_restricted: Result<bool, Refusal>, mode: &str) -> Item {
    const WHAT: &str = "Stripe key";
    match is_restricted {
        Ok(true) => ok(WHAT, format!("restricted key, {mode} mode")),
        Ok(false) => warning(
            WHAT,
            format!("secret key, {mode} mode; use a restricted key, which cannot do more than the service needs"),
        ),
        Err(refusal) => failed(WHAT, with_reason(&refusal)),
    }
}

/// The outcome of a probe. The refusal names the permission if Stripe does.
fn permission(what: &'static str, probed: Result<(), Refusal>) -> Item {
    match probed {
        Ok(()) => ok(what, "the key has the permission"),
        Err(refusal) => failed(what, with_reason(&refusal)),
    }
}

fn account(account: Result<Inspected<Account>, Refusal>) -> Item {
    const WHAT: &str = "Stripe account";
    match account {
        Ok(Inspected::Known(account)) => ok(WHAT, account.id),
        Ok(Inspected::NotPermitted(permission)) => warning(WHAT, not_permitted(permission)),
        Ok(Inspected::Missing) => failed(WHAT, "Stripe has no account for the key; check --stripe-secret-key-file"),
        Err(refusal) => failed(WHAT, with_reason(&refusal)),
    }
}

fn portal_configuration(configuration: Result<Inspected<PortalConfiguration>, Refusal>, mode: &str) -> Vec<Item> {
    const WHAT: &str = "portal configuration";
    let found = match configuration {
        Ok(Inspected::Known(found)) => found,
        Ok(Inspected::NotPermitted(permission)) => return vec![warning(WHAT, not_permitted(permission))],
        Ok(Inspected::Missing) => {
            let detail = "not found; save the portal settings in the Stripe Dashboard, or change \
                          --stripe-portal-configuration";
            return vec![failed(WHAT, detail)];
        }
        Err(refusal) => return vec![failed(WHAT, with_reason(&refusal))],
    };
    if !found.has_configured_mode {
        return vec![failed(WHAT, format!("{} does not belong to {mode} mode", found.id))];
    }
    if !found.is_active {
        return vec![failed(WHAT, format!("{} is not active; activate it in the Stripe Dashboard", found.id))];
    }
    let mut items = vec![ok(WHAT, format!("{} is active", found.id))];
    if found.edits_email {
        items.push(warning("e-mail editing", "the portal lets people change the customer's email address"));
    }
    if found.has_login_page {
        let detail = "Stripe's login page is enabled; it admits people by email and bypasses the owner check";
        items.push(warning("login page", detail));
    }
    items
}

fn not_permitted(missing: Option<Permission>) -> String {
    let name = missing.map(|permission| format!(" ({permission})")).unwrap_or_default();
    format!("not checked: the restricted key has no permission to read it{name}")
}

fn with_reason(refusal: &Refusal) -> String {
    format!("{}: {refusal}", refusal.reason().as_str())
}
