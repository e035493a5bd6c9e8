//! Checks the environment variables. A variable that looks like a setting but is not one is probably misspelled, so it is an
//! error.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};

use super::error::SettingError;

const PREFIX: &str = "BILLING_PORTAL_";

/// The variable of the backfill's key. The service refuses it, so that no serving process can read a key that writes to
/// customers.
pub const BACKFILL_KEY_FILE: &str = "BILLING_PORTAL_STRIPE_BACKFILL_KEY_FILE";

/// Refuses every `BILLING_PORTAL_*` variable that is neither a setting of the command nor injected by Kubernetes.
///
/// # Errors
/// An error that names the first such variable.
pub fn refuse_unknown(
    command: &clap::Command,
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(), SettingError> {
    let known: Vec<&str> = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str()).collect();
    for (name, value) in variables {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        if name.starts_with(PREFIX) && !known.contains(&&*name) && !is_injected(&name, &value) {
            let problem = match similar_variable(command, &name) {
                _ if name == BACKFILL_KEY_FILE => {
                    "setting of billing-portal-backfill only; remove it from the environment of the service".to_owned()
                }
                Some(similar) => format!("unknown setting; did you mean {similar}?"),
                None => "unknown setting; remove the variable, or see --help for the correct name".to_owned(),
            };
            return Err(SettingError::new(&name, problem));
        }
    }
    Ok(())
}

/// Returns the variable of the flag with the same name, or of the flag that the command-line parser suggests for it.
fn similar_variable(command: &clap::Command, name: &str) -> Option<String> {
    let flag = format!("--{}", name.strip_prefix(PREFIX)?.to_lowercase().replace('_', "-"));
    let error = command.clone().try_get_matches_from(["", &flag]).err()?;
    let similar = match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(suggested)) => suggested,
        _ => &flag,
    };
    let argument = command.get_arguments().find(|argument| argument.get_long() == similar.strip_prefix("--"))?;
    argument.get_env()?.to_str().map(str::to_owned)
}

/// Variables that the PostgreSQL driver reads even though every connection option is set. All other `PG*` variables have no
/// effect.
const POSTGRES_VARIABLES: [&str; 3] = ["PGOPTIONS", "PGSSLCERT", "PGSSLKEY"];

/// Refuses a variable that would change connections to PostgreSQL although it is not a setting.
pub(super) fn refuse_postgres_variables(read: impl Fn(&str) -> Option<OsString>) -> Result<(), SettingError> {
    match POSTGRES_VARIABLES.into_iter().find(|name| read(name).is_some()) {
        Some(name) => {
            Err(SettingError::new(name, "must not be set, because it changes connections to PostgreSQL; remove it"))
        }
        None => Ok(()),
    }
}

/// Returns whether Kubernetes injects the variable for a Service whose name begins with billing-portal: `*_SERVICE_HOST`,
/// `*_SERVICE_PORT*`, `*_PORT` with a value like `tcp://…`, and `*_PORT_<n>_*`.
///
/// <https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables>
fn is_injected(name: &str, value: &str) -> bool {
    let numbered_port = name.match_indices("_PORT_").any(|(at, port)| {
        let rest = name.get(at + port.len()..).unwrap_or_default();
        rest.split_once('_').is_some_and(|(number, _)| number.parse::<u16>().is_ok())
    });
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || numbered_port
        || (name.ends_with("_PORT") && value.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(name: &str, value: &str) -> Result<(), SettingError> {
        let command = clap::Command::new("").arg(clap::Arg::new("listen").env("BILLING_PORTAL_LISTEN"));
        refuse_unknown(&command, [(name.into(), value.into())].into_iter())
    }

    #[test]
    fn accepts_variables_that_kubernetes_injects() {
        for (name, value) in [
            ("BILLING_PORTAL_SERVICE_HOST", "10.0.0.1"),
            ("BILLING_PORTAL_SERVICE_PORT", "50051"),
            ("BILLING_PORTAL_SERVICE_PORT_GRPC", "50051"),
            ("BILLING_PORTAL_PORT", "tcp://10.0.0.1:50051"),
            ("BILLING_PORTAL_PORT_50051_TCP", "tcp://10.0.0.1:50051"),
            ("BILLING_PORTAL_CANARY_PORT_50051_TCP_ADDR", "10.0.0.1"),
            ("BILLING_PORTAL_LISTEN", "127.0.0.1:0"),
            ("PATH", "/bin"),
        ] {
            assert!(refuse(name, value).is_ok(), "{name}");
        }
    }

    #[test]
    fn refuses_unknown_variables_with_the_prefix() {
        for (name, value) in [
            ("BILLING_PORTAL_LISTENS", "x"),
            ("BILLING_PORTAL_STRIPE_SECRET_KEY", "sk_test_secret"),
            ("BILLING_PORTAL_PORT", "50051"),
            ("BILLING_PORTAL_PORT_X_TCP", "x"),
        ] {
            let error = refuse(name, value).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("secret_"), "{error}");
        }
    }
}
