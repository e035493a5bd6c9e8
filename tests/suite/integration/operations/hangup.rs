//! Integration: SIGHUP opens the audit file again, reads every file and URL, and never ends the process.

use billing_portal::grpc::proto::billing_portal_client::BillingPortalClient;
use tokio::net::TcpListener;

use crate::support::{
    Issuer, World,
    key_server::KeyServer,
    process::{binary, listening, serve, serve_at, signal, valid_settings},
    settings::override_settings,
    stripe::hold_responses,
    world::{FLAG_ON, bearer, connect, home},
};

#[tokio::test]
async fn signal_reads_everything_again_and_logs_each_result() {
    let keys = KeyServer::start((200, None, Issuer::new("old").jwks().to_string())).await;
    let (folder, mut arguments) = valid_settings();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("password"), "old").unwrap();
    std::fs::write(path("flags.json"), FLAG_ON).unwrap();
    let changes = [
        &format!("--principal-jwks={}", keys.url),
        "--principal-jwks-refresh=1h",
        "--principal-jwks-max-age=2h",
        "--database-url=postgres://portal@127.0.0.1:1/portal",
        &format!("--database-password-file={}", path("password").display()),
    ];
    override_settings(&mut arguments, &changes);
    let mut command = binary();
    command.args(&arguments).env("SSL_CERT_FILE", keys.ca_file());
    let mut serving = serve(command).await;

    std::fs::rename(path("audit.jsonl"), path("audit.1")).unwrap();
    keys.set_response((200, None, Issuer::new("new").jwks().to_string()));
    signal(&serving.child, "-HUP");
    assert!(serving.wait_for_lines("audit file reopened", 1).await[0].contains("audit.jsonl"));
    assert!(path("audit.jsonl").exists());
    let fetched = serving.wait_for_lines("document fetched again", 1).await;
    assert!(fetched[0].contains("--principal-jwks") && fetched[0].contains("\"changed\":true"), "{fetched:?}");
    let files = serving.wait_for_lines("file read again", 3).await;
    for setting in ["--flags-file", "--stripe-secret-key-file", "--database-password-file"] {
        let line = files.iter().find(|line| line.contains(setting)).unwrap_or_else(|| panic!("{setting}: {files:?}"));
        assert!(line.contains("\"changed\":") && !line.contains("\"error\""), "{line}");
    }

    // The path of the audit file is unchanged, and some sources cannot be used.
    std::fs::remove_file(path("stripe.key")).unwrap();
    keys.set_response((503, None, String::new()));
    signal(&serving.child, "-HUP");
    serving.wait_for_lines("audit file reopened", 2).await;
    let files = serving.wait_for_lines("file read again", 6).await;
    let failed: Vec<_> = files.iter().filter(|line| line.contains("\"error\"")).collect();
    assert!(failed.len() == 1 && failed[0].contains("--stripe-secret-key-file"), "{files:?}");
    assert!(serving.wait_for_lines("document fetched again", 2).await[1].contains("503"));
    assert_eq!(keys.request_count(), 3);

    // The path cannot be opened any more.
    std::fs::remove_file(path("audit.jsonl")).unwrap();
    std::fs::create_dir(path("audit.jsonl")).unwrap();
    signal(&serving.child, "-HUP");
    assert!(serving.wait_for_lines("audit file not reopened", 1).await[0].contains("--audit"));
    signal(&serving.child, "-TERM");
    assert_eq!(serving.child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn signal_during_startup_does_not_end_the_process() {
    // A server that does not respond: while the key set is fetched, the start is not complete.
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://127.0.0.1:{}/jwks.json", server.local_addr().unwrap().port());
    let (_folder, mut arguments) = valid_settings();
    override_settings(&mut arguments, &[&format!("--principal-jwks={url}")]);
    let child = binary().args(&arguments).spawn().unwrap();
    let connection = server.accept().await.unwrap();
    signal(&child, "-HUP");
    drop((connection, server));
    let mut serving = listening(child).await;
    serving.wait_for_lines("file read again", 2).await;
    signal(&serving.child, "-TERM");
    assert_eq!(serving.child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn signal_during_drain_cuts_off_no_call() {
    let world = World::start().await;
    let (received, release) = hold_responses(&world.stripe);
    let arguments = world.settings(&["--listen=127.0.0.1:0"]);
    let mut serving = serve_at("info", &arguments).await;
    let mut client = BillingPortalClient::new(connect(serving.address).await);
    let request = bearer(&world.olivia(), home());
    let call = tokio::spawn(async move { client.create_portal_session(request).await });
    received.notified().await;
    signal(&serving.child, "-TERM");
    signal(&serving.child, "-HUP");
    serving.wait_for_lines("file read again", 3).await;
    release.add_permits(10);
    call.await.unwrap().unwrap();
    assert_eq!(serving.child.wait().await.unwrap().code(), Some(0));
    assert!(serving.log.await.unwrap().contains("drained"));
}
