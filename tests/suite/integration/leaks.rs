//! Integration: no secret leaves the process, on any path, at the most detailed level of the log.
//!
//! The secrets of a run are searched for in everything that the process writes or shows to others. Each of these sources must
//! have a text that is known to be there, so that the search of an empty source does not count.

mod postgres;

use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use billing_portal::grpc::proto::billing_portal_client::BillingPortalClient;
use serde_json::Value;
use stripe_simulator::{Customer, Fault, Mode};
use tokio::{io::AsyncReadExt as _, io::AsyncWriteExt as _, net::TcpStream, task::JoinSet};
use tonic::transport::Channel;

use super::egress::Servers;
use crate::support::{
    Issuer, World,
    collector::HttpCollector,
    issuer::{claims, now},
    process::{Serving, signal},
    proxy::{Behavior, Proxy},
    world::{bearer, home},
};

const EMAIL: &str = "canary-of-the-customer@example.com";
const WRONG_KEY: &str = "sk_test_canaryOfAnotherAccount";
const NOT_A_KEY: &str = "canary, which is not a key";
const PROXY_PASSWORD: &str = "canary-of-the-proxy";
/// `user:canary-of-the-proxy`, as the proxy's header has it.
const PROXY_HEADER: &str = "dXNlcjpjYW5hcnktb2YtdGhlLXByb3h5";

/// What is searched: a name, a text that is known to be in it, and its bytes.
type Source = (&'static str, &'static str, Vec<u8>);

/// Asserts that no secret is in any source, and prints how much was searched.
fn search(secrets: &[String], sources: &[Source]) {
    let contains = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let mut searched = 0;
    for (name, known, bytes) in sources {
        assert!(contains(bytes, known), "{known} is not in {name}: {}", String::from_utf8_lossy(bytes));
        for secret in secrets {
            assert!(secret.len() > 7, "too short to be found by accident: {secret}");
            assert!(!contains(bytes, secret), "{secret} is in {name}: {}", String::from_utf8_lossy(bytes));
        }
        searched += bytes.len();
    }
    println!("{} secrets, {} sources, {searched} bytes searched, 0 hits", secrets.len(), sources.len());
}

/// Returns what others can read about the process: its variables and its arguments.
fn shown(serving: &Serving) -> [Source; 2] {
    let read = |file: &str| fs::read(format!("/proc/{}/{file}", serving.child.id().unwrap())).unwrap();
    [("variables", "RUST_LOG", read("environ")), ("arguments", "--listen", read("cmdline"))]
}

/// Ends the process, and returns its log, its output, and its audit.
async fn end(mut serving: Serving, world: &World) -> [Source; 3] {
    let mut output = b"output: ".to_vec();
    signal(&serving.child, "-TERM");
    serving.child.stdout.take().unwrap().read_to_end(&mut output).await.unwrap();
    let log = serving.log.await.unwrap().into_bytes();
    [
        ("log", "request refused", log),
        ("output", "output", output),
        ("audit", "olivia", fs::read(world.path("audit.jsonl")).unwrap()),
    ]
}

/// Opens a portal with a token, and returns everything that the caller receives, except a URL.
async fn open(world: &World, token: &str) -> String {
    call(world.channel.clone(), token).await
}

async fn call(channel: Channel, token: &str) -> String {
    let mut request = bearer(token, home());
    request.set_timeout(Duration::from_secs(2));
    match BillingPortalClient::new(channel).create_portal_session(request).await {
        Ok(response) => format!("{:?}", response.metadata()),
        Err(status) => format!("{status:?} {}", String::from_utf8_lossy(status.details())),
    }
}

/// Keeps each URL that Stripe returns, released or not.
fn keep_urls(world: &World) -> Arc<Mutex<Vec<String>>> {
    let urls = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&urls);
    world.stripe.tamper(Some(Arc::new(move |_, answer| {
        let url = answer.json().get("url").and_then(Value::as_str).map(str::to_owned);
        kept.lock().unwrap().extend(url);
        Box::pin(async move { answer })
    })));
    urls
}

/// Adds a tenant for each fault that concerns only its own customer, and returns the tenants.
fn add_faulty_tenants(world: &World) -> Vec<String> {
    let tenant = |fault: &Fault| format!("t-{fault}");
    let faults: Vec<_> = Fault::ALL.iter().filter(|fault| !is_outage(**fault)).collect();
    let mut statements = String::new();
    for fault in &faults {
        let (tenant, customer) = (tenant(fault), format!("cus_Fault{}", fault.camel_case()));
        world.stripe.add_customer(Customer::new(&customer).email(EMAIL).metadata("tenant_id", &tenant));
        statements += &format!(
            "INSERT INTO billing_portal_tenants VALUES ('{tenant}', '{customer}');
             INSERT INTO billing_portal_owners VALUES ('{tenant}', 'olivia');"
        );
    }
    world.sql(&statements);
    faults.into_iter().map(tenant).collect()
}

fn is_outage(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::ConnectionRefused
            | Fault::CertificateExpired
            | Fault::CertificateOfOtherName
            | Fault::CertificateOfUnknownCa
    )
}

