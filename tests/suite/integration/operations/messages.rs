//! Integration: an error at startup says what is wrong, what was expected, and how to fix it, and quotes no secret.

use crate::support::process::{binary, run_with, text};

/// Runs the binary with the changes, and returns the only line of its error output. It exits with 64.
async fn error(changes: &[&str], variables: &[(&str, &str)]) -> String {
    let output = run_with(changes, variables).await;
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{changes:?} {variables:?}: {error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(!error.contains("abc123"), "{error}");
    error.trim_end().to_owned()
}

#[tokio::test]
async fn misspelled_name_gets_a_suggestion() {
    for (change, expected) in [
        ("--listne=127.0.0.1:0", "--listne: unknown flag; did you mean --listen?"),
        ("--deadlines=1s", "--deadlines: unknown flag; did you mean --deadline?"),
        ("--xyzzy", "--xyzzy: unknown flag; see --help"),
        ("--stripe-mode=tset", "--stripe-mode: invalid value; expected one of live, test; did you mean test?"),
        ("--caller-identity=istoi", "did you mean istio?"),
        ("--ownership=token-and-dir", "did you mean token-and-directory?"),
        ("--log-format=jsn", "did you mean json?"),
        (
            "chek",
            "expected a flag or one command (serve, check, audit-mapping, reconcile or audit-verify); did you mean check?",
        ),
        ("audit_mapping", "did you mean audit-mapping?"),
    ] {
        let error = error(&[change], &[]).await;
        assert!(error.contains(expected), "{error}");
    }
    for (variable, expected) in [
        ("BILLING_PORTAL_LISTENS", "unknown setting; did you mean BILLING_PORTAL_LISTEN?"),
        ("BILLING_PORTAL_DATABASE_URL", "unknown setting; did you mean DATABASE_URL?"),
        ("BILLING_PORTAL_STRIPE_SECRET_KEY", "unknown setting; did you mean BILLING_PORTAL_STRIPE_SECRET_KEY_FILE?"),
        ("BILLING_PORTAL_XYZZY", "unknown setting; remove the variable, or see --help for the correct name"),
    ] {
        let error = error(&[], &[(variable, "sk_test_abc123")]).await;
        assert_eq!(error, format!("billing-portal: {variable}: {expected}"));
    }
}

#[tokio::test]
async fn missing_settings_are_named_with_their_variables() {
    let output = binary().output().await.unwrap();
    let error = text(&output.stderr);
    for expected in ["--database-url (or DATABASE_URL)", "--stripe-mode (or BILLING_PORTAL_STRIPE_MODE)"] {
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn unusable_file_is_named_with_the_error_of_the_operating_system() {
    let postgres = "--database-url=postgres://portal@db.example.com/app?sslmode=verify-full";
    let root_cert = format!("{postgres}&sslrootcert=/nowhere/x");
    for (changes, expected) in [
        (vec!["--principal-jwks=/nowhere/x"], "--principal-jwks: cannot use /nowhere/x as a JSON Web Key Set"),
        (
            vec!["--stripe-secret-key-file=/nowhere/x"],
            "--stripe-secret-key-file: cannot use /nowhere/x as the key for --stripe-mode",
        ),
        (
            vec!["--database-password-file=/nowhere/x", postgres],
            "--database-password-file: cannot use /nowhere/x as the password, on one line",
        ),
        // This may be the password itself.
        (
            vec!["--database-password-file=abc123", postgres],
            "--database-password-file: cannot use the file as the password, on one line",
        ),
        (vec![&root_cert[..]], "DATABASE_URL: sslrootcert /nowhere/x cannot be read"),
        (vec!["--tenants-sql-file=/nowhere/x"], "--tenants-sql-file: /nowhere/x cannot be read"),
        (vec!["--owners-sql-file=/nowhere/x"], "--owners-sql-file: /nowhere/x cannot be read"),
        (vec!["--audit=file:/nowhere/x"], "--audit: /nowhere/x cannot be opened"),
    ] {
        let error = error(&changes, &[]).await;
        let expected = format!("billing-portal: {expected}: No such file or directory (os error 2)");
        assert!(error.starts_with(&expected), "{error}");
    }
    let error = error(&["audit-mapping", "--resume=/nowhere/x"], &[]).await;
    assert_eq!(error, "billing-portal: --resume: cannot use /nowhere/x: No such file or directory (os error 2)");
}
