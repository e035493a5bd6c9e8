//! Integration: a missing, invalid or unsafe setting stops the real binary with one line that names the setting.

use tokio::net::TcpListener;

use crate::support::{
    process::{binary, run_with, valid_settings},
    world::{arguments, override_settings},
};

fn valid_arguments(changes: &[&str]) -> (tempfile::TempDir, Vec<String>) {
    let (folder, mut arguments) = valid_settings();
    override_settings(&mut arguments, changes);
    (folder, arguments)
}

#[tokio::test]
async fn invalid_or_unsafe_setting_prevents_startup_with_one_line_that_names_it() {
    for (change, named) in [
        ("--listen=0.0.0.0:50051", "--caller-identity"),
        ("--allowed-callers=spiffe://td/x", "--allowed-callers"),
        ("--principal-jwks=http://login.test/jwks", "--principal-jwks"),
        ("--principal-jwks=https://u:p@login.test/jwks", "--principal-jwks"),
        ("--principal-jwks=", "--principal-jwks"),
        ("--principal-jwks-refresh=0s", "--principal-jwks-refresh"),
        ("--session-rate=0", "--session-rate"),
        ("--stripe-rate=0", "--stripe-rate"),
        ("--stripe-rate=-1", "--stripe-rate"),
        ("--listen=nowhere", "--listen"),
        ("--caller-identity=istio", "--allowed-callers"),
        ("--caller-identity=envoy", "--caller-identity"),
        ("--principal-jwks=/nowhere", "--principal-jwks"),
        ("--principal-jwks=/dev/null", "--principal-jwks"),
        ("--principal-issuer=", "--principal-issuer"),
        ("--principal-audience=", "--principal-audience"),
        ("--principal-token-types=", "--principal-token-types"),
        ("--principal-subject-claim=", "--principal-subject-claim"),
        ("--principal-tenant-claim=/o/~2", "--principal-tenant-claim"),
        ("--principal-role-claim=aud", "--principal-role-claim"),
        ("--owner-roles=*", "--owner-roles"),
        ("--principal-other-audiences=", "--principal-other-audiences"),
        ("--principal-max-lifetime=25h", "1s to 1day"),
        ("--flag-key=", "--flag-key"),
        ("--stripe-tenant-metadata-key=", "--stripe-tenant-metadata-key"),
        ("--stripe-session-hosts=", "--stripe-session-hosts"),
        ("--ownership=both", "--ownership"),
        ("--log-format=xml", "--log-format"),
        ("--drain-timeout=8d", "--drain-timeout"),
        ("--principal-clock-skew=6s", "--principal-clock-skew"),
        ("--principal-clock-skew=soon", "--principal-clock-skew"),
        ("--return-url-origins=*", "--return-url-origins"),
        ("--return-url-origins=http://app.example.com", "--return-url-origins"),
        ("--return-url-origins=https://app.example.com/", "--return-url-origins"),
        ("--database-url=mysql://x", "DATABASE_URL"),
        ("--stripe-secret-key-file=/nowhere", "--stripe-secret-key-file"),
        ("--stripe-secret-key-file=sk_test_abc123", "--stripe-secret-key-file"),
        ("--stripe-mode=live", "--stripe-secret-key-file"),
        ("--stripe-mode=both", "--stripe-mode"),
        ("--stripe-api-base=http://api.stripe.com", "--stripe-api-base"),
        ("--stripe-api-base=https://user@api.stripe.com", "--stripe-api-base"),
        ("--stripe-session-hosts=*.stripe.com", "--stripe-session-hosts"),
        ("--stripe-session-hosts=https://billing.stripe.com", "--stripe-session-hosts"),
        ("--stripe-portal-configuration=cus_1", "--stripe-portal-configuration"),
        ("--stripe-attempt-timeout=11s", "--stripe-attempt-timeout"),
        ("--deadline=0s", "--deadline:"),
        ("--stripe-attempt-timeout=8d", "1ms to 7days"),
        ("--drain-timeout=0s", "--drain-timeout"),
        ("--max-in-flight=0", "--max-in-flight"),
        ("--max-connections=0", "--max-connections"),
        ("--audit=stderr", "--audit"),
        ("--audit=file:/nowhere/audit", "--audit"),
        ("--reflection=maybe", "--reflection"),
        ("--no-such-flag=1", "--no-such-flag"),
        ("--principal-jwks-max-age=10ms", "--principal-jwks-max-age"),
        ("--max-in-flight=sk_test_abc123", "--max-in-flight"),
        ("--log-format=sk_test_abc123", "--log-format"),
        ("--sk_test_abc123", "unknown argument"),
        ("sk_test_abc123", "--help"),
    ] {
        let output = run_with(&[change], &[]).await;
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{change}: {text}");
        assert!(text.lines().count() == 1 && text.contains(named), "{change}: {text}");
        assert!(!text.contains("abc123"), "{change}: {text}");
    }
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

#[tokio::test]
async fn https_keys_must_be_fetched_more_often_than_their_maximum_age() {
    let changes =
        ["--principal-jwks=https://127.0.0.1:1/x", "--principal-jwks-refresh=1h", "--principal-jwks-max-age=1h"];
    let output = run_with(&changes, &[]).await;
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--principal-jwks-max-age"));
}

#[test]
fn default_stripe_rate_fits_the_mode() {
    for (mode, rate) in [("live", 20), ("test", 10)] {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = arguments(&folder, "http://127.0.0.1:1");
        arguments.retain(|argument| !argument.starts_with("--stripe-rate"));
        override_settings(&mut arguments, &[&format!("--stripe-mode={mode}")]);
        let (_, config) = billing_portal::commands::parse(arguments).unwrap();
        assert_eq!(config.limits.stripe_rate.get(), rate, "{mode}");
    }
}

#[tokio::test]
async fn loopback_session_host_requires_a_loopback_api() {
    let changes = ["--stripe-api-base=https://api.stripe.com", "--stripe-session-hosts=http://127.0.0.1:4242"];
    let output = run_with(&changes, &[]).await;
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--stripe-session-hosts"));
}

#[tokio::test]
async fn unknown_variables_and_missing_settings_prevent_startup() {
    let output = run_with(&[], &[("BILLING_PORTAL_STRIPE_SECRET_KEY", "sk_test_abc123")]).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(text.contains("BILLING_PORTAL_STRIPE_SECRET_KEY") && !text.contains("abc123"), "{text}");

    for filter in ["verbose", "billing_portal=verbose"] {
        let output = run_with(&[], &[("RUST_LOG", filter)]).await;
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{text}");
        assert!(text.contains("RUST_LOG") && text.contains(filter) && text.lines().count() == 1, "{text}");
    }

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
    for argument in arguments(&tempfile::tempdir().unwrap(), "x").iter().skip(1) {
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

#[tokio::test]
async fn variables_injected_by_kubernetes_do_not_prevent_startup() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let injected = [("BILLING_PORTAL_SERVICE_HOST", "10.0.0.1"), ("BILLING_PORTAL_PORT", "tcp://10.0.0.1:50051")];
    // The process fails only when it binds the address, so the settings were accepted.
    assert_eq!(run_with(&[&listen], &injected).await.status.code(), Some(1));
}

#[tokio::test]
async fn allowed_callers_are_complete_identities_of_the_configured_mesh() {
    for (mesh, callers) in [
        ("istio", "*"),
        ("istio", "spiffe://td/*"),
        ("istio", "settings.web.serviceaccount.identity.linkerd.cluster.local"),
        ("istio", "spiffe://td/x,"),
        ("linkerd", "spiffe://td/x"),
        ("linkerd", "*.web.serviceaccount.identity.linkerd.cluster.local"),
        ("mtls", "*.example.org"),
        ("mtls", "Settings.example.org"),
        ("mtls", "https://example.org/settings"),
        ("mtls", "10.0.0.1"),
        ("mtls", "spiffe://td/x,settings.1"),
        ("mtls", "-settings.example.org"),
        ("none", "spiffe://td/x"),
    ] {
        let changes = [&format!("--caller-identity={mesh}")[..], &format!("--allowed-callers={callers}")];
        let output = run_with(&changes, &[]).await;
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{mesh} {callers}: {text}");
        assert!(text.contains("--allowed-callers") && text.lines().count() == 1, "{mesh} {callers}: {text}");
    }
}
