//! Integration: the example backends in Rust and in TypeScript, as separate processes that call the real service. Both
//! behave the same.

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
    assert!(path.exists(), "build the example first; tests/run builds it");
    let mut command = Command::new("node");
    command.arg(path);
    command
}

/// Starts a backend that publishes its key set to the world's service. Returns the origin of its page.
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
    let line = lines.next_line().await.unwrap().expect("the backend exited early");
    tokio::spawn(async move { while lines.next_line().await.is_ok_and(|line| line.is_some()) {} });
    (child, line.strip_prefix("listening on ").expect(&line).to_owned())
}

async fn sign_in(page: &str, user: &str) -> Visitor {
    let visitor = Visitor::new(page);
    assert_eq!(visitor.get(&format!("/sign-in?person={user}")).await.status(), 303);
    visitor
}

async fn opens_portal_for_owner_only(command: Command) {
    let world = World::start().await;
    let (_child, page) = start(command, &world, &world.address.to_string()).await;
    let olivia = sign_in(&page, "olivia").await;
    // The service polls the key set file, so the new keys take effect after a short delay.
    while !olivia.settings().await.contains("Open billing") {
        tokio::task::yield_now().await;
    }
    let response = olivia.open_billing("acme").await;
    assert_eq!(response.status(), 303);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
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
    world.wait_for_health("billing.portal.v1.BillingPortal", ServingStatus::NotServing).await;
    let fields = [("csrf_token", csrf_token.as_str()), ("displayed_tenant_id", "acme")];
    let disabled = olivia.post("/settings/billing", &fields).await.text().await.unwrap();
    let request_id = world.audit().last().unwrap()["request_id"].as_str().unwrap().to_owned();
    assert!(disabled.contains("not available") && disabled.contains(&request_id), "{disabled}");
}

/// Returns the address of a mesh whose route to the service is off. It sends the given response to every connection;
/// without a response, nothing listens there.
async fn start_disabled_route(response: Option<&'static [u8]>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    if let Some(response) = response {
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                drop(stream.write_all(response).await);
                drop(stream.read(&mut [0; 1024]).await);
            }
        });
    }
    address
}

async fn shows_unreachable_service_as_unavailable(command: fn() -> Command) {
    let world = World::start().await;
    for response in [None, Some(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".as_slice())] {
        let service = start_disabled_route(response).await;
        let (_child, page) = start(command(), &world, &service).await;
        let olivia = sign_in(&page, "olivia").await;
        let response = olivia.get("/settings").await;
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        assert!(text.contains("unavailable right now") && !text.contains("<form"), "{text}");
    }
}

#[tokio::test]
async fn rust_backend_opens_portal_for_owner_only() {
    opens_portal_for_owner_only(rust()).await;
}

#[tokio::test]
async fn rust_backend_shows_unreachable_service_as_unavailable() {
    shows_unreachable_service_as_unavailable(rust).await;
}

#[tokio::test]
#[ignore = "needs node and npm packages: tests/run installs them"]
async fn typescript_backend_opens_portal_for_owner_only() {
    opens_portal_for_owner_only(typescript()).await;
}

#[tokio::test]
#[ignore = "needs node and npm packages: tests/run installs them"]
async fn typescript_backend_shows_unreachable_service_as_unavailable() {
    shows_unreachable_service_as_unavailable(typescript).await;
}
