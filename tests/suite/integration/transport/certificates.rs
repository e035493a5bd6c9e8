//! Integration: the files of `--caller-identity mtls` are read again, and only as a whole.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use billing_portal::grpc::proto::{GetPortalAccessRequest, portal_access_client::PortalAccessClient};
use rcgen::date_time_ymd;
use tokio::task::JoinSet;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::{
    World,
    certificates::{Authority, CALLER, Identity, Mtls, channel, client, connect, mtls_arguments, uri, write_files},
    process::{binary, serve_at, signal, startup_error, text},
    settings::override_settings,
    world::bearer,
};

/// Writes the certificate and the private key of the server.
fn write_pair(mtls: &Mtls, certificate: &Identity, key: &Identity) {
    fs::write(mtls.world.path("tls.crt"), &certificate.pem).unwrap();
    fs::write(mtls.world.path("tls.key"), key.key_pem()).unwrap();
}

/// Returns whether a new connection gets this certificate of the server.
async fn is_served(mtls: &Mtls, server: &Identity) -> bool {
    let stream = connect(mtls.serving.address, Arc::new(client(&mtls.ca, None))).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0] == server.certificate
}

#[tokio::test]
async fn certificates_rotate_under_load_without_a_failed_call() {
    let mtls = Arc::new(Mtls::start(&[]).await);
    let stop = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for keeps_connection in [true, true, false, false] {
        let (mtls, stop) = (Arc::clone(&mtls), Arc::clone(&stop));
        load.spawn(async move {
            let (identity, token) = (mtls.ca.issue(vec![uri(CALLER)]), mtls.world.olivia());
            let (mut channel, mut calls) = (mtls.channel(&identity), 0);
            while !stop.load(Ordering::Relaxed) {
                if !keeps_connection {
                    channel = mtls.channel(&identity);
                }
                let request = bearer(&token, GetPortalAccessRequest::default());
                PortalAccessClient::new(channel.clone()).get_portal_access(request).await.unwrap();
                calls += 1;
            }
            calls
        });
    }
    for _ in 0..3 {
        let next = mtls.ca.issue_server();
        write_pair(&mtls, &next, &next);
        while !is_served(&mtls, &next).await {}
    }
    let other = Authority::new();
    fs::write(mtls.world.path("clients.crt"), format!("{}{}", mtls.ca.pem, other.pem)).unwrap();
    mtls.serving.wait_for_lines("\"setting\":\"--tls-client-ca-file\"", 1).await;
    let new = channel(mtls.serving.address, client(&mtls.ca, Some(&other.issue(vec![uri(CALLER)]))));
    let mut health = HealthClient::new(new);
    health.check(HealthCheckRequest::default()).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    let calls = load.join_all().await;
    assert!(calls.iter().all(|calls| *calls > 0), "{calls:?}");
}

#[tokio::test]
async fn pair_that_does_not_match_keeps_the_last_good_one() {
    let mtls = Mtls::start(&[]).await;
    let [next, other] = [(), ()].map(|()| mtls.ca.issue_server());
    write_pair(&mtls, &next, &next);
    while !is_served(&mtls, &next).await {}
    write_pair(&mtls, &other, &next);
    let line = mtls.serving.wait_for_lines("tls.key: does not match the first certificate", 1).await.remove(0);
    assert!(line.contains("\"kept_last_good\":true") && line.contains("\"level\":\"ERROR\""), "{line}");
    assert!(is_served(&mtls, &next).await);
    fs::remove_file(mtls.world.path("tls.key")).unwrap();
    mtls.serving.wait_for_lines("tls.key: No such file", 1).await;
    assert!(is_served(&mtls, &next).await);
    fs::write(mtls.world.path("tls.key"), other.key_pem()).unwrap();
    while !is_served(&mtls, &other).await {}
    let log = mtls.serving.wait_for_lines("file loaded", 2).await.concat();
    assert!(!log.contains("PRIVATE KEY"), "{log}");
}

#[tokio::test]
async fn removed_client_ca_applies_to_new_connections_and_sighup_reads_it() {
    let mtls = Mtls::start(&[]).await;
    let token = mtls.world.olivia();
    mtls.world.open(&token).await.unwrap();
    fs::write(mtls.world.path("clients.crt"), Authority::new().pem).unwrap();
    signal(&mtls.serving.child, "-HUP");
    for setting in ["--tls-client-ca-file", "--tls-certificate-file"] {
        let read = mtls.serving.wait_for_lines("file read again", 5).await;
        let line = read.iter().find(|line| line.contains(setting)).unwrap();
        assert!(
            line.contains(&format!("\"changed\":{}", setting.contains("client-ca"))) && !line.contains("\"error\"")
        );
    }
    mtls.world.open(&token).await.unwrap();
    let new = mtls.channel(&mtls.ca.issue(vec![uri(CALLER)]));
    let mut health = HealthClient::new(new);
    health.check(HealthCheckRequest::default()).await.unwrap_err();
    // A file without the certificate of a CA keeps the last good one.
    fs::write(mtls.world.path("clients.crt"), &mtls.ca.issue(vec![uri(CALLER)]).pem).unwrap();
    mtls.serving.wait_for_lines("contains a certificate that is not the certificate of a CA", 1).await;
}

