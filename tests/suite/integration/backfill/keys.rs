//! The key of the backfill is its own, and may do no more than the backfill needs.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use stripe_simulator::{Answer, Mode, RecordedRequest};

use super::{arguments, backfill, rows, world_with, writes};
use crate::support::{
    process::{backfill_binary, text},
    stripe::BACKFILL_KEY,
};

#[tokio::test]
async fn key_of_the_service_is_refused() {
    let world = world_with(&[("hooli", "cus_H")]).await;
    let key = world.stripe.secret_key(Mode::Test);
    std::fs::write(world.path("backfill.key"), format!("{key}\n")).unwrap();
    let path = world.path("backfill.key").display().to_string();
    let expected = format!(
        "billing-portal-backfill: --stripe-backfill-key-file: cannot use {path} as the key for --stripe-mode: key is also \
         that of --stripe-secret-key-file; create a key of its own for the backfill\n"
    );
    let output = backfill(&world, &[]).await;
    assert_eq!((text(&output.stderr), output.status.code()), (expected.as_str(), Some(64)));
    // The environment of the service names its key as well.
    let mut by_variable = arguments(&world, &[]);
    by_variable.retain(|argument| !argument.starts_with("--stripe-secret-key-file"));
    let mut command = backfill_binary();
    command.args(&by_variable).env("BILLING_PORTAL_STRIPE_SECRET_KEY_FILE", world.path("stripe.key"));
    let output = command.output().await.unwrap();
    assert_eq!((text(&output.stderr), output.status.code()), (expected.as_str(), Some(64)));
    assert_eq!(world.stripe.requests().len(), 0);
}

/// Without the service's key, the backfill cannot refuse it.
#[tokio::test]
async fn write_needs_the_key_of_the_service() {
    let world = world_with(&[("hooli", "cus_H")]).await;
    let run = async |change: &[&str]| {
        let mut arguments = arguments(&world, change);
        arguments.retain(|argument| !argument.starts_with("--stripe-secret-key-file"));
        backfill_binary().args(arguments).output().await.unwrap()
    };
    let expected = "billing-portal-backfill: --stripe-secret-key-file: required for --write, because the backfill must not \
                    write with the service's key; name the file with that key\n";
    let output = run(&["--write"]).await;
    assert_eq!((text(&output.stderr), output.status.code()), (expected, Some(64)));
    assert_eq!(world.stripe.requests().len(), 0);
    let output = run(&[]).await;
    assert_eq!((rows(&output).len(), output.status.code()), (1, Some(0)), "{}", text(&output.stderr));
}

#[tokio::test]
async fn secret_key_is_a_warning() {
    let world = world_with(&[]).await;
    let warning = "secret key may do everything in the account";
    for (key, is_warned) in [(world.stripe.secret_key(Mode::Test), true), (BACKFILL_KEY, false)] {
        std::fs::write(world.path("service.key"), "rk_test_all").unwrap();
        std::fs::write(world.path("backfill.key"), key).unwrap();
        let service_key = format!("--stripe-secret-key-file={}", world.path("service.key").display());
        let output = backfill(&world, &["--write", &service_key]).await;
        let error = text(&output.stderr);
        assert_eq!(
            (error.contains(warning), error.contains("use a restricted key")),
            (is_warned, is_warned),
            "{error}"
        );
        assert_eq!(output.status.code(), Some(0));
    }
}

