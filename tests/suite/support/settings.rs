//! The settings of the service in tests.

use billing_portal::{commands, config::Config};
use tempfile::TempDir;

use super::directory;

/// The default settings of a world.
pub(crate) fn arguments(folder: &TempDir, stripe: &str) -> Vec<String> {
    let file = |name: &str| folder.path().join(name).display().to_string();
    [
        "--caller-identity=none",
        &format!("--principal-jwks={}", file("jwks.json")),
        "--principal-issuer=https://login.test",
        "--return-url-origins=https://app.example.com,http://127.0.0.1:3000",
        &format!("--database-url=sqlite:{}", directory::path(folder).display()),
        &format!("--flags-file={}", file("flags.json")),
        &format!("--stripe-secret-key-file={}", file("stripe.key")),
        "--stripe-mode=test",
        &format!("--stripe-api-base={stripe}"),
        &format!("--stripe-session-hosts={stripe}"),
        &format!("--audit=file:{}", file("audit.jsonl")),
        // High enough that only the tests of rate limits reach them.
        "--session-rate=10000",
        "--stripe-rate=10000",
    ]
    .map(str::to_owned)
    .into()
}

/// Parses the settings of the service.
pub(crate) fn config(settings: Vec<String>) -> Config {
    let arguments = std::iter::once("billing-portal".to_owned()).chain(settings);
    commands::parse(arguments).unwrap().config().unwrap().clone()
}

/// Replaces default settings with those of a test, because a duplicate flag is a configuration error.
pub(crate) fn override_settings(arguments: &mut Vec<String>, settings: &[&str]) {
    for setting in settings {
        let name = setting.split('=').next().unwrap();
        arguments.retain(|argument| argument.split('=').next() != Some(name));
        arguments.push((*setting).to_owned());
    }
}
