//! Smoke: the happy path with a real Chromium and a real grpcurl.

use tokio::process::Command;

use crate::support::{
    browser::{ACTION, Browser, UPDATE_PAYMENT_METHOD},
    example::Example,
};

#[tokio::test]
#[ignore = "needs Chromium and chromedriver: tests/run installs them"]
async fn owner_opens_portal_of_own_tenant_and_returns() {
    let (example, browser) = (Example::start(&[]).await, Browser::start().await);
    browser.sign_in(&example, "olivia").await;
    assert_eq!(browser.text(ACTION).await, "Open billing portal");
    browser.screenshot("billing-owner").await;
    browser.click(ACTION).await;

    assert_eq!(browser.text("#customer-name").await, "Acme Robotics");
    assert_eq!(browser.text("#customer-id").await, "cus_AcmeRobotics");
    let url = browser.client.current_url().await.unwrap();
    let portal = example.value("Stripe");
    assert_eq!(url.origin().ascii_serialization(), portal);
    assert_ne!(portal, example.page, "the portal must be on its own origin");
    assert_eq!(browser.client.windows().await.unwrap().len(), 1, "the portal must open in the same tab");
    browser.screenshot("portal").await;

    browser.click("#return").await;
    assert_eq!(browser.text(".notice[role=status]").await, "You are back from the billing portal.");
    assert_eq!(browser.client.current_url().await.unwrap().as_str(), format!("{}/settings/billing", example.page));
    browser.screenshot("billing-returned").await;
    browser.close().await;
    example.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium and chromedriver: tests/run installs them"]
async fn page_says_whether_payment_method_was_updated() {
    let (example, browser) = (Example::start(&[]).await, Browser::start().await);
    browser.sign_in(&example, "olivia").await;
    for (link, notice) in [
        ("#done", "Your payment method was updated."),
        ("#return", "You returned without updating your payment method."),
    ] {
        assert_eq!(browser.text(UPDATE_PAYMENT_METHOD).await, "Update payment method");
        browser.click(UPDATE_PAYMENT_METHOD).await;
        assert_eq!(browser.text("#customer-id").await, "cus_AcmeRobotics");
        assert_eq!(browser.text("h1").await, "Update your payment method");
        browser.screenshot("portal-payment-method").await;
        browser.click(link).await;
        assert_eq!(browser.text(".notice[role=status]").await, notice);
        assert_eq!(browser.client.current_url().await.unwrap().as_str(), format!("{}/settings/billing", example.page));
        browser.client.refresh().await.unwrap();
        browser.text(ACTION).await;
        assert!(!browser.has(".notice").await, "the notice is shown once");
    }
    browser.close().await;
    example.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium and chromedriver: tests/run installs them"]
async fn member_does_not_see_action() {
    let (example, browser) = (Example::start(&[]).await, Browser::start().await);
    browser.sign_in(&example, "mia").await;
    assert!(browser.text("#billing").await.contains("Only owners of this workspace can manage billing."));
    assert!(!browser.has(ACTION).await);
    browser.screenshot("billing-member").await;
    browser.close().await;
    example.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium and chromedriver: tests/run installs them"]
async fn click_after_flag_is_disabled_gets_message() {
    let (example, browser) = (Example::start(&[]).await, Browser::start().await);
    browser.sign_in(&example, "olivia").await;
    assert_eq!(browser.text(ACTION).await, "Open billing portal");
    example.disable_flag().await;
    browser.click(ACTION).await;
    let alert = browser.text("[role=alert]").await;
    assert!(alert.contains("Billing is not available for this workspace right now."), "{alert}");
    assert!(!browser.has(ACTION).await);
    browser.screenshot("billing-switched-off").await;
    browser.close().await;
    example.stop().await;
}

async fn shell(command: &str) -> (bool, String) {
    let output = Command::new("sh").args(["-c", command]).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.success(), text)
}

#[tokio::test]
#[ignore = "needs grpcurl: tests/run installs it"]
async fn printed_grpcurl_line_returns_url_over_reflection() {
    let example = Example::start(&[]).await;
    let (ok, text) = shell(&example.grpcurl).await;
    assert!(ok, "{text}");
    let response: serde_json::Value = serde_json::from_str(&text).unwrap();
    let url = response["url"].as_str().unwrap();
    let html = reqwest::get(url).await.unwrap().text().await.unwrap();
    assert!(html.contains("cus_AcmeRobotics"), "{html}");

    let address = example.value("gRPC service");
    let (ok, text) = shell(&format!("grpcurl -plaintext {address} list")).await;
    assert!(ok && text.contains("billing.portal.v1.BillingPortal") && text.contains("grpc.health.v1.Health"), "{text}");
    let (ok, text) = shell(&format!("grpcurl -plaintext {address} grpc.health.v1.Health/Check")).await;
    assert!(ok && text.contains("SERVING"), "{text}");
    // The session URL stays marked as a secret for clients that learn the message from reflection.
    let describe = format!("grpcurl -plaintext {address} describe billing.portal.v1.CreatePortalSessionResponse");
    let (ok, text) = shell(&describe).await;
    assert!(ok && text.contains("debug_redact = true"), "{text}");
    // Without a token, grpcurl prints the refusal with its details.
    let call = format!("grpcurl -plaintext {address} billing.portal.v1.BillingPortal/CreatePortalSession");
    let (ok, text) = shell(&call).await;
    assert!(!ok && text.contains("Unauthenticated") && text.contains("TOKEN_MISSING"), "{text}");
    example.stop().await;
}
