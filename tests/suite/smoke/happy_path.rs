//! Smoke: the happy path with a real Chromium and a real grpcurl.

use std::{path::PathBuf, process::Stdio};

use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::support::example::Example;

/// A browser window and its driver.
struct Browser {
    client: Client,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .kill_on_drop(true)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is missing; tests/run installs it");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port: u16 = loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver exited early");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1200,1000",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let capabilities = json!({"goog:chromeOptions": {"args": arguments}});
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self { client, driver, _profile: profile }
    }

    async fn sign_in(&self, example: &Example, user: &str) {
        self.client.goto(&example.page).await.unwrap();
        self.click(&format!("button[value={user}]")).await;
    }

    async fn click(&self, css: &str) {
        self.client.wait().for_element(Locator::Css(css)).await.unwrap().click().await.unwrap();
    }

    async fn text(&self, css: &str) -> String {
        self.client.wait().for_element(Locator::Css(css)).await.unwrap().text().await.unwrap()
    }

    async fn has(&self, css: &str) -> bool {
        !self.client.find_all(Locator::Css(css)).await.unwrap().is_empty()
    }

    async fn screenshot(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, self.client.screenshot().await.unwrap()).unwrap();
        eprintln!("screenshot: {}", path.display());
    }

    async fn close(mut self) {
        self.client.close().await.unwrap();
        self.driver.kill().await.unwrap();
    }
}

const ACTION: &str = "form[action='/settings/billing'] button";

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
