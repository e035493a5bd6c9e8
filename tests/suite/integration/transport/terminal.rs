//! Integration: what a developer reads and types in the terminal of the example.

use std::os::unix::fs::PermissionsExt as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use billing_portal::grpc::proto::{CreatePortalSessionRequest, billing_portal_client::BillingPortalClient};
use rusqlite::Connection;
use serde_json::Value;
use tonic::Request;

use crate::support::{
    example::{Example, Visitor},
    world::connect,
};

/// Returns the token in a printed grpcurl command.
fn token(grpcurl: &str) -> &str {
    grpcurl.split_once("Bearer ").unwrap().1.split('\'').next().unwrap()
}

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[tokio::test]
async fn typed_name_prints_command_with_token_of_that_person() {
    let mut example = Example::start(&[]).await;
    for (typed, subject, tenant, role) in [
        ("", "olivia", "acme", "owner"),
        ("adam", "adam", "acme", "admin"),
        (" Mia ", "mia", "acme", "member"),
        ("gustav", "gustav", "globex", "owner"),
        ("ines", "ines", "initech", "owner"),
        ("felix", "felix", "acme", "owner"),
    ] {
        example.type_line(typed).await;
        let claims = claims(token(&example.next_line("grpcurl ").await));
        assert_eq!([&claims["sub"], &claims["tenant"], &claims["role"]], [subject, tenant, role]);
        assert_eq!([&claims["iss"], &claims["aud"]], [&example.value("Issuer"), &example.value("Audience")]);
    }
    example.type_line("nobody").await;
    assert!(example.next_line("Nobody has this name").await.contains("olivia, adam, mia, gustav, ines, felix"));
    example.stop().await;
}

#[tokio::test]
async fn refused_call_is_printed_on_one_line() {
    let mut example = Example::start(&[]).await;
    example.type_line("mia").await;
    let mias = token(&example.next_line("grpcurl ").await).to_owned();
    let call = async |token: Option<&str>, locale: &str| {
        let mut request = Request::new(CreatePortalSessionRequest {
            return_url: format!("{}/settings", example.page),
            locale: locale.to_owned(),
            ..CreatePortalSessionRequest::default()
        });
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let channel = connect(example.value("gRPC service")).await;
        BillingPortalClient::new(channel).create_portal_session(request).await.unwrap_err();
    };
    call(None, "").await;
    call(Some(&mias), "").await;
    call(Some(token(&example.grpcurl)), "de_DE").await;
    // The page calls the service as well.
    let olivia = Visitor::sign_in(&example.page, "olivia").await;
    olivia.open_billing("globex").await;
    // The service logs an outage as a warning, which the terminal shows without the lines of the calls.
    let directory = Connection::open(example.value("Directory")).unwrap();
    directory.execute("DROP TABLE billing_portal_owners", ()).unwrap();
    call(Some(token(&example.grpcurl)), "").await;

    let audit = std::fs::read_to_string(example.value("Audit log")).unwrap();
    let output = example.stop().await;
    let printed: Vec<_> = output.lines().filter(|line| line.contains("request") && !line.contains("export")).collect();
    let expected = [
        "Refused CreatePortalSession for an unknown person: TOKEN_MISSING (no authorization header)",
        "Refused CreatePortalSession for mia of acme: NOT_OWNER (role is not an owner role)",
        "Refused CreatePortalSession for olivia of acme: LOCALE_INVALID (locale must be a well-formed \
         language tag (BCP 47), such as pt-BR)",
        "Refused CreatePortalSession for olivia of acme: TENANT_MISMATCH (displayed tenant differs from the principal's tenant)",
        "Refused CreatePortalSession for olivia of acme: DATABASE_UNAVAILABLE (directory query failed: no such table: \
         billing_portal_owners)",
    ];
    let outcomes = audit.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let expected: Vec<_> = expected
        .iter()
        .zip(outcomes)
        .map(|(line, outcome)| format!("{line}, request ID {}", outcome["request_id"].as_str().unwrap()))
        .collect();
    assert_eq!(printed, expected, "{output}");
}

#[tokio::test]
async fn private_key_is_readable_by_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("principal-key.pem");
    // A file from an earlier start keeps its mode if it is only overwritten.
    std::fs::write(&file, "old").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let example = Example::start(&[&format!("--state-dir={}", folder.path().display())]).await;
    assert_eq!(example.value("Signing key"), file.canonicalize().unwrap().display().to_string());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let key = std::fs::read_to_string(&file).unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let secret = key.lines().nth(1).unwrap().to_owned();
    assert!(!example.stop().await.contains(&secret));
}
