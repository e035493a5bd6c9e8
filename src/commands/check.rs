//! `check`: every setting against the real database, flag file, keys and Stripe, before anyone is let in.

use std::io;

use serde::Serialize;
use tokio::time::Instant;

use crate::{
    adapters::{
        flag,
        stripe::{Inspected, Mode, StripePortalSessions},
    },
    commands::report::{self, Row, Severity},
    config::{AuditTarget, Config, KeySource, ReportFormat},
    portal::Refusal,
    reload::file::ReloadingFile,
    wiring::{self, open},
};

/// One thing that was looked at.
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

/// Looks at everything, prints it, and returns whether nothing failed.
///
/// # Errors
/// When standard output is gone.
pub async fn run(config: &Config, format: ReportFormat) -> io::Result<bool> {
    let mut items = vec![ok("settings", "every one is well formed")];
    items.push(keys(config).await);
    items.push(directory(config).await);
    items.push(flag(config).await);
    items.push(audit(config));
    match open::portal_sessions(config).await {
        Ok(portal_sessions) => items.extend(stripe(config, &portal_sessions).await),
        Err(error) => items.push(failed("Stripe key", error)),
    }
    report::print(&items, format)?;
    Ok(items.iter().all(|item| item.severity != Severity::Failure))
}

async fn keys(config: &Config) -> Item {
    const WHAT: &str = "principal keys";
    let from = match &config.principal_jwks {
        KeySource::File(path) => path.display().to_string(),
        KeySource::Url(url) => url.to_string(),
    };
    match open::verifier(config).await {
        Ok(verifier) => match verifier.keys.count() {
            Some(count) => ok(WHAT, format!("{count} usable in {from}")),
            None => failed(WHAT, format!("{from} can't be fetched")),
        },
        Err(error) => failed(WHAT, error),
    }
}

async fn directory(config: &Config) -> Item {
    const WHAT: &str = "directory";
    let probed = match wiring::directory::open(&config.directory, config.deadline).await {
        Ok(directory) => directory.probe().await,
        Err(error) => return failed(WHAT, error),
    };
    match probed {
        Ok(()) => ok(WHAT, "reached, and the relations answer"),
        Err(refusal) => failed(WHAT, refusal),
    }
}

async fn flag(config: &Config) -> Item {
    const WHAT: &str = "flag";
    let file = ReloadingFile::open("--flags-file", config.flags_file.clone(), |bytes| {
        flag::parse(bytes).map_err(|error| error.to_string())
    })
    .await;
    let path = config.flags_file.display();
    let Some(definitions) = file.get() else {
        return failed(WHAT, format!("{path}: {}", file.error().unwrap_or_default()));
    };
    let key = &config.flag_key;
    if !definitions.contains_key(key) {
        failed(WHAT, format!("{path} has no flag {key:?}, so the feature is off"))
    } else if flag::could_be_on(Some(&definitions), key) {
        ok(WHAT, format!("{key:?} in {path} is on, or on for some"))
    } else {
        ok(WHAT, format!("{key:?} in {path} is off for everyone"))
    }
}

fn audit(config: &Config) -> Item {
    const WHAT: &str = "audit log";
    match (open::audit_log(&config.audit), &config.audit) {
        (Ok(_), AuditTarget::Stdout) => ok(WHAT, "standard output"),
        (Ok(_), AuditTarget::File(path)) => ok(WHAT, format!("{} can be appended to", path.display())),
        (Err(error), _) => failed(WHAT, error),
    }
}

async fn stripe(config: &Config, portal_sessions: &StripePortalSessions) -> Vec<Item> {
    let deadline = Instant::now() + config.deadline;
    let (account, configuration) =
        tokio::join!(portal_sessions.inspect_account(deadline), portal_sessions.inspect_configuration(deadline));
    let mode = match config.stripe_terms.mode {
        Mode::Live => "live",
        Mode::Test => "test",
    };
    let mut items = vec![ok("Stripe key", format!("of {mode} mode"))];
    items.push(match account {
        Ok(Inspected::Known(account)) => ok("Stripe account", account.id),
        Ok(Inspected::NotPermitted) => warning("Stripe account", "the restricted key may not read it"),
        Ok(Inspected::Missing) => failed("Stripe account", "Stripe knows none for the key"),
        Err(refusal) => failed("Stripe account", told(&refusal)),
    });
    const WHAT: &str = "portal configuration";
    match configuration {
        Ok(Inspected::Known(found)) if !found.has_configured_mode => {
            items.push(failed(WHAT, format!("{} is not of {mode} mode", found.id)));
        }
        Ok(Inspected::Known(found)) if !found.is_active => {
            items.push(failed(WHAT, format!("{} is not active", found.id)));
        }
        Ok(Inspected::Known(found)) => {
            items.push(ok(WHAT, format!("{} is active", found.id)));
            if found.edits_email {
                let detail = "the portal lets people change the customer's e-mail address";
                items.push(warning("e-mail editing", detail));
            }
            if found.has_login_page {
                let detail = "Stripe's own login page lets people in by e-mail, past the owner check";
                items.push(warning("login page", detail));
            }
        }
        Ok(Inspected::NotPermitted) => items.push(warning(WHAT, "the restricted key may not read it")),
        Ok(Inspected::Missing) => {
            items.push(failed(WHAT, "there is none; save the portal's settings in Stripe's dashboard"));
        }
        Err(refusal) => items.push(failed(WHAT, told(&refusal))),
    }
    items
}

fn told(refusal: &Refusal) -> String {
    format!("{}: {refusal}", refusal.reason().as_str())
}
