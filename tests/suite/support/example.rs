//! The settings page example as a separate process, used through the addresses that it prints.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use axum::http::{HeaderMap, header};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::files::json_lines;

pub(crate) struct Example {
    child: Child,
    /// Contains the folder of the example, which remains if the example is killed.
    _temporary: TempDir,
    lines: Lines<BufReader<ChildStdout>>,
    printed: Vec<String>,
    /// The page's origin.
    pub(crate) page: String,
    /// The `grpcurl` command line that the example prints.
    pub(crate) grpcurl: String,
}

impl Example {
    /// Starts the example on free ports with additional arguments. Returns once it has printed its grpcurl line.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let mut all = vec!["--page-address=127.0.0.1:0", "--stripe-address=127.0.0.1:0"];
        if !arguments.iter().any(|argument| argument.starts_with("--service=")) {
            all.push("--service-address=127.0.0.1:0");
        }
        all.extend(arguments);
        let path = Path::new(env!("CARGO_BIN_EXE_billing-portal")).with_file_name("examples").join("settings");
        assert!(path.exists(), "build the example first: cargo build --example settings");
        let temporary = tempfile::tempdir().unwrap();
        let mut child = Command::new(path)
            .args(all)
            .env("TMPDIR", temporary.path())
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut example = Self {
            child,
            _temporary: temporary,
            lines,
            printed: Vec::new(),
            page: String::new(),
            grpcurl: String::new(),
        };
        while !example.grpcurl.starts_with("grpcurl -plaintext") {
            example.grpcurl = example.lines.next_line().await.unwrap().expect("the example exited early");
            example.printed.push(example.grpcurl.clone());
        }
        example.page = example.value("Settings page");
        example
    }

    /// Returns the value printed after a label.
    pub(crate) fn value(&self, label: &str) -> String {
        let values: Vec<_> = self.printed.iter().filter_map(|line| line.strip_prefix(label)).collect();
        assert_eq!(values.len(), 1, "{label} must be printed exactly once");
        values[0].trim().to_owned()
    }

    /// The audit records so far.
    pub(crate) fn audit(&self) -> Vec<Value> {
        json_lines(Path::new(&self.value("Audit log")))
    }

    /// How many portal sessions were requested from Stripe.
    pub(crate) fn intents(&self) -> usize {
        self.audit().iter().filter(|record| record["event"] == "intent").count()
    }

    /// Returns the lines that set the variables of another backend.
    pub(crate) fn exports(&self) -> String {
        self.printed.iter().filter(|line| line.starts_with("export ")).map(|line| format!("{line}\n")).collect()
    }

    /// Types a line in the terminal of the example.
    pub(crate) async fn type_line(&mut self, line: &str) {
        self.child.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Waits for the next line with this start.
    pub(crate) async fn next_line(&mut self, start: &str) -> String {
        loop {
            let line = self.lines.next_line().await.unwrap().expect("the example exited early");
            self.printed.push(line.clone());
            if line.starts_with(start) {
                return line;
            }
        }
    }

    /// Disables the flag for everyone, as an operator does, and waits until the service has read the file.
    pub(crate) async fn disable_flag(&self) {
        let address = format!("http://{}", self.value("gRPC service"));
        let channel = tonic::transport::Endpoint::from_shared(address).unwrap().connect_lazy();
        let request = HealthCheckRequest { service: "billing.portal.v1.BillingPortal".to_owned() };
        let mut watch = HealthClient::new(channel).watch(request).await.unwrap().into_inner();
        while watch.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
        let path = PathBuf::from(self.value("Flag file"));
        let enabled = std::fs::read_to_string(&path).unwrap();
        let disabled = enabled.replace("\"ENABLED\"", "\"DISABLED\"");
        assert_ne!(enabled, disabled);
        std::fs::write(path, disabled).unwrap();
        while watch.message().await.unwrap().unwrap().status() != ServingStatus::NotServing {}
    }

    /// Stops the example as Ctrl-C does, and returns everything that it printed on both streams.
    pub(crate) async fn stop(mut self) -> String {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("sh").args(["-c", &format!("kill -INT {id}")]).status().unwrap().success());
        while let Some(line) = self.lines.next_line().await.unwrap() {
            self.printed.push(line);
        }
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).await.unwrap();
        assert_eq!(self.child.wait().await.unwrap().code(), Some(0), "{errors}");
        // The grpcurl line contains a token on purpose. Nothing else may contain a secret.
        self.printed.retain(|line| !line.starts_with("grpcurl"));
        self.printed.join("\n") + &errors
    }
}

