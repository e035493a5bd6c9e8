//! An Envoy in front of replicas. It knows them as in Kubernetes: a control plane adds and removes endpoints (EDS, here from a
//! file), and what an endpoint reports about its health decides whether it receives calls. It never sends a call again.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::sleep,
};

use super::{files::replace, raw_call::RawClient};

/// How often Envoy checks the health of an endpoint, and is asked which endpoints it uses. It cannot report a change itself.
const INTERVAL: Duration = Duration::from_millis(20);

pub(crate) struct Envoy {
    /// The listener for calls.
    pub(crate) address: SocketAddr,
    admin: String,
    folder: TempDir,
    _child: Child,
}

impl Envoy {
    /// Starts it without endpoints.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_endpoints(&folder, &[]);
        std::fs::write(folder.path().join("envoy.json"), configuration(&folder).to_string()).unwrap();
        let mut command = Command::new("envoy");
        command.args([
            "--concurrency",
            "1",
            "--use-dynamic-base-id",
            "--admin-address-path",
            "admin",
            "-c",
            "envoy.json",
        ]);
        command.current_dir(folder.path()).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("Envoy is missing; tests/run installs it");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = String::new();
        while !log.contains("starting workers") {
            log += &lines.next_line().await.unwrap().unwrap_or_else(|| panic!("Envoy exited early: {log}"));
            log.push('\n');
        }
        // A full pipe would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let admin = format!("http://{}", std::fs::read_to_string(folder.path().join("admin")).unwrap());
        let listeners = get(&admin, "listeners").await;
        let address = socket_address(&listeners["listener_statuses"][0]["local_address"]);
        Self { address, admin, folder, _child: child }
    }

    /// Replaces the endpoints.
    pub(crate) fn set_endpoints(&self, endpoints: &[SocketAddr]) {
        write_endpoints(&self.folder, endpoints);
    }

    /// Waits until an endpoint has passed its health check, and calls are sent to it.
    pub(crate) async fn has_added(&self, endpoint: SocketAddr) {
        let waits = |host: &Value| {
            let health = &host["health_status"];
            health["failed_active_hc"] == true || health["pending_active_hc"] == true
        };
        self.wait_until(endpoint, |host| host.is_some_and(|host| !waits(host))).await;
        self.worker_is_notified().await;
    }

    /// Waits until calls have been sent to an endpoint.
    pub(crate) async fn uses(&self, endpoint: SocketAddr) {
        let has_calls = |host: &Value| {
            let statistics = host["stats"].as_array().unwrap();
            statistics.iter().any(|each| each["name"] == "rq_total" && each["value"].is_string())
        };
        self.wait_until(endpoint, |host| host.is_some_and(has_calls)).await;
    }

    /// Waits until an endpoint is not used for further calls.
    pub(crate) async fn has_removed(&self, endpoint: SocketAddr) {
        self.wait_until(endpoint, |host| host.is_none()).await;
        self.worker_is_notified().await;
    }

    /// Waits until what the admin page says about an endpoint is as it should be. It says nothing about one that is not used.
    async fn wait_until(&self, endpoint: SocketAddr, is_met: impl Fn(Option<&Value>) -> bool) {
        let is_endpoint = |host: &&Value| socket_address(&host["address"]) == endpoint;
        while !is_met(self.hosts().await.iter().find(is_endpoint)) {
            sleep(INTERVAL).await;
        }
    }

    /// Waits until the worker has processed what it was notified of: it has answered a request that began later.
    async fn worker_is_notified(&self) {
        for _ in 0..2 {
            let probe = Request::get(format!("http://{}", self.address)).body(Empty::<Bytes>::new());
            RawClient::new().send(probe.unwrap()).await;
        }
    }

    async fn hosts(&self) -> Vec<Value> {
        let clusters = get(&self.admin, "clusters").await;
        clusters["cluster_statuses"][0]["host_statuses"].as_array().cloned().unwrap_or_default()
    }
}

async fn get(admin: &str, page: &str) -> Value {
    let response = reqwest::get(format!("{admin}/{page}?format=json")).await.unwrap();
    response.error_for_status().unwrap().json().await.unwrap()
}

fn socket_address(address: &Value) -> SocketAddr {
    let address = &address["socket_address"];
    format!("{}:{}", address["address"].as_str().unwrap(), address["port_value"]).parse().unwrap()
}

/// Envoy reads the file when another one is renamed to its name.
fn write_endpoints(folder: &TempDir, endpoints: &[SocketAddr]) {
    let endpoints: Vec<_> = endpoints.iter().map(|each| json!({"endpoint": {"address": address(*each)}})).collect();
    let resource = json!({
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": "replicas",
        "endpoints": [{"lb_endpoints": endpoints}],
    });
    replace(&folder.path().join("endpoints.json"), &json!({"resources": [resource]}).to_string());
}

fn address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

fn configuration(folder: &TempDir) -> Value {
    let any_port = address("127.0.0.1:0".parse().unwrap());
    let http = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let manager = json!({
        "@type": http,
        "codec_type": "HTTP2",
        "stat_prefix": "calls",
        // Without a retry policy.
        "route_config": {"virtual_hosts": [{
            "name": "calls",
            "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "replicas", "timeout": "0s"}}],
        }]},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }],
    });
    let chain =
        json!({"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]});
    let protocol = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let interval = format!("{}s", INTERVAL.as_secs_f64());
    let replicas = json!({
        "name": "replicas",
        "type": "EDS",
        "connect_timeout": "5s",
        "eds_cluster_config": {"eds_config": {
            "resource_api_version": "V3",
            "path_config_source": {"path": folder.path().join("endpoints.json")},
        }},
        "typed_extension_protocol_options": {protocol: {
            "@type": format!("type.googleapis.com/{protocol}"),
            "explicit_http_config": {"http2_protocol_options": {}},
        }},
        "health_checks": [{
            "timeout": "30s", // of a machine that is busy
            "interval": interval,
            "no_traffic_interval": interval,
            "healthy_threshold": 1,
            "unhealthy_threshold": 2,
            "grpc_health_check": {},
        }],
        // The control plane removes an endpoint while it still reports SERVING.
        "ignore_health_on_host_removal": true,
        // An endpoint that does not report SERVING receives no calls, even if there is no other.
        // Without a window, the worker is notified of each change of health. It is otherwise up to a second late.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}, "update_merge_window": "0s"},
    });
    json!({
        "node": {"id": "test", "cluster": "test"},
        "admin": {"address": any_port},
        "static_resources": {
            "listeners": [{"name": "calls", "address": any_port, "filter_chains": [chain]}],
            "clusters": [replicas],
        },
    })
}