#[tokio::test]
async fn unusable_key_is_refused_before_any_request() {
    let world = world_with(&[]).await;
    let file = world.path("backfill.key");
    for (content, expected) in [
        ("rk_live_abc", "key belongs to the other mode; expected a test mode key"),
        ("pk_test_abc", "does not begin with sk_ or rk_"),
        ("", "does not begin with sk_ or rk_"),
    ] {
        std::fs::write(&file, content).unwrap();
        let output = backfill(&world, &[]).await;
        let error = text(&output.stderr);
        assert!(error.contains("--stripe-backfill-key-file") && error.contains(expected), "{error}");
        assert_eq!((error.lines().count(), output.status.code()), (1, Some(64)));
    }
    for (change, expected) in [
        ("--stripe-backfill-key-file=rk_test_abc", "--stripe-backfill-key-file: contains a key instead of a file name"),
        ("--stripe-secret-key-file=sk_test_abc", "--stripe-secret-key-file: contains a key instead of a file name"),
        ("--stripe-secret-key-file=/nowhere/x", "--stripe-secret-key-file: cannot use /nowhere/x"),
    ] {
        let output = backfill(&world, &[change]).await;
        assert!(text(&output.stderr).contains(expected), "{output:?}");
        assert!(!text(&output.stderr).contains("test_abc") && output.status.code() == Some(64), "{output:?}");
    }
    assert_eq!(world.stripe.requests().len(), 0);
}

#[tokio::test]
async fn key_that_everyone_can_read_is_a_warning() {
    let world = world_with(&[]).await;
    let open = tempfile::tempdir_in("/tmp").unwrap();
    let key = open.path().join("backfill.key");
    std::fs::write(&key, BACKFILL_KEY).unwrap();
    for file in [open.path(), &key] {
        std::fs::set_permissions(file, Permissions::from_mode(0o755)).unwrap();
    }
    let output = backfill(&world, &[&format!("--stripe-backfill-key-file={}", key.display())]).await;
    assert!(text(&output.stderr).contains("everyone on the machine can read the file"), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn missing_permission_ends_the_run_and_is_named() {
    let world = world_with(&[("hooli", "cus_H"), ("umbrella", "cus_U")]).await;
    // This key may only read customers: enough for a dry run.
    std::fs::write(world.path("backfill.key"), "rk_test_customers").unwrap();
    assert_eq!(rows(&backfill(&world, &[]).await).len(), 2);
    for (changes, permission) in [
        (["--write", "--format=json"], "rak_customer_write"),
        (["--evidence=subscription-metadata:org", "--format=json"], "rak_subscription_read"),
        (["--evidence=client-reference-id", "--format=json"], "rak_checkout_session_read"),
    ] {
        let output = backfill(&world, &changes).await;
        let error = text(&output.stderr);
        assert!(error.contains(&format!("missing permission: {permission}")), "{error}");
        let fix = "; check the key in --stripe-backfill-key-file and its permissions";
        assert!(error.contains("run ended early") && error.contains(fix), "{error}");
        assert_eq!(output.status.code(), Some(1), "{changes:?}");
        let rows = rows(&output);
        assert!(rows.iter().all(|row| row.contains(" failed STRIPE_CREDENTIALS ")), "{rows:?}");
    }
    assert!(writes(&world).iter().all(|request| request.path.starts_with("/v1/customers/")));
}

/// What was written until then is reported, and so is what was in progress.
#[tokio::test]
async fn key_that_is_withdrawn_during_the_run_ends_it_with_a_report() {
    let tenants: Vec<_> = (0..100).map(|number| (format!("t{number:02}"), format!("cus_T{number:02}"))).collect();
    let tenants: Vec<_> = tenants.iter().map(|(tenant, customer)| (tenant.as_str(), customer.as_str())).collect();
    let world = world_with(&tenants).await;
    let posts = AtomicUsize::new(0);
    world.stripe.tamper(Some(Arc::new(move |request: RecordedRequest, answer: Answer| {
        let is_refused = request.method == "POST" && posts.fetch_add(1, Ordering::Relaxed) == 20;
        Box::pin(async move { if is_refused { Answer { status: 401, ..answer } } else { answer } })
    })));
    let output = backfill(&world, &["--write"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("401 Unauthorized"), "{}", text(&output.stderr));
    let (reported, sent) = (rows(&output).len(), writes(&world).len());
    assert!((20..60).contains(&sent), "{sent} writes");
    assert_eq!(reported, sent, "the refused write is in the report as well");
}