/// A minimal browser: keeps cookies and submits forms, but does not follow redirects.
#[derive(Clone)]
pub(crate) struct Visitor {
    client: reqwest::Client,
    page: String,
}

impl Visitor {
    pub(crate) fn new(page: &str) -> Self {
        Self::with_languages(page, "")
    }

    /// A browser that sends this value in `Accept-Language`.
    pub(crate) fn with_languages(page: &str, languages: &str) -> Self {
        let policy = reqwest::redirect::Policy::none();
        let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, languages.parse().unwrap())]);
        let client = reqwest::Client::builder().cookie_store(true).redirect(policy).default_headers(headers);
        let client = client.build().unwrap();
        Self { client, page: page.to_owned() }
    }

    pub(crate) async fn sign_in(page: &str, user: &str) -> Self {
        let visitor = Self::new(page);
        visitor.sign_in_as(user).await;
        visitor
    }

    /// Signs in, also if someone else is signed in.
    pub(crate) async fn sign_in_as(&self, user: &str) {
        assert_eq!(self.post("/sign-in", &[("person", user)]).await.status(), 303);
    }

    /// Returns the same browser on the page of another example.
    pub(crate) fn on(&self, page: &str) -> Self {
        Self { client: self.client.clone(), page: page.to_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.page)).send().await.unwrap()
    }

    pub(crate) async fn settings(&self) -> String {
        self.get("/settings").await.text().await.unwrap()
    }

    /// Loads the billing page of the example.
    pub(crate) async fn billing(&self) -> String {
        self.get("/settings/billing").await.text().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::Response {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let post = self.client.post(format!("{}{path}", self.page));
        post.header("content-type", "application/x-www-form-urlencoded").body(body).send().await.unwrap()
    }

    pub(crate) async fn csrf_token(&self) -> String {
        field(&self.settings().await, "csrf_token")
    }

    /// Submits the billing form for a displayed tenant, whether or not the page shows the form.
    pub(crate) async fn open_billing(&self, displayed: &str) -> reqwest::Response {
        let csrf_token = self.csrf_token().await;
        self.submit(&csrf_token, displayed).await
    }

    /// Submits the billing form of a page that was loaded earlier.
    pub(crate) async fn submit(&self, csrf_token: &str, displayed: &str) -> reqwest::Response {
        self.post("/settings/billing", &[("csrf_token", csrf_token), ("displayed_tenant_id", displayed)]).await
    }

    /// Submits the billing form of a page that was loaded earlier, with its second button.
    pub(crate) async fn update_payment_method(&self, csrf_token: &str, displayed: &str) -> reqwest::Response {
        let action = ("action", "payment_method_update");
        self.post("/settings/billing", &[("csrf_token", csrf_token), ("displayed_tenant_id", displayed), action]).await
    }

    /// Submits the billing form, which must be refused. Returns the page that the browser is redirected to.
    pub(crate) async fn refusal(&self, displayed: &str) -> String {
        let response = self.open_billing(displayed).await;
        assert_eq!((response.status().as_u16(), location(&response)), (303, "/settings/billing"));
        self.billing().await
    }
}

/// Returns the target of a redirect.
pub(crate) fn location(response: &reqwest::Response) -> &str {
    response.headers()["location"].to_str().unwrap()
}

/// Returns the value of a hidden field.
fn field(html: &str, name: &str) -> String {
    let (_, rest) = html.split_once(&format!("name=\"{name}\" value=\"")).expect("the page does not have this field");
    rest.split('"').next().unwrap().to_owned()
}
