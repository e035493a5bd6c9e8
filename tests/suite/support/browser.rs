//! A real Chromium, controlled over the WebDriver protocol.

use std::{path::PathBuf, process::Stdio, time::Duration};

use fantoccini::{Client, ClientBuilder, Locator, wd::WebDriverCompatibleCommand};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};
use url::{ParseError, Url};

use super::example::Example;

/// The button on the billing page that opens the portal.
pub(crate) const ACTION: &str = "form[action='/settings/billing'] button";

/// The button beside it that opens the page for a payment method.
pub(crate) const UPDATE_PAYMENT_METHOD: &str = "form[action='/settings/billing'] button[value=payment_method_update]";

/// A browser window and its driver.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        Self::with("normal").await
    }

    /// Starts a browser whose commands do not wait for a page that is being loaded.
    pub(crate) async fn impatient() -> Self {
        Self::with("none").await
    }

    async fn with(page_load_strategy: &str) -> Self {
        let (driver, port) = start_driver().await;
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
            "--window-size=1280,1000",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let options = json!({"args": arguments});
        let capabilities = json!({"goog:chromeOptions": options, "pageLoadStrategy": page_load_strategy});
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self { client, driver, _profile: profile }
    }

    /// Signs in. Returns once the billing page is shown.
    pub(crate) async fn sign_in(&self, example: &Example, user: &str) {
        self.client.goto(&format!("{}/sign-in", example.page)).await.unwrap();
        self.click(&format!("button[value={user}]")).await;
        self.text("[aria-current=page]").await;
    }

    pub(crate) async fn click(&self, css: &str) {
        self.client.wait().for_element(Locator::Css(css)).await.unwrap().click().await.unwrap();
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        self.client.wait().for_element(Locator::Css(css)).await.unwrap().text().await.unwrap()
    }

    pub(crate) async fn has(&self, css: &str) -> bool {
        !self.client.find_all(Locator::Css(css)).await.unwrap().is_empty()
    }

    /// Returns the value of a JavaScript expression, once it is resolved.
    pub(crate) async fn evaluate(&self, expression: &str) -> Value {
        let options =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true});
        let mut result = self.dev_tools("Runtime.evaluate", options).await;
        assert_eq!(result["exceptionDetails"], Value::Null, "{expression}");
        result["result"]["value"].take()
    }

    /// Waits until a JavaScript expression is true.
    pub(crate) async fn wait_for(&self, expression: &str) {
        let happens = async { while self.evaluate(expression).await != true {} };
        if timeout(Duration::from_secs(10), happens).await.is_err() {
            panic!("{expression} in {}", self.evaluate("document.documentElement.innerText").await);
        }
    }

    /// Sets the width of the window and the color scheme that the person prefers.
    pub(crate) async fn emulate(&self, width: u32, color_scheme: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": color_scheme}]});
        self.dev_tools("Emulation.setDeviceMetricsOverride", size).await;
        self.dev_tools("Emulation.setEmulatedMedia", media).await;
    }

    /// Runs a script in every page before the page's own scripts.
    pub(crate) async fn add_script(&self, script: &str) {
        self.dev_tools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await;
    }

    /// Blocks a file of every page.
    pub(crate) async fn block(&self, path: &str) {
        self.dev_tools("Network.enable", json!({})).await;
        self.dev_tools("Network.setBlockedURLs", json!({"urls": [format!("*{path}")]})).await;
    }

    /// Waits until a page has set this cookie. Returns its decoded value.
    pub(crate) async fn wait_for_cookie(&self, name: &str) -> String {
        let exists = async {
            loop {
                let cookies = self.dev_tools("Network.getAllCookies", json!({})).await["cookies"].take();
                if let Some(cookie) = cookies.as_array().unwrap().iter().find(|cookie| cookie["name"] == name) {
                    let value = percent_encoding::percent_decode_str(cookie["value"].as_str().unwrap());
                    return value.decode_utf8().unwrap().into_owned();
                }
            }
        };
        timeout(Duration::from_secs(10), exists).await.expect(name)
    }

    async fn dev_tools(&self, command: &str, parameters: Value) -> Value {
        self.client.issue_cmd(DevTools(json!({"cmd": command, "params": parameters}))).await.unwrap()
    }

    pub(crate) async fn screenshot(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, self.client.screenshot().await.unwrap()).unwrap();
        eprintln!("screenshot: {}", path.display());
    }

    pub(crate) async fn close(mut self) {
        self.client.close().await.unwrap();
        self.driver.kill().await.unwrap();
    }
}

/// Starts chromedriver, and returns its port.
async fn start_driver() -> (Child, u16) {
    // It takes a free port of ::1, and ends if the same port of 127.0.0.1 is in use.
    for _ in 0..10 {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command.spawn().expect("chromedriver is missing; tests/run installs it");
        let (mut lines, mut output) = (BufReader::new(driver.stdout.take().unwrap()).lines(), String::new());
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                return (driver, port.trim_end_matches('.').parse().unwrap());
            }
            output += &line;
        }
        assert!(output.contains("port not available"), "chromedriver ends: {output}");
    }
    panic!("chromedriver finds no port that is free for IPv4 and IPv6");
}

/// A command of the Chrome DevTools Protocol, which chromedriver passes on.
#[derive(Debug)]
struct DevTools(Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap()))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}
