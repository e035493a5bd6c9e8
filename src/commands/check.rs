//! `check`: tests every setting against the real database, flag file, keys and Stripe account before the service is
//! used.

mod stripe;
mod tls;

use std::io;

use serde::Serialize;

use crate::{
    adapters::flag::{Definition, OffReason},
    commands::{
        exposed,
        report::{self, ReportFormat, Row, Severity},
    },
    config::{AuditTarget, Config, KeySource},
    grpc::auth::rules::TokenRules,
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
        Ok(portal_sessions) => items.extend(stripe::check(config, &portal_sessions).await),
        Err(error) => items.push(failed("Stripe key", error)),
    }
    items.extend(exposed::secrets(config).into_iter().map(|(setting, path)| {
        warning(
            "file permissions",
            format!("{setting}: everyone on this machine can read {}; run chmod 600 on it", path.display()),
        )
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
