//! `check`: tests every setting against the real database, flag file, keys and Stripe account before the service is
//! used.

mod tls;

use std::io;

use serde::Serialize;
use tokio::time::Instant;

use crate::{
    adapters::{
        flag::{Definition, OffReason},
        stripe::{Account, Inspected, Permission, PortalConfiguration, StripePortalSessions},
    },
    commands::{
        exposed,
        report::{self, ReportFormat, Row, Severity},
    },
    config::{AuditTarget, Config, KeySource},
    grpc::auth::rules::TokenRules,
    portal::{Refusal, ReturnUrl},
    wiring::open,
};

/// The result of one check.
#[derive(Debug, Serialize)]
struct Item {
    what: &'static str,
    status: &'static str,
    detail: String,
    #[serde(skip)]
    severity: Severity,
}

impl Row for Item {
    const HEADER: &'static [&'static str] = &["what", "status", "detail"];

    fn cells(&self) -> Vec<&str> {
        vec![self.what, self.status, &self.detail]
    }

    fn severity(&self) -> Severity {
        self.severity
    }
}

fn ok(what: &'static str, detail: impl Into<String>) -> Item {
    Item { what, status: "ok", detail: detail.into(), severity: Severity::Ok }
}

fn warning(what: &'static str, detail: impl Into<String>) -> Item {
    Item { what, status: "warning", detail: detail.into(), severity: Severity::Warning }
}

fn failed(what: &'static str, detail: impl ToString) -> Item {
    Item { what, status: "failed", detail: detail.to_string(), severity: Severity::Failure }
}

/// Runs every check, prints the results, and returns whether none failed.
///
/// # Errors
/// If the report cannot be written to standard output.
pub async fn run(config: &Config, format: ReportFormat) -> io::Result<bool> {
    let mut items = vec![ok("settings", "all settings are valid")];
    for (what, proxy) in [("proxy for keys", &config.principal.jwks_proxy), ("proxy for Stripe", &config.stripe.proxy)]
    {
        items.extend(proxy.as_ref().map(|proxy| ok(what, proxy.to_string())));
    }
    items.push(keys(config).await);
    items.push(tokens(&config.principal.rules));
    items.push(directory(config).await);
    items.push(flag(config).await);
    items.push(audit(config));
    items.extend(tls::check(config.tls.as_ref()).await);
    match open::portal_sessions(config, &mut Vec::new()).await {
        Ok(portal_sessions) => items.extend(stripe(config, &portal_sessions).await),
        Err(error) => items.push(failed("Stripe key", error)),
    }
    items.extend(exposed::secrets(config).into_iter().map(|(setting, path)| {
        warning("file permissions", format!("{setting}: everyone on this machine can read {}", path.display()))
    }));
    report::print(&items, format)?;
    Ok(items.iter().all(|item| item.severity != Severity::Failure))
}

async fn keys(config: &Config) -> Item {
    const WHAT: &str = "principal keys";
    let source = match &config.principal.jwks {
        KeySource::File(path) => path.display().to_string(),
        KeySource::Url(url) => url.to_string(),
    };
    match open::verifier(&config.principal, &mut Vec::new()).await {
        Ok(verifier) => match verifier.keys.current() {
            Some(keys) if keys.skipped().is_empty() => ok(WHAT, format!("{} usable in {source}", keys.count())),
            Some(keys) => ok(WHAT, format!("{} usable in {source}; skipped: {}", keys.count(), keys.skipped())),
            None => {
                failed(WHAT, format!("{source} cannot be fetched; check the URL, and that its certificate is trusted"))
            }
        },
        Err(error) => failed(WHAT, error),
    }
}

/// The effective rules, because most mistakes in them refuse every token, and some accept too many.
fn tokens(rules: &TokenRules) -> Item {
    const WHAT: &str = "principal tokens";
    if rules.format.types.include_generic() {
        return warning(WHAT, format!("{rules}; JWT and none also accept other tokens of this issuer and audience"));
    }
    ok(WHAT, rules.to_string())
}

async fn directory(config: &Config) -> Item {
    const WHAT: &str = "directory";
    let probed = match open::directory(&config.directory, config.limits.deadline, &mut Vec::new()).await {
        Ok(directory) => directory.probe().await,
        Err(error) => return failed(WHAT, error),
    };
    match probed {
        Ok(()) => ok(WHAT, "reached; the relations can be read"),
        Err(refusal) => failed(WHAT, format!("{refusal}; check DATABASE_URL, the relations and their columns")),
    }
}

async fn flag(config: &Config) -> Item {
    const WHAT: &str = "flag";
    let file = open::flag_file(&config.flag, &mut Vec::new()).await;
    let (path, key) = (config.flag.file.display(), &config.flag.key);
    let Some(definition) = file.get() else {
        let error = file.error().map(|error| error.to_string());
        return failed(WHAT, format!("{path} cannot be used: {}", error.unwrap_or_default()));
    };
    match &*definition {
        Definition::Off(OffReason::Missing) => {
            let fix = "define it, or change --flag-key";
            failed(WHAT, format!("{path} does not define {key:?}, so the feature is off; {fix}"))
        }
        Definition::Off(reason @ OffReason::Invalid(_)) => {
            failed(WHAT, format!("{key:?} in {path} is off for all tenants: {reason}"))
        }
        Definition::Off(reason @ OffReason::Disabled) => {
            ok(WHAT, format!("{key:?} in {path} is off for all tenants: {reason}"))
        }
        Definition::Enabled(_) if definition.could_be_on() => {
            ok(WHAT, format!("{key:?} in {path} is on for all or some tenants"))
        }
        Definition::Enabled(_) => ok(WHAT, format!("{key:?} in {path} is off for all tenants")),
    }
}

fn audit(config: &Config) -> Item {
    const WHAT: &str = "audit log";
    match &config.audit {
        // The standard output of this command is not the one of the service.
        AuditTarget::Stdout => ok(WHAT, "standard output"),
        AuditTarget::File(path) => match open::audit_log(&config.audit) {
            Ok(_) => ok(WHAT, format!("{} can be written", path.display())),
            Err(error) => failed(WHAT, error),
        },
    }
}

async fn stripe(config: &Config, portal_sessions: &StripePortalSessions) -> Vec<Item> {
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
    let mut items = vec![stripe_key(portal_sessions.has_restricted_key(), mode), stripe_account(account)];
    items.push(permission("read customers", customer));
    items.push(permission("create sessions", session));
    items.extend(portal_configuration(configuration, mode));
    items
}

fn stripe_key(is_restricted: Result<bool, Refusal>, mode: &str) -> Item {
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

fn stripe_account(account: Result<Inspected<Account>, Refusal>) -> Item {
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
