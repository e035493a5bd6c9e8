//! Tests of the command line.

use std::process::Output;

use stripe_simulator::Fault;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::process::{Process, command};

async fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command(arguments).output().await.unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Sends one request on a new connection, and returns the status and the complete response.
async fn get(process: &Process, key: &str, path: &str) -> (u16, String) {
    let address = process.value("STRIPE_API_BASE").strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    (response[9..12].parse().unwrap(), response)
}

#[tokio::test]
async fn prints_values_for_clients_and_stops_on_signal() {
    for signal in ["TERM", "INT"] {
        let process = Process::start(&["--secret-key=rk_test_chosen", "--account=acct_1Acme"]).await;
        assert_eq!(process.value("STRIPE_TEST_KEY"), "rk_test_chosen");
        assert!(process.value("STRIPE_LIVE_KEY").starts_with("sk_live_"));
        let (status, response) = get(&process, "rk_test_chosen", "/v1/account").await;
        assert!(status == 200 && response.contains("acct_1Acme"), "{response}");
        assert_eq!(process.end(signal).await, Some(0));
    }
}

#[tokio::test]
async fn adds_customers_from_arguments_files_and_count() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("customers.jsonl");
    let lines = [
        r#"{"id": "cus_File", "metadata": {"tenant_id": "from-file"}, "name": "File"}"#,
        "",
        r#"{"id": "cus_Gone", "deleted": true}"#,
        r#"{"id": "cus_Live", "mode": "live"}"#,
        r#"{"id": "cus_Slow", "fault": "status-503 first=1"}"#,
    ];
    std::fs::write(&file, lines.join("\n")).unwrap();
    let process = Process::start(&[
        "--tenants=1000",
        r#"--customer={"id": "cus_Arg", "metadata": {"simulator_fault": "status-502"}}"#,
        &format!("--customers={}", file.display()),
        r#"--configuration={"id": "bpc_A", "default": true, "login_page": true, "allowed_updates": ["email"]}"#,
        r#"--configuration={"id": "bpc_B", "active": false, "name": "Old", "without": ["invoice_history"]}"#,
        "--restricted-key=rk_test_few=customer_read",
        "--fault=status-504 on=account",
    ])
    .await;
    let key = process.value("STRIPE_TEST_KEY");
    for (key, path, status, expected) in [
        (key, "/v1/customers/cus_T000001", 200, r#""tenant_id":"tenant-1""#),
        (key, "/v1/customers/cus_T001000", 200, r#""tenant_id":"tenant-1000""#),
        (key, "/v1/customers/cus_T001001", 404, "No such customer"),
        (key, "/v1/customers/cus_File", 200, r#""tenant_id":"from-file""#),
        (key, "/v1/customers/cus_Gone", 200, r#""deleted":true"#),
        (key, "/v1/customers/cus_Live", 404, "live mode"),
        (key, "/v1/customers/cus_Slow", 503, "api_error"),
        (key, "/v1/customers/cus_Slow", 200, "cus_Slow"),
        (key, "/v1/customers/cus_Arg", 502, "html"),
        (key, "/v1/account", 504, "html"),
        (key, "/v1/billing_portal/configurations?is_default=true", 200, r#""allowed_updates":["email"]"#),
        (key, "/v1/billing_portal/configurations/bpc_B", 200, r#""invoice_history":{"enabled":false}"#),
        ("rk_test_few", "/v1/customers/cus_File", 200, "cus_File"),
        ("rk_test_few", "/v1/billing_portal/configurations", 403, "rak_customer_portal_read"),
    ] {
        let (seen, response) = get(&process, key, path).await;
        assert_eq!(seen, status, "{path}: {response}");
        assert!(response.contains(expected), "{path}: {response}");
    }
}

#[tokio::test]
async fn writes_ca_certificate_to_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let process = Process::start(&["--tls", &format!("--ca-file={}", file.display())]).await;
    assert!(process.value("STRIPE_API_BASE").starts_with("https://127.0.0.1:"));
    assert_eq!(process.value("STRIPE_CA_FILE"), file.display().to_string());
    assert!(std::fs::read_to_string(file).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
}

#[tokio::test]
async fn help_and_fault_list_are_complete() {
    let (code, help, _) = run(&["--help"]).await;
    assert_eq!(code, Some(0));
    for expected in ["--tenants", "--customers", "--fault", "--tls", "simulator_fault", "cus_FaultStatus503"] {
        assert!(help.contains(expected), "{expected}: {help}");
    }
    let (code, list, _) = run(&["--list-faults"]).await;
    assert_eq!((code, list.lines().count()), (Some(0), Fault::ALL.len()));
    assert!(list.starts_with("other-customer "));
}

#[tokio::test]
async fn invalid_arguments_prevent_startup() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("customers.jsonl");
    std::fs::write(&file, "{\"id\": \"cus_A\"}\n{\"id\": \"cus_B\", \"fault\": \"unheard-of\"}\n").unwrap();
    let running = Process::start(&[]).await;
    let address = running.value("STRIPE_API_BASE").strip_prefix("http://").unwrap();
    for (argument, expected) in [
        ("--fault=unheard-of".to_owned(), "unknown fault 'unheard-of'"),
        ("--customer={}".to_owned(), "missing field `id`"),
        ("--customer={\"id\": \"cus_A\", \"plan\": 1}".to_owned(), "unknown field `plan`"),
        ("--configuration={\"id\": \"bpc_A\", \"without\": [\"all\"]}".to_owned(), "unknown variant `all`"),
        ("--restricted-key=rk_test_x=charge_read".to_owned(), "unknown permission 'charge_read'"),
        ("--secret-key=pk_test_x".to_owned(), "invalid Stripe key"),
        ("--tls".to_owned(), "--ca-file"),
        (format!("--customers={}", file.display()), "line 2: unknown fault 'unheard-of'"),
        (format!("--customers={}/none", folder.path().display()), "none: No such file"),
        (format!("--listen={address}"), "in use"),
    ] {
        let mut arguments = vec![argument.as_str()];
        if !argument.starts_with("--listen") {
            arguments.push("--listen=127.0.0.1:0");
        }
        let (code, printed, error) = run(&arguments).await;
        assert!(code.is_some_and(|code| code != 0) && printed.is_empty(), "{argument}: {printed}");
        assert!(error.contains(expected), "{argument}: {error}");
    }
}
