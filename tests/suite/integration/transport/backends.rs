//! Integration: the two small backends that show how the service is called, in Rust and in TypeScript, each as a process of
//! its own against the real service. What one does, the other does.

use std::{path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::support::{
    World,
    example::Visitor,
    world::{FLAG_OFF, RETURN_URL},
};

fn rust() -> Command {
    let path = Path::new(env!("CARGO_BIN_EXE_billing-portal")).with_file_name("examples").join("bff");
    assert!(path.exists(), "build the example first: cargo build --example bff");
    Command::new(path)
}

fn typescript() -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bff-typescript/build/main.js");
    assert!(path.exists(), "build it first: tests/run does");
    let mut command = Command::new("node");
    command.arg(path);
    command
}

/// Starts a backend whose key set the world's service trusts; returns its page's origin.
async fn start(mut command: Command, world: &World, service: &str) -> (Child, String) {
    let mut child = command
        .env("SERVICE", service)
        .env("PUBLIC_ORIGIN", RETURN_URL.trim_end_matches("/settings"))
        .env("JWKS_FILE", world.path("jwks.json"))
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().expect("it ended early");
    tokio::spawn(async move { while lines.next_line().await.is_ok_and(|line| line.is_some()) {} });
    (child, line.strip_prefix("listening on ").expect(&line).to_owned())
}

async fn sign_in(page: &str, person: &str) -> Visitor {
    let visitor = Visitor::new(page);
    assert_eq!(visitor.get(&format!("/sign-in?person={person}")).await.status(), 303);
    visitor
}

async fn opens_the_owners_portal_and_nobody_elses(command: Command) {
    let world = World::start().await;
    let (_child, page) = start(command, &world, &world.address.to_string()).await;
    let olivia = sign_in(&page, "olivia").await;
    // The service reads the new key set within 2 s.
    while !olivia.settings().await.contains("Open billing") {
        tokio::task::yield_now().await;
    }
    let answer = olivia.open_billing("acme").await;
    assert_eq!(answer.status(), 303);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(world.stripe.customer_of(&header("location")).as_deref(), Some("cus_A"));
    assert_eq!((header("cache-control").as_str(), header("referrer-policy").as_str()), ("no-store", "no-referrer"));
    let back = olivia.get("/settings?billing=returned").await.text().await.unwrap();
    assert!(back.contains("You are back"), "{back}");

    let mia = sign_in(&page, "mia").await.settings().await;
    assert!(mia.contains("Only owners") && !mia.contains("<form"), "{mia}");
    let dora = sign_in(&page, "dora").await.settings().await;
    assert!(dora.contains("not available") && !dora.contains("<form"), "{dora}");

    let forged = olivia.post("/settings/billing", &[("csrf_token", "forged"), ("displayed_tenant_id", "acme")]).await;
    assert_eq!(forged.status(), 403);
    let other = olivia.open_billing("globex").await.text().await.unwrap();
    assert!(other.contains("different workspace") && other.contains("Reference"), "{other}");

    let csrf_token = olivia.csrf_token().await;
    std::fs::write(world.path("flags.json"), FLAG_OFF).unwrap();
    world.health_is("billing.portal.v1.BillingPortal", ServingStatus::NotServing).await;
    let fields = [("csrf_token", csrf_token.as_str()), ("displayed_tenant_id", "acme")];
    let off = olivia.post("/settings/billing", &fields).await.text().await.unwrap();
    let request_id = world.audit().last().unwrap()["request_id"].as_str().unwrap().to_owned();
    assert!(off.contains("switched off") && off.contains(&request_id), "{off}");
}

/// Answers every connection as a mesh does that routes the service off, or not at all.
async fn routed_off(answer: Option<&'static [u8]>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    if let Some(answer) = answer {
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                drop(stream.write_all(answer).await);
                drop(stream.read(&mut [0; 1024]).await);
            }
        });
    }
    address
}

async fn reads_a_service_that_is_not_there_as_unavailable(command: fn() -> Command) {
    let world = World::start().await;
    for answer in [None, Some(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".as_slice())] {
        let service = routed_off(answer).await;
        let (_child, page) = start(command(), &world, &service).await;
        let olivia = sign_in(&page, "olivia").await;
        let answer = olivia.get("/settings").await;
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        assert!(text.contains("unavailable right now") && !text.contains("<form"), "{text}");
    }
}

#[tokio::test]
async fn the_backend_in_rust_opens_the_owners_portal_and_nobody_elses() {
    opens_the_owners_portal_and_nobody_elses(rust()).await;
}

#[tokio::test]
async fn the_backend_in_rust_reads_a_service_that_is_not_there_as_unavailable() {
    reads_a_service_that_is_not_there_as_unavailable(rust).await;
}

#[tokio::test]
#[ignore = "needs node and npm packages: tests/run installs them"]
async fn the_backend_in_typescript_opens_the_owners_portal_and_nobody_elses() {
    opens_the_owners_portal_and_nobody_elses(typescript()).await;
}

#[tokio::test]
#[ignore = "needs node and npm packages: tests/run installs them"]
async fn the_backend_in_typescript_reads_a_service_that_is_not_there_as_unavailable() {
    reads_a_service_that_is_not_there_as_unavailable(typescript).await;
}
