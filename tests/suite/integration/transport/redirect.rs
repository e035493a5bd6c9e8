//! Integration: the page's redirect to the portal and back, and its messages when there is no redirect.

use axum::{Router, http::HeaderValue, response::IntoResponse as _};
use tokio::net::TcpListener;

use crate::support::example::{Example, Visitor, location};

#[tokio::test]
async fn form_redirects_owner_to_portal_and_back_with_notice() {
    let example = Example::start(&[]).await;
    let olivia = Visitor::sign_in(&example.page, "olivia").await;
    let response = olivia.open_billing("acme").await;
    assert_eq!(response.status(), 303);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    let portal = example.value("Stripe");
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains(&format!("form-action 'self' {portal}")), "{policy}");
    let session = location(&response).to_owned();
    assert!(response.text().await.unwrap().is_empty(), "the body must not repeat the URL");

    // The Location is the unchanged session URL. It opens the portal of acme's customer.
    assert!(session.starts_with(&format!("{portal}/p/session/")), "the portal must be on its own origin");
    let html = reqwest::get(&session).await.unwrap().text().await.unwrap();
    assert!(html.contains("cus_AcmeRobotics") && html.contains("Acme Robotics"), "{html}");
    assert!(html.contains(&format!("href=\"{}/settings/billing?billing=returned\"", example.page)), "{html}");

    let back = olivia.get("/settings/billing?billing=returned").await;
    assert_eq!((back.status().as_u16(), location(&back)), (303, "/settings/billing"));
    let html = olivia.billing().await;
    assert!(html.contains("You are back from the billing portal."), "{html}");
    assert!(!olivia.billing().await.contains("You are back"), "the notice must be shown once");

    let audit = std::fs::read_to_string(example.value("Audit log")).unwrap();
    let secret = session.rsplit('/').next().unwrap();
    assert!(audit.contains("\"released\":true") && !audit.contains(secret));
    let printed = example.stop().await;
    assert!(!printed.contains(secret), "{printed}");
}

#[tokio::test]
async fn form_with_wrong_csrf_token_does_not_call_service() {
    let example = Example::start(&[]).await;
    let olivia = Visitor::sign_in(&example.page, "olivia").await;
    for token in ["", "guess"] {
        assert_eq!(location(&olivia.submit(token, "acme").await), "/settings/billing");
        let html = olivia.billing().await;
        assert!(html.contains("was opened before you signed in, so nothing was changed."), "{html}");
    }
    assert_eq!(example.audit().len(), 0, "the service must not be called");
    example.stop().await;
}

#[tokio::test]
async fn page_of_other_tenant_gets_message_with_reference() {
    let example = Example::start(&[]).await;
    let olivia = Visitor::sign_in(&example.page, "olivia").await;
    let html = olivia.refusal("globex").await;
    assert!(html.contains("You are now in a different workspace, so billing was not opened."), "{html}");
    let record = example.audit().pop().unwrap();
    assert_eq!(record["reason"], "TENANT_MISMATCH");
    assert!(html.contains(record["request_id"].as_str().unwrap()), "the reference must be in the audit log");
    example.stop().await;
}

#[tokio::test]
async fn flag_disabled_while_page_is_open_gets_message() {
    let example = Example::start(&[]).await;
    let olivia = Visitor::sign_in(&example.page, "olivia").await;
    assert!(olivia.billing().await.contains("Open billing portal"));
    example.disable_flag().await;
    let sentence = "Billing is not available for this workspace right now. Please contact support if you need it.";
    for html in [olivia.refusal("acme").await, olivia.billing().await] {
        assert_eq!(html.matches(sentence).count(), 1, "{html}");
    }
    example.stop().await;
}

/// Responds like a mesh whose route to the service is off: a status without the service's ErrorInfo.
async fn serve_disabled_route(listener: TcpListener) {
    let status_without_details = || async {
        let headers = [
            ("content-type", HeaderValue::from_static("application/grpc")),
            ("grpc-status", HeaderValue::from_static("14")),
            ("grpc-message", HeaderValue::from_static("fault filter abort")),
        ];
        headers.into_response()
    };
    axum::serve(listener, Router::new().fallback(status_without_details)).await.unwrap();
}

#[tokio::test]
async fn status_without_error_info_is_shown_as_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mesh_service = format!("--service=http://{}", listener.local_addr().unwrap());
    let mesh = tokio::spawn(serve_disabled_route(listener));
    // The mesh's status, and a service that cannot be reached at all.
    for service in [mesh_service.as_str(), "--service=http://127.0.0.1:1"] {
        let example = Example::start(&[service]).await;
        let olivia = Visitor::sign_in(&example.page, "olivia").await;
        let sentence = "Billing is unavailable right now. Please try again in a few minutes.";
        let html = olivia.billing().await;
        assert!(html.contains(sentence) && !html.contains("Open billing portal"), "{html}");
        let html = olivia.refusal("acme").await;
        assert!(html.contains("role=\"alert\"") && html.contains(sentence), "{html}");
        example.stop().await;
    }
    mesh.abort();
}
