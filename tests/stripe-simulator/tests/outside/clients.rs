//! Runs the tests in `clients/`, which compare the simulator with Stripe's command line, library and declarations.

use std::process::Stdio;

use tokio::process::Command;

use crate::process::Process;

/// The account for the tests in `clients/`.
const ACCOUNT: &[&str] = &[
    "--account=acct_1Clients",
    "--restricted-key=rk_test_customersonly=customer_read",
    r#"--configuration={"id": "bpc_A", "default": true, "prices": ["price_A"]}"#,
    r#"--configuration={"id": "bpc_Off", "active": false}"#,
    r#"--customer={"id": "cus_A", "name": "Acme", "metadata": {"tenant_id": "acme"},
        "subscriptions": [{"id": "sub_A", "items": [{"id": "si_A", "price": "price_A", "quantity": 1}]},
            {"id": "sub_Old", "status": "canceled", "metadata": {"org": "acme"}}],
        "checkout_sessions": [{"id": "cs_A", "client_reference_id": "acme", "metadata": {"org": "acme"}}]}"#,
    r#"--customer={"id": "cus_B"}"#,
    r#"--customer={"id": "cus_C"}"#,
    r#"--customer={"id": "cus_Deleted", "deleted": true}"#,
    r#"--customer={"id": "cus_Live", "mode": "live"}"#,
    r#"--customer={"id": "cus_Unavailable", "fault": "status-503 first=2 should-retry=true"}"#,
    r#"--customer={"id": "cus_Lost", "metadata": {"simulator_fault": "reset-in-head first=1"}}"#,
    r#"--customer={"id": "cus_Hopeless", "fault": "status-503 first=1 should-retry=false"}"#,
];

/// Runs one test file and prints its output.
async fn run(file: &str, arguments: &[&str]) {
    assert!(std::env::var_os("NODE_PATH").is_some(), "Stripe's packages are missing; tests/run installs them");
    let faulty: Vec<String> =
        ["RateLimit", "LockTimeout", "Status401", "Status402", "Status403", "Status404", "Status409"]
            .into_iter()
            .chain(["Status500", "Html", "TruncatedJson", "NoConfiguration", "Reset", "ResetInHead", "Hang"])
            .map(|fault| format!(r#"--customer={{"id": "cus_Fault{fault}"}}"#))
            .collect();
    let all: Vec<&str> = ACCOUNT.iter().copied().chain(faulty.iter().map(String::as_str)).collect();
    let process = Process::start(&[&all, arguments].concat()).await;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"])
        .arg(format!("{}/clients/{file}", env!("CARGO_MANIFEST_DIR")))
        .envs(process.printed())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Some(ca) = process.printed().get("STRIPE_CA_FILE") {
        node.env("NODE_EXTRA_CA_CERTS", ca);
    }
    let output = node.output().await.expect("node is missing; tests/run installs it");
    let report = String::from_utf8_lossy(&output.stdout);
    println!("{report}");
    assert!(output.status.success(), "{file}: {report}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "needs node and the Stripe CLI: tests/run installs them"]
async fn stripe_cli_works_with_simulator() {
    run("cli.test.js", &[]).await;
}

#[tokio::test]
#[ignore = "needs node and Stripe's library: tests/run installs them"]
async fn stripe_library_works_with_simulator_over_https() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    run("sdk.test.js", &["--tls", &format!("--ca-file={}", ca.display())]).await;
}

#[tokio::test]
#[ignore = "needs node and Stripe's declarations: tests/run installs them"]
async fn parameters_and_responses_match_declarations() {
    run("declarations.test.js", &[]).await;
}