/// Calls with each fault of Stripe, and returns the tokens and what the callers received.
async fn call_with_each_fault(world: &World) -> (Vec<String>, String) {
    let tokens: Vec<_> =
        add_faulty_tenants(world).iter().map(|tenant| world.issuer.token("olivia", tenant, "owner")).collect();
    let mut calls = JoinSet::new();
    for token in tokens.clone() {
        let channel = world.channel.clone();
        calls.spawn(async move { call(channel, &token).await });
    }
    let mut received = calls.join_all().await.concat();
    for outage in Fault::ALL.iter().copied().filter(|fault| is_outage(*fault)) {
        world.stripe.inject(outage);
        received += &open(world, &world.olivia()).await;
        world.stripe.clear_faults();
    }
    (tokens, received)
}

/// Calls with tokens that are refused for different reasons, and returns them and what the callers received.
async fn call_with_bad_tokens(world: &World) -> (Vec<String>, String) {
    let mut expired = claims("olivia", "acme", "owner");
    expired["exp"] = (now() - 3_600).into();
    let tokens = [
        Issuer::new("key-1").token("olivia", "acme", "owner"),
        Issuer::new("unknown").token("olivia", "acme", "owner"),
        world.issuer.sign(&world.issuer.header(), &expired),
        world.issuer.token("olivia", "acme", "member"),
        world.issuer.token("mallory", "acme", "owner"),
        world.issuer.token("olivia", "initech", "owner"),
        world.issuer.sign_raw("{\"alg\":\"none\"}", "{\"sub\":\"olivia\"}"),
        format!("{}.{}", "a".repeat(60), "b".repeat(60)),
    ];
    let mut received = String::new();
    for token in &tokens {
        received += &open(world, token).await;
        received += &format!("{:?}", world.access(token, "").await);
    }
    (tokens.into(), received)
}

#[tokio::test]
async fn no_secret_appears_on_any_path_at_trace_level() {
    let mut servers = Servers::start().await;
    let mut collector = HttpCollector::start().await;
    let proxy = Proxy::start(Behavior::Relay).await;
    let variables = [
        ("HTTPS_PROXY", &*format!("http://user:{PROXY_PASSWORD}@{}", proxy.address)),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
    ];
    let serving = servers.serve(&[], &variables).await;
    let world = &servers.world;
    world.stripe.add_customer(Customer::new("cus_A").email(EMAIL).metadata("tenant_id", "acme"));
    let urls = keep_urls(world);

    let good = world.olivia();
    let mut received = open(world, &good).await;
    let released = world.open(&good).await.unwrap();
    assert!(urls.lock().unwrap().contains(&released));
    let (mut tokens, faulty) = call_with_each_fault(world).await;
    let (bad, refused) = call_with_bad_tokens(world).await;
    tokens.extend(bad);
    world.sql("ALTER TABLE billing_portal_tenants RENAME TO moved");
    received += &open(world, &good).await;
    world.sql("ALTER TABLE moved RENAME TO billing_portal_tenants");
    // A client without HTTP/2, with its token in the first bytes.
    let mut plain = TcpStream::connect(serving.address).await.unwrap();
    plain.write_all(format!("POST / HTTP/1.1\r\nAuthorization: Bearer {good}\r\n\r\n").as_bytes()).await.unwrap();
    serving.wait_for_lines("connection failed", 1).await;
    // A key that Stripe refuses, and a file that is not a key.
    fs::write(world.path("stripe.key"), WRONG_KEY).unwrap();
    while !open(world, &good).await.contains("STRIPE_CREDENTIALS") {
        tokio::task::yield_now().await;
    }
    fs::write(world.path("stripe.key"), NOT_A_KEY).unwrap();
    serving.wait_for_lines("--stripe-secret-key-file", 2).await;
    received += &[faulty, refused].concat();

    let [variables, arguments] = shown(&serving);
    let ended = end(serving, world).await;
    let exports = collector.received();
    let of = |path: &str| {
        exports.iter().filter(|export| export.path == path).flat_map(|export| export.body.clone()).collect()
    };
    let mut sources = vec![
        ("what callers receive", "STRIPE_RESPONSE_REJECTED", received.into_bytes()),
        ("spans", "CreatePortalSession", of("/v1/traces")),
        ("metrics", "billing_portal.refusals", of("/v1/metrics")),
        arguments,
    ];
    sources.extend(ended);
    tokens.push(good);
    // The signature alone is as good as the token for anyone who knows the rest.
    let mut secrets: Vec<_> = tokens.iter().map(|token| token.rsplit('.').next().unwrap().to_owned()).collect();
    secrets.extend(tokens);
    secrets.extend(
        urls.lock().unwrap().iter().filter(|url| !url.is_empty()).map(|url| url.rsplit('/').next().unwrap().to_owned()),
    );
    secrets.extend([EMAIL, WRONG_KEY, NOT_A_KEY, world.stripe.secret_key(Mode::Test)].map(str::to_owned));
    search(&secrets, &[variables]);
    // The variables have what the operator put there: the password of a proxy has no other conventional place.
    secrets.extend([PROXY_PASSWORD, PROXY_HEADER].map(str::to_owned));
    search(&secrets, &sources);
}
