//! Integration: the page's redirect to the portal and the way back, and what a person is told when there is none.

use axum::{Router, http::HeaderValue, response::IntoResponse as _};
use tokio::net::TcpListener;

use crate::support::example::{Example, Visitor};

#[tokio::test]
async fn the_form_leads_to_the_portal_of_the_owners_tenant_and_back_with_a_notice() {
    let example = Example::start(&[]).await;
    let olivia = Visitor::sign_in(&example.page, "olivia").await;
    let answer = olivia.open_billing("acme").await;
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    let portal = example.value("Stripe");
    let policy = answer.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains(&format!("form-action 'self' {portal}")), "{policy}");
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(answer.text().await.unwrap().is_empty(), "no body repeats the URL");

    // The Location is the session's URL, unchanged: it opens the portal of acme's customer.
    assert!(location.starts_with(&format!("{portal}/p/session/")), "on another origin than the page");
    let html = reqwest::get(&location).await.unwrap().text().await.unwrap();
    assert!(html.contains("cus_AcmeRobotics") && html.contains("Acme Robotics"), "{html}");
    assert!(html.contains(&format!("href=\"{}/settings?billing=returned\"", example.page)), "{html}");

    let html = olivia.get("/settings?billing=returned").await.text().await.unwrap();
    assert!(html.contains("role=\"status\"") && html.contains("You are back from the billing portal."), "{html}");

    let audit = std::fs::read_to_string(example.value("Audit log")).unwrap();
    let secret = location.rsplit('/').next().unwrap();
    assert!(audit.contains("\"released\":true") && !audit.contains(secret));
    let printed = example.stop().await;
    assert!(!printed.contains(secret), "{printed}");
}

#[tokio::test]
async fn a_form_without_the_sessions_token_or_from_another_site_is_refused() {
    let example = Example::start(&[]).await;
    let olivia = Visitor::sign_in(&example.page, "olivia").await;
    for token in ["", "guess"] {
        let fields = [("csrf_token", token), ("displayed_tenant_id", "acme")];
        assert_eq!(olivia.post("/settings/billing", &fields).await.status(), 403);
    }
    let audit = std::fs::read_to_string(example.value("Audit log")).unwrap();
    assert_eq!(audit, "", "the service was not called");
    example.stop().await;
}

#[tokio::test]
async fn a_page_of_another_tenant_is_told_so_with_a_reference() {
    let example = Example::start(&[]).await;
    let olivia = Visitor::sign_in(&example.page, "olivia").await;
    let answer = olivia.open_billing("globex").await;
    assert_eq!(answer.status(), 200);
    let html = answer.text().await.unwrap();
    assert!(html.contains("This page shows a different workspace than the one you are signed in to."), "{html}");
    let audit = std::fs::read_to_string(example.value("Audit log")).unwrap();
    let line: serde_json::Value = serde_json::from_str(audit.lines().last().unwrap()).unwrap();
    assert_eq!(line["reason"], "TENANT_MISMATCH");
    assert!(html.contains(line["request_id"].as_str().unwrap()), "support finds the reference in the audit log");
    example.stop().await;
}

#[tokio::test]
async fn a_flag_that_goes_off_while_the_page_is_open_gives_a_friendly_sentence() {
    let example = Example::start(&[]).await;
    let olivia = Visitor::sign_in(&example.page, "olivia").await;
    assert!(olivia.settings().await.contains("Open billing portal"));
    example.switch_off().await;
    let html = olivia.open_billing("acme").await.text().await.unwrap();
    assert!(html.contains("Billing has just been switched off for this workspace."), "{html}");
    example.stop().await;
}

/// What a mesh answers when it routes the service off: a bare status, without our ErrorInfo.
async fn routed_off(listener: TcpListener) {
    let bare = || async {
        let headers = [
            ("content-type", HeaderValue::from_static("application/grpc")),
            ("grpc-status", HeaderValue::from_static("14")),
            ("grpc-message", HeaderValue::from_static("fault filter abort")),
        ];
        headers.into_response()
    };
    axum::serve(listener, Router::new().fallback(bare)).await.unwrap();
}

#[tokio::test]
async fn a_status_that_is_not_ours_reads_as_unavailable_and_never_as_an_error_page() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let off = format!("--service=http://{}", listener.local_addr().unwrap());
    let mesh = tokio::spawn(routed_off(listener));
    // The mesh's bare status, and a service that is not there at all.
    for service in [off.as_str(), "--service=http://127.0.0.1:1"] {
        let example = Example::start(&[service]).await;
        let olivia = Visitor::sign_in(&example.page, "olivia").await;
        let html = olivia.settings().await;
        assert!(html.contains("Billing is unavailable right now.") && !html.contains("Open billing portal"), "{html}");
        let answer = olivia.open_billing("acme").await;
        assert_eq!(answer.status(), 200);
        let html = answer.text().await.unwrap();
        assert!(html.contains("role=\"alert\"") && html.contains("Billing is unavailable right now."), "{html}");
        example.stop().await;
    }
    mesh.abort();
}
