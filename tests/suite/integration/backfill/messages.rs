//! What a wrong setting prints, and the help.

use std::{collections::BTreeSet, path::Path};

use stripe_simulator::{CheckoutSession, Customer};
use tokio::process::Command;

use super::{arguments, backfill, refused_tenants, world_with};
use crate::support::process::{backfill_binary, binary, text};

#[tokio::test]
async fn wrong_setting_is_named_with_what_is_expected() {
    let world = world_with(&[]).await;
    let long = format!("--stripe-tenant-metadata-key={}", "k".repeat(41));
    let metadata_key = "expected a metadata key: 1 to 40 characters without square brackets";
    for (change, expected) in [
        (
            "--evidence=email",
            "--evidence: value 1: expected subscription-metadata:KEY, checkout-metadata:KEY or client-reference-id",
        ),
        ("--evidence=checkout-metadata:", &format!("--evidence: value 1: {metadata_key}")),
        ("--stripe-tenant-metadata-key=a[b]", &format!("--stripe-tenant-metadata-key: {metadata_key}")),
        (&long, &format!("--stripe-tenant-metadata-key: {metadata_key}")),
        ("--stripe-rate=0", "--stripe-rate: expected a whole number from 1 to 10000; see --help"),
        ("--writes", "--writes: unknown flag; did you mean --write?; see --help"),
        ("--write=yes", "--write: does not take a value; see --help"),
        (
            "--stripe-mode=tset",
            "--stripe-mode: invalid value; expected one of live, test; did you mean test?; see --help",
        ),
        ("--session-rate=1", "--session-rate: unknown flag"),
        ("audit-mapping", "unknown argument; expected a flag; see --help"),
        ("--resume=/nowhere/x", "--resume: cannot use /nowhere/x: No such file or directory (os error 2)"),
        ("--database-url=mysql://x", "DATABASE_URL: "),
    ] {
        let output = backfill(&world, &[change]).await;
        let error = text(&output.stderr);
        assert!(error.starts_with(&format!("billing-portal-backfill: {expected}")), "{change}: {error}");
        assert_eq!((error.lines().count(), output.status.code(), text(&output.stdout)), (1, Some(64), ""), "{change}");
    }
}

#[tokio::test]
async fn directory_that_cannot_be_opened_ends_the_run_and_is_named() {
    let world = world_with(&[]).await;
    let output = backfill(&world, &["--database-url=sqlite:/nowhere"]).await;
    let error = text(&output.stderr);
    assert!(error.contains("run ended early") && error.contains("; check DATABASE_URL, the relations"), "{error}");
    assert_eq!((error.lines().count(), output.status.code(), text(&output.stdout)), (1, Some(1), ""), "{error}");
}

/// The environment of the service can be used as it is. The service itself does not accept the key of the backfill.
#[tokio::test]
async fn variables_of_the_service_are_accepted_and_others_refused() {
    let world = world_with(&[]).await;
    let run = async |variable: &str| {
        let mut command = backfill_binary();
        command.args(arguments(&world, &[])).env(variable, "1");
        let output = command.output().await.unwrap();
        (output.status.code(), text(&output.stderr).lines().next().unwrap_or_default().to_owned())
    };
    assert_eq!(run("BILLING_PORTAL_SESSION_RATE").await.0, Some(0));
    let (code, error) = run("BILLING_PORTAL_STRIPE_BACKFILL_KEY").await;
    assert_eq!(code, Some(64));
    assert!(error.ends_with("unknown setting; did you mean BILLING_PORTAL_STRIPE_BACKFILL_KEY_FILE?"), "{error}");
    let output = binary().env("BILLING_PORTAL_STRIPE_BACKFILL_KEY_FILE", "x").output().await.unwrap();
    let error = text(&output.stderr);
    let expected = "billing-portal: BILLING_PORTAL_STRIPE_BACKFILL_KEY_FILE: setting of billing-portal-backfill only; remove it \
                    from the environment of the service\n";
    assert_eq!((error, output.status.code()), (expected, Some(64)));
}

/// The table in docs/contract.md and the help have the same flags.
#[tokio::test]
async fn documented_settings_are_those_of_the_help() {
    let output = backfill_binary().arg("--help").output().await.unwrap();
    let help = text(&output.stdout);
    // A short form precedes the long one.
    let flags = help.lines().map(|line| line.split(", ").last().unwrap_or_default());
    let flags = flags.filter_map(|line| line.trim_start().strip_prefix("--"));
    let flags: BTreeSet<&str> = flags.map(|flag| flag.split(' ').next().unwrap()).collect();
    let contract = include_str!("../../../../docs/contract.md");
    let (_, section) = contract.split_once("\n## The backfill\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let documented: BTreeSet<&str> = section
        .lines()
        .filter(|line| line.starts_with("| `--"))
        .flat_map(|line| line.split('|').nth(1).unwrap().split(", "))
        .map(|flag| flag.trim().trim_matches('`').trim_start_matches("--"))
        .collect();
    assert_eq!(documented, flags);
    assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
}

/// The commands of docs/deploy.md, with the variables of the service.
#[tokio::test]
async fn documented_commands_work() {
    let world = world_with(&[("hooli", "cus_H"), ("umbrella", "cus_U")]).await;
    world.stripe.add_customer(Customer::new("cus_U").metadata("plan", "pro"));
    world.stripe.add_checkout_session(CheckoutSession::new("cs_H", "cus_H").client_reference_id("hooli"));
    let deploy = include_str!("../../../../docs/deploy.md");
    let (_, section) = deploy.split_once("\n## Backfill\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks: Vec<&str> =
        section.split("\n\n").filter(|block| block.starts_with("       billing-portal-backfill")).collect();
    assert_eq!(blocks.len(), 2);
    let programs = Path::new(env!("CARGO_BIN_EXE_billing-portal-backfill")).parent().unwrap();
    for block in blocks {
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-ec", block])
            .current_dir(world.folder.path())
            .env_clear()
            .env("PATH", programs)
            .env("DATABASE_URL", format!("sqlite:{}", world.path("directory.db").display()))
            .env("BILLING_PORTAL_STRIPE_MODE", "test")
            .env("BILLING_PORTAL_STRIPE_API_BASE", world.stripe.base_url());
        let output = shell.output().await.unwrap();
        assert!(output.status.success(), "{block}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("independent evidence: 1 of 5"), "{}", text(&output.stderr));
    }
    let report = |name: &str| std::fs::read_to_string(world.path(name)).unwrap();
    let header = "tenant,customer,result,reason,detail,evidence";
    let rows =
        |result: &str| format!("{header}\nhooli,cus_H,{result},,,client-reference-id\numbrella,cus_U,{result},,,\n");
    assert_eq!((report("dry-run.csv"), report("backfill.csv")), (rows("to_write"), rows("written")));
    assert_eq!(refused_tenants(&world).await, [""; 0]);
}
