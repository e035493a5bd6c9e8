//! Integration: the example backends in Rust and in TypeScript, as separate processes that call the service of the running
//! example, with the variables that it prints. Both behave the same.

use std::path::PathBuf;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::support::{
    backend::{Backend, Origin, rust, typescript},
    example::{Example, Visitor, location},
};

async fn start_example(origin: &Origin) -> Example {
    Example::start(&[&format!("--backend-origin={}", origin.page())]).await
}

async fn sign_in(visitor: Visitor, user: &str) -> Visitor {
    let response = visitor.get(&format!("/sign-in?person={user}")).await;
    assert_eq!(response.status(), 303);
    visitor
}

async fn opens_portal_for_owner_only(program: Vec<PathBuf>) {
    let origin = Origin::new();
    let (page, example) = (origin.page(), start_example(&origin).await);
    let _backend = Backend::start(program, &example.exports()).await;
    for (languages, expected) in
        [("pt_BR, en;q=0.2, de-AT;q=0.9, *;q=0.1", Some("de")), ("fr, it", Some("fr")), ("da;q=0", None)]
    {
        let olivia = sign_in(Visitor::with_languages(&page, languages), "olivia").await;
        let response = olivia.open_billing("acme").await;
        assert_eq!(response.status(), 303);
        let location = response.headers()["location"].to_str().unwrap();
        assert!(location.starts_with(&example.value("Stripe")), "the portal must be on its own origin");
        let portal = reqwest::get(location).await.unwrap().text().await.unwrap();
        assert!(portal.contains("cus_AcmeRobotics"), "{portal}");
        assert!(portal.contains(&format!("href=\"{page}/settings?billing=returned\"")), "{portal}");
        let language = portal.split_once("<dt>Language</dt><dd>").map(|(_, rest)| rest.split('<').next().unwrap());
        assert_eq!(language, expected, "{languages}");
    }
    let olivia = sign_in(Visitor::new(&page), "olivia").await;
    let response = olivia.update_payment_method(&olivia.csrf_token().await, "acme").await;
    let portal = reqwest::get(location(&response)).await.unwrap().text().await.unwrap();
    assert!(portal.contains("<h1>Update your payment method</h1>") && portal.contains("cus_AcmeRobotics"), "{portal}");
    for (id, marker, notice) in [
        ("done", "payment-method-updated", "Your payment method was updated."),
        ("return", "payment-method-not-updated", "You returned without updating your payment method."),
    ] {
        assert!(portal.contains(&format!("id=\"{id}\" href=\"{page}/settings?billing={marker}\"")), "{portal}");
        let back = olivia.get(&format!("/settings?billing={marker}")).await.text().await.unwrap();
        assert!(back.contains(notice), "{back}");
    }
    let back = olivia.get("/settings?billing=returned").await.text().await.unwrap();
    assert!(back.contains("You are back"), "{back}");

    let mia = sign_in(Visitor::new(&page), "mia").await.settings().await;
    assert!(mia.contains("Only owners") && !mia.contains("<form"), "{mia}");
    let gustav = sign_in(Visitor::new(&page), "gustav").await.settings().await;
    assert!(gustav.contains("not available") && !gustav.contains("<form"), "{gustav}");
    let other = olivia.open_billing("globex").await.text().await.unwrap();
    assert!(other.contains("different workspace") && other.contains("Reference"), "{other}");

    let csrf_token = olivia.csrf_token().await;
    example.disable_flag().await;
    let fields = [("csrf_token", csrf_token.as_str()), ("displayed_tenant_id", "acme")];
    let disabled = olivia.post("/settings/billing", &fields).await.text().await.unwrap();
    assert!(disabled.contains("not available"), "{disabled}");
    let printed = example.stop().await;
    let refused: Vec<_> = printed.lines().filter(|line| line.starts_with("Refused ")).collect();
    assert_eq!(refused.len(), 2, "{printed}");
    assert!(refused[1].starts_with("Refused CreatePortalSession for olivia of acme: FEATURE_DISABLED"), "{printed}");
    assert!(disabled.contains(refused[1].rsplit(' ').next().unwrap()), "the page must show the request ID");
}

