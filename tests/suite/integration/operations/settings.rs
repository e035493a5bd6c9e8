//! Integration: a missing, invalid or unsafe setting stops the real binary with one line that names the setting.

use tokio::net::TcpListener;

use crate::support::{
    process::{binary, run_with, valid_settings},
    settings::{arguments, config, override_settings},
};

fn valid_arguments(changes: &[&str]) -> (tempfile::TempDir, Vec<String>) {
    let (folder, mut arguments) = valid_settings();
    override_settings(&mut arguments, changes);
    (folder, arguments)
}

#[tokio::test]
async fn flag_takes_precedence_over_its_variable_with_every_command() {
    for command in ["serve", "check", "audit-mapping", "reconcile"] {
        // The variables alone would prevent startup. The secret key file does not exist, so nothing is served.
        let changes = ["--stripe-secret-key-file=/nowhere", "--deadline=9s"];
        let (_folder, arguments) = valid_arguments(&changes);
        let variables = [("BILLING_PORTAL_DEADLINE", "never"), ("BILLING_PORTAL_REFLECTION", "maybe")];
        let output =
            binary().arg(command).args(&arguments).arg("--reflection=true").envs(variables).output().await.unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(text.contains("--stripe-secret-key-file") && !text.contains("BILLING_PORTAL"), "{command}: {text}");
        assert!(!text.contains("--deadline:") && !text.contains("--reflection:"), "{command}: {text}");
    }
}

#[tokio::test]
async fn command_may_follow_its_flags_and_prints_the_version() {
    let (_folder, arguments) = valid_arguments(&["--stripe-secret-key-file=/nowhere"]);
    let output = binary().args(&arguments).arg("check").output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("WHAT"));
    let output = binary().args(["check", "--version"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn options_of_one_command_are_refused_by_the_others() {
    for (command, option) in [
        ("serve", "--format=json"),
        ("serve", "--missing"),
        ("check", "--missing"),
        ("check", "--resume=x"),
        ("check", "--since=1h"),
    ] {
        let (_folder, arguments) = valid_arguments(&[]);
        let output = binary().arg(command).args(&arguments).arg(option).output().await.unwrap();
        assert_eq!(output.status.code(), Some(64), "{command} {option}");
    }
}

#[test]
fn default_stripe_rate_fits_the_mode() {
    for (mode, rate) in [("live", 20), ("test", 10)] {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = arguments(&folder, "http://127.0.0.1:1");
        arguments.retain(|argument| !argument.starts_with("--stripe-rate"));
        override_settings(&mut arguments, &[&format!("--stripe-mode={mode}")]);
        assert_eq!(config(arguments).limits.stripe_rate.get(), rate, "{mode}");
    }
}

#[tokio::test]
async fn unknown_variables_and_missing_settings_prevent_startup() {
    let output = run_with(&[], &[("BILLING_PORTAL_STRIPE_SECRET_KEY", "sk_test_abc123")]).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(text.contains("BILLING_PORTAL_STRIPE_SECRET_KEY") && !text.contains("abc123"), "{text}");

    let output = binary().output().await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(text.contains("--principal-jwks") && text.lines().count() == 1, "{text}");
}

#[tokio::test]
async fn help_names_every_setting_and_succeeds() {
    let output = binary().arg("--help").output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for argument in arguments(&tempfile::tempdir().unwrap(), "x") {
        assert!(text.contains(argument.split('=').next().unwrap()), "{argument}");
    }
}

#[tokio::test]
async fn address_in_use_fails_with_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let output = run_with(&[&listen], &[]).await;
    assert_eq!(output.status.code(), Some(1));
}
