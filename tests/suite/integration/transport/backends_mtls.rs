//! Integration: the example backends without a mesh. Each presents its certificate to a service that runs with
//! `--caller-identity mtls`.

use std::{fs, path::PathBuf};

use crate::support::{
    backend::{Backend, Origin, rust, startup_error, typescript},
    certificates::{Authority, CALLER, Identity, Mtls, uri},
    example::{Visitor, location},
};

const FILES: [(&str, &str); 3] = [
    ("SERVICE_CERTIFICATE_FILE", "settings.crt"),
    ("SERVICE_PRIVATE_KEY_FILE", "settings.key"),
    ("SERVICE_CA_FILE", "ca.crt"),
];

/// Returns the lines that set the variables of a backend of this service, with some of the files.
fn exports(mtls: &Mtls, origin: &Origin, files: &[(&str, &str)]) -> String {
    let path = |name: &str| mtls.world.path(name).display().to_string();
    let mut variables = vec![
        ("SERVICE", mtls.serving.address.to_string()),
        ("PRINCIPAL_ISSUER", "https://login.test".to_owned()),
        ("PRINCIPAL_AUDIENCE", "billing-portal".to_owned()),
        ("PRINCIPAL_KEY_FILE", path("principal.key")),
        ("PRINCIPAL_KEY_ID", "key-1".to_owned()),
        ("PORTAL_ORIGIN", mtls.world.stripe.base_url().to_owned()),
        ("PUBLIC_ORIGIN", "https://app.example.com".to_owned()),
        ("PORT", origin.port().to_string()),
    ];
    variables.extend(files.iter().map(|(name, file)| (*name, path(file))));
    variables.iter().map(|(name, value)| format!("export {name}={value}\n")).collect()
}

fn write_identity(mtls: &Mtls, identity: &Identity) {
    fs::write(mtls.world.path("settings.crt"), &identity.pem).unwrap();
    fs::write(mtls.world.path("settings.key"), identity.key_pem()).unwrap();
}

async fn opens_portal_with_its_certificate(program: Vec<PathBuf>) {
    let (mtls, origin) = (Mtls::start(&[]).await, Origin::new());
    fs::write(mtls.world.path("principal.key"), mtls.world.issuer.private_key_pem()).unwrap();
    fs::write(mtls.world.path("ca.crt"), &mtls.ca.pem).unwrap();
    write_identity(&mtls, &Authority::new().issue(vec![uri(CALLER)]));
    let _backend = Backend::start(program, &exports(&mtls, &origin, &FILES)).await;
    let olivia = Visitor::new(&origin.page());
    olivia.get("/sign-in?person=olivia").await;
    assert!(olivia.settings().await.contains("unavailable right now"));
    mtls.serving.wait_for_lines("client certificate is not signed by a CA", 1).await;
    // The certificate is replaced while the backend runs.
    write_identity(&mtls, &mtls.ca.issue(vec![uri(CALLER)]));
    while !olivia.settings().await.contains("<form") {}
    let opened = olivia.open_billing("acme").await;
    assert!(location(&opened).starts_with(mtls.world.stripe.base_url()));
    assert!(mtls.world.audit().iter().all(|record| record["caller"] == CALLER));
}

async fn needs_every_file_or_none(program: fn() -> Vec<PathBuf>) {
    let (mtls, origin) = (Mtls::start(&[]).await, Origin::new());
    fs::write(mtls.world.path("principal.key"), mtls.world.issuer.private_key_pem()).unwrap();
    for (files, expected) in
        [(&FILES[..2], "SERVICE_CA_FILE"), (&FILES[2..], "or none of them"), (&FILES, "No such file")]
    {
        let error = startup_error(program(), &exports(&mtls, &origin, files)).await;
        assert!(error.to_lowercase().contains(&expected.to_lowercase()), "{error}");
    }
}

#[tokio::test]
async fn rust_backend_opens_portal_with_its_certificate() {
    opens_portal_with_its_certificate(rust()).await;
}

#[tokio::test]
async fn rust_backend_needs_every_file_or_none() {
    needs_every_file_or_none(rust).await;
}

#[tokio::test]
#[ignore = "needs node and npm packages: tests/run installs them"]
async fn typescript_backend_opens_portal_with_its_certificate() {
    opens_portal_with_its_certificate(typescript()).await;
}

#[tokio::test]
#[ignore = "needs node and npm packages: tests/run installs them"]
async fn typescript_backend_needs_every_file_or_none() {
    needs_every_file_or_none(typescript).await;
}