async fn protects_every_response(program: Vec<PathBuf>) {
    let origin = Origin::new();
    let (page, example) = (origin.page(), start_example(&origin).await);
    let _backend = Backend::start(program, &example.exports()).await;
    let visitor = Visitor::new(&page);
    let wrong = [("csrf_token", "guess"), ("displayed_tenant_id", "acme")];
    let mut responses = vec![
        (303, visitor.get("/").await),
        (401, visitor.get("/settings").await),
        (400, visitor.get("/sign-in?person=nobody").await),
        (401, visitor.post("/settings/billing", &wrong).await),
    ];
    let signed_in = visitor.get("/sign-in?person=olivia").await;
    let csrf_token = visitor.csrf_token().await;
    let unknown = [("csrf_token", csrf_token.as_str()), ("displayed_tenant_id", "acme"), ("action", "other")];
    // Browsers send a cookie to every port of a host, so another backend must not use the same name.
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with(&format!("session_{}=", origin.port())), "{cookie}");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    responses.extend([
        (303, signed_in),
        (200, visitor.get("/settings").await),
        (404, visitor.get("/missing").await),
        (403, visitor.post("/settings/billing", &wrong).await),
        (200, visitor.open_billing("globex").await),
        (303, visitor.open_billing("acme").await),
        (400, visitor.post("/settings/billing", &unknown).await),
    ]);
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' {}; frame-ancestors 'none'; base-uri 'none'",
        example.value("Stripe")
    );
    for (status, response) in responses {
        let path = response.url().path();
        assert_eq!(response.status(), status, "{path}");
        for (name, expected) in [
            ("content-security-policy", policy.as_str()),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            let values: Vec<_> = response.headers().get_all(name).iter().collect();
            assert_eq!(values, [expected], "{status} {path}");
        }
    }
}

/// A backend whose return URL the service does not accept logs the field that is named in the BadRequest.
async fn logs_invalid_field(program: Vec<PathBuf>) {
    let origin = Origin::new();
    let (page, example) = (origin.page(), start_example(&origin).await);
    let exports = example.exports() + "export PUBLIC_ORIGIN=https://other.example.com";
    let mut backend = Backend::start(program, &exports).await;
    let olivia = sign_in(Visitor::new(&page), "olivia").await;
    let html = olivia.open_billing("acme").await.text().await.unwrap();
    assert!(html.contains("unavailable right now") && html.contains("Reference"), "{html}");
    let line: serde_json::Value = serde_json::from_str(&backend.next_line().await).unwrap();
    assert_eq!((&line["rpc"], &line["reason"]), (&"CreatePortalSession".into(), &"RETURN_URL_NOT_ALLOWED".into()));
    assert!(line["fields"][0].as_str().unwrap().starts_with("return_url: "), "{line}");
    assert!(html.contains(line["request_id"].as_str().unwrap()), "{html}");
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

async fn shows_unreachable_service_as_unavailable(program: fn() -> Vec<PathBuf>) {
    for response in [None, Some(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".as_slice())] {
        let origin = Origin::new();
        let (page, example) = (origin.page(), start_example(&origin).await);
        let exports = format!("{}export SERVICE={}", example.exports(), start_disabled_route(response).await);
        let _backend = Backend::start(program(), &exports).await;
        let olivia = sign_in(Visitor::new(&page), "olivia").await;
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
async fn rust_backend_protects_every_response() {
    protects_every_response(rust()).await;
}

#[tokio::test]
async fn rust_backend_logs_invalid_field() {
    logs_invalid_field(rust()).await;
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
async fn typescript_backend_protects_every_response() {
    protects_every_response(typescript()).await;
}

#[tokio::test]
#[ignore = "needs node and npm packages: tests/run installs them"]
async fn typescript_backend_logs_invalid_field() {
    logs_invalid_field(typescript()).await;
}

#[tokio::test]
#[ignore = "needs node and npm packages: tests/run installs them"]
async fn typescript_backend_shows_unreachable_service_as_unavailable() {
    shows_unreachable_service_as_unavailable(typescript).await;
}