#[tokio::test]
async fn certificate_that_callers_refuse_or_will_refuse_is_logged_and_found_by_check() {
    let (world, ca) = (World::start().await, Authority::new());
    write_files(world.folder.path(), &ca);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let soon = date_time_ymd(1970, 1, 1) + now + Duration::from_secs(3 * 24 * 3_600);
    let name = || vec![uri("spiffe://example.org/portal")];
    for (server, logged, status, code) in [
        (ca.issue_with(name(), |leaf| leaf.not_after = soon), "certificate expires soon", "warning", 0),
        (
            ca.issue_with(name(), |leaf| leaf.not_after = date_time_ymd(2020, 1, 1)),
            "certificate has expired",
            "failed",
            1,
        ),
        (
            ca.issue_with(name(), |leaf| leaf.not_before = date_time_ymd(2200, 1, 1)),
            "certificate is not valid yet",
            "failed",
            1,
        ),
        (ca.issue(vec![]), "has no subject alternative name, so callers refuse it", "failed", 1),
    ] {
        fs::write(world.path("tls.crt"), &server.pem).unwrap();
        fs::write(world.path("tls.key"), server.key_pem()).unwrap();
        let serving = serve_at("info", &mtls_arguments(&world)).await;
        let lines = serving.wait_for_lines(logged, 1).await;
        assert!(lines.len() == 1 && lines[0].contains("--tls-certificate-file"), "{lines:?}");
        let report = check(&mtls_arguments(&world), code).await;
        assert!(report.contains(&format!("TLS certificate,{status},")), "{report}");
        assert!(report.contains("certificate 1 (CN=rcgen self signed cert): "), "{report}");
        assert!(report.contains("client CA,ok,valid until"), "{report}");
    }
}

/// Runs `check`, which exits with this code, and returns its report.
async fn check(arguments: &[String], code: i32) -> String {
    let output = binary().arg("check").arg("--format=csv").args(arguments).output().await.unwrap();
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{report}");
    report.to_owned()
}

#[tokio::test]
async fn expired_ca_of_callers_is_a_failure_only_if_no_other_is_valid() {
    let (world, ca) = (World::start().await, Authority::new());
    write_files(world.folder.path(), &ca);
    let expired = Authority::with(|ca| ca.not_after = date_time_ymd(2020, 1, 1)).pem;
    for (pem, status, level, code) in
        [(format!("{}{expired}", ca.pem), "warning", "WARN", 0), (expired.clone(), "failed", "ERROR", 1)]
    {
        fs::write(world.path("clients.crt"), pem).unwrap();
        let report = check(&mtls_arguments(&world), code).await;
        assert!(report.contains(&format!("client CA,{status},certificate {} (CN=", 2 - code)), "{report}");
        let serving = serve_at("info", &mtls_arguments(&world)).await;
        let line = serving.wait_for_lines("certificate has expired", 1).await.remove(0);
        assert!(line.contains(level) && line.contains("--tls-client-ca-file"), "{line}");
    }
}

#[tokio::test]
async fn file_that_cannot_be_used_is_named_with_its_setting() {
    let (world, ca) = (World::start().await, Authority::new());
    write_files(world.folder.path(), &ca);
    let (certificate, key) = (world.path("tls.crt"), world.path("tls.key"));
    let (certificate_pem, key_pem) = (fs::read(&certificate).unwrap(), fs::read(&key).unwrap());
    let der = ca.issue_server().certificate.to_vec();
    for (changed, content, setting, problem) in [
        (&key, None, "--tls-private-key-file", "No such file or directory (os error 2)"),
        (&key, Some(&certificate_pem), "--tls-private-key-file", "must contain exactly one private key in PEM format"),
        (&key, Some(&der), "--tls-private-key-file", "is in DER format; convert it to PEM format"),
        (&certificate, Some(&der), "--tls-certificate-file", "is in DER format; convert it to PEM format"),
        (&certificate, None, "--tls-certificate-file", "No such file or directory (os error 2)"),
        (
            &certificate,
            Some(&[ca.pem.as_bytes(), &certificate_pem].concat()),
            "--tls-private-key-file",
            "does not match the first certificate in --tls-certificate-file; the listener's certificate comes first",
        ),
    ] {
        fs::write(&certificate, &certificate_pem).unwrap();
        fs::write(&key, &key_pem).unwrap();
        match content {
            Some(content) => fs::write(changed, content).unwrap(),
            None => fs::remove_file(changed).unwrap(),
        }
        let mut command = binary();
        command.args(mtls_arguments(&world));
        let (code, line) = startup_error(command).await;
        let file = if setting.contains("key") { &key } else { &certificate };
        let expected = format!("{setting}: cannot use {}: {problem}", file.display());
        assert!(code == Some(64) && line.contains(&expected), "{line}");
    }
}

#[tokio::test]
async fn check_names_files_that_do_not_fit_and_an_exposed_private_key() {
    let (world, ca) = (World::start().await, Authority::new());
    write_files(world.folder.path(), &ca);
    fs::write(world.path("tls.key"), ca.issue_server().key_pem()).unwrap();
    let mut arguments = mtls_arguments(&world);
    override_settings(&mut arguments, &["--tls-client-ca-file=/nowhere"]);
    let output = binary().arg("check").arg("--format=csv").args(&arguments).output().await.unwrap();
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(report.contains("does not match the first certificate") && report.contains("/nowhere"), "{report}");
    let public = tempfile::tempdir_in("/tmp").unwrap();
    fs::write(public.path().join("key"), ca.issue_server().key_pem()).unwrap();
    fs::set_permissions(public.path().join("key"), Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(public.path(), Permissions::from_mode(0o755)).unwrap();
    override_settings(&mut arguments, &[&format!("--tls-private-key-file={}/key", public.path().display())]);
    let output = binary().arg("check").arg("--format=csv").args(&arguments).output().await.unwrap();
    assert!(text(&output.stdout).contains("key; run chmod 600 on it"));
}
