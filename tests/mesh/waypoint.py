"""Sends calls through a waypoint, and checks what reaches a pod, and which policies ztunnel would receive."""

import http.client
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from lab import cluster, sidecar
from lab.cluster import apply, get_object, kubectl, parse_manifests
from lab.load import open_channel
from lab.programs import ROOT, WORK, environment, run, start, wait_for

NAMESPACE, NAME, PORT, HBONE = "billing", "billing-portal", 50051, 15008
WAYPOINT, WAYPOINT_ADDRESS, POD_ADDRESS = f"{NAME}-waypoint", "10.244.2.1", "10.244.2.2"
HOST = f"{NAME}.{NAMESPACE}.svc.cluster.local:{PORT}"
SETTINGS, TEST, OTHER = "web/settings", f"{NAMESPACE}/{NAME}-test", "other/other"
TYPES = "type.googleapis.com/envoy.extensions"
HEADER = "x-forwarded-client-cert"
ACCESS, HEALTH = "/billing.portal.v1.PortalAccess/GetPortalAccess", "/grpc.health.v1.Health/Check"


def main():
    cluster.set_up_network()
    cluster.start_api_server()
    source = Path(os.environ["ISTIO_SOURCE"])
    cluster.install_crds(source, Path(os.environ["GATEWAY_API_SOURCE"]))
    apply(*[{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("istio-system", NAMESPACE)])
    write_waypoint_template(source)
    cluster.ISTIOD.update({"PILOT_ENABLE_AMBIENT": "true", "PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER": "true"})
    cluster.start_istiod()
    sidecar.make_authority()
    rendered = apply_chart("on")
    deployment = wait_for("the waypoint's Deployment", lambda: get_object("deployment", WAYPOINT, "-n", NAMESPACE))
    template = deployment["spec"]["template"]
    check_selectors(template["metadata"]["labels"], rendered)
    (service,) = [item for item in rendered if item["kind"] == "Deployment"]
    create_pod(NAME, service["spec"]["template"], POD_ADDRESS, [{"name": "grpc", "port": PORT, "appProtocol": "grpc"}])
    attempts = []
    server = serve_pod(attempts)
    remove_filters()
    start_waypoint(template)
    create_pod(WAYPOINT, template, WAYPOINT_ADDRESS, [{"name": "mesh", "port": HBONE}, {"name": "status-port", "port": 15021}])
    check_ztunnel_policies()
    channels = start_callers([SETTINGS, TEST, OTHER])
    check_calls(channels)
    check_route(channels[SETTINGS], attempts)
    server.stop(0)


def apply_chart(traffic):
    """Applies what the chart renders, and returns the objects."""
    values = ROOT / "helm/examples/istio-ambient.yaml"
    options = ("-n", NAMESPACE, "-f", values, "--set", f"mesh.traffic={traffic}")
    rendered = parse_manifests(run("helm4", "template", NAME, ROOT / "helm/billing-portal", *options, env=environment()))
    apply(*rendered)
    return rendered


def write_waypoint_template(source):
    """Writes the template from which istiod creates a waypoint, as rendered by Istio's own chart."""
    folder = WORK / "var/lib/istio/inject"
    folder.mkdir(parents=True)
    chart = source / "manifests/charts/istio-control/istio-discovery"
    template = "--show-only=templates/istiod-injector-configmap.yaml"
    (config_map,) = parse_manifests(run("helm4", "template", "istiod", chart, "-n", "istio-system", template, env=environment()))
    for name, text in config_map["data"].items():
        (folder / name).write_text(text)


def check_selectors(labels, rendered):
    """Checks that no object of the chart selects the pods of the waypoint."""
    for item in rendered:
        spec = item.get("spec", {})
        selector = spec.get("podSelector") or spec.get("selector") or {}
        selector = selector.get("matchLabels", selector)
        assert not selector or not selector.items() <= labels.items(), item


def remove_filters():
    """Removes the filters for telemetry that only Istio's own build of Envoy has."""
    manager = "envoy.filters.network.http_connection_manager"
    patches = [
        {
            "applyTo": "HTTP_FILTER",
            "match": {"context": "SIDECAR_INBOUND", "listener": {"filterChain": {"filter": {"name": manager, "subFilter": {"name": name}}}}},
            "patch": {"operation": "REMOVE"},
        }
        for name in ("waypoint_downstream_peer_metadata", "waypoint_upstream_peer_metadata")
    ]
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": WAYPOINT}
    metadata = {"name": "lab", "namespace": NAMESPACE}
    spec = {"targetRefs": [target], "configPatches": patches}
    apply({"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": metadata, "spec": spec})


def create_pod(name, template, address, ports):
    """Creates a ready pod from a template, and the endpoint of the Service of the same name."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": name, "namespace": NAMESPACE}}
    apply({**pod, "spec": {**template["spec"], "nodeName": "lab"}})
    conditions = [{"type": kind, "status": "True"} for kind in ("Initialized", "ContainersReady", "Ready")]
    status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": conditions}
    patch = json.dumps({"status": status})
    kubectl("patch", "pod", name, "-n", NAMESPACE, "--subresource=status", "--type=merge", "-p", patch)
    metadata = {"name": f"{name}-lab", "namespace": NAMESPACE, "labels": {"kubernetes.io/service-name": name}}
    target = {"kind": "Pod", "name": name, "namespace": NAMESPACE}
    endpoint = {"addresses": [address], "conditions": {"ready": True}, "targetRef": target}
    spec = {"addressType": "IPv4", "endpoints": [endpoint], "ports": ports}
    apply({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata, **spec})


def serve_pod(attempts):
    """Starts a server in the pod that responds with the header that it receives, or fails if it is asked to."""

    def respond(_, context):
        attempts.append(context)
        if ("fail", "true") in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAVAILABLE, "as asked")
        return json.dumps([value for key, value in context.invocation_metadata() if key == HEADER]).encode()

    class Handler(grpc.GenericRpcHandler):
        def service(self, _):
            return grpc.unary_unary_rpc_method_handler(respond)

    server = grpc.server(ThreadPoolExecutor(4), handlers=[Handler()])
    server.add_insecure_port(f"{POD_ADDRESS}:{PORT}")
    server.start()
    return server


def start_waypoint(template):
    """Starts the proxy of the waypoint with the account, labels and annotations that istiod gave its Deployment."""
    metadata = template["metadata"]
    account, labels = template["spec"]["serviceAccountName"], metadata["labels"]
    # For this version, istiod does not use a factory that only Istio's own build of Envoy has.
    options = {"role": "waypoint", "annotations": metadata["annotations"], "ISTIO_META_ISTIO_VERSION": "1.29.1"}
    sidecar.Sidecar(WAYPOINT, NAMESPACE, account, WAYPOINT_ADDRESS, labels, **options).wait_ready()


def start_callers(accounts):
    """Starts an Envoy that does what the ztunnels of these callers do: each port is a tunnel with the caller's certificate."""
    address = get_object("service", NAME, "-n", NAMESPACE)["spec"]["clusterIP"]
    listeners, clusters = [], []
    for port, account in enumerate(accounts, 18001):
        folder = WORK / "callers" / str(port)
        sidecar.create_certificate(folder, spiffe(account))
        name = str(port)
        proxy = {"@type": f"{TYPES}.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": name, "cluster": name}
        proxy["tunneling_config"] = {"hostname": f"{address}:{PORT}"}
        filters = [{"name": "tcp", "typed_config": proxy}]
        listeners.append({"name": name, "address": socket_address("127.0.0.1", port), "filter_chains": [{"filters": filters}]})
        clusters.append({"name": name, "type": "STATIC", **http2(), **tls(folder), **endpoint(name, WAYPOINT_ADDRESS, HBONE)})
    config = {"static_resources": {"listeners": listeners, "clusters": clusters}}
    (WORK / "callers.json").write_text(json.dumps(config))
    start("callers", [sidecar.ENVOY, "-c", WORK / "callers.json", "--disable-hot-restart", "--concurrency", "1"], env=environment())
    return {account: open_channel(f"127.0.0.1:{port}", HOST) for port, account in enumerate(accounts, 18001)}


def spiffe(account):
    namespace, name = account.split("/")
    return f"spiffe://cluster.local/ns/{namespace}/sa/{name}"


def socket_address(address, port):
    return {"socket_address": {"address": address, "port_value": port}}


def endpoint(name, address, port):
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": socket_address(address, port)}}]}]
    return {"load_assignment": {"cluster_name": name, "endpoints": endpoints}}


def http2():
    options = {"@type": f"{TYPES}.upstreams.http.v3.HttpProtocolOptions", "explicit_http_config": {"http2_protocol_options": {}}}
    return {"typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options}}


def tls(folder):
    certificate = {"certificate_chain": {"filename": f"{folder}/cert-chain.pem"}, "private_key": {"filename": f"{folder}/key.pem"}}
    san = {"san_type": "URI", "matcher": {"exact": spiffe(f"{NAMESPACE}/{WAYPOINT}")}}
    validation = {"trusted_ca": {"filename": f"{folder}/root-cert.pem"}, "match_typed_subject_alt_names": [san]}
    versions = {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}
    common = {"alpn_protocols": ["h2"], "tls_params": versions, "tls_certificates": [certificate], "validation_context": validation}
    context = {"@type": f"{TYPES}.transport_sockets.tls.v3.UpstreamTlsContext", "common_tls_context": common}
    return {"transport_socket": {"name": "tls", "typed_config": context}}


def call(channel, path, headers=()):
    """Returns the values of the header that the pod received, or the code of the status."""
    try:
        return json.loads(channel.unary_unary(path)(b"", metadata=headers, timeout=20, wait_for_ready=True))
    except grpc.RpcError as error:
        return error.code().name


def check_calls(channels):
    """Checks who reaches the pod, and that the header names the caller whatever the caller sends."""
    settings, test, other = (channels[account] for account in (SETTINGS, TEST, OTHER))
    expected = [f"By={spiffe(f'{NAMESPACE}/{WAYPOINT}')};URI={spiffe(SETTINGS)}"]
    forged = f"By={spiffe('x/x')};URI={spiffe(OTHER)}"
    for headers in ([], [(HEADER, forged)], [(HEADER, forged), (HEADER, f"{forged},{forged}")], [(HEADER, "")]):
        assert call(settings, ACCESS, headers) == expected, headers
    forged = (HEADER, expected[0])
    assert call(test, HEALTH, [forged]) == [f"By={spiffe(f'{NAMESPACE}/{WAYPOINT}')};URI={spiffe(TEST)}"]
    for channel, path in ((test, ACCESS), (other, ACCESS), (other, HEALTH), (settings, HEALTH)):
        received = call(channel, path, [forged])
        assert received == "PERMISSION_DENIED", (path, received)
    print(f"a pod receives {HEADER}: {expected[0]}")


def check_route(channel, attempts):
    """Checks that the waypoint does not retry, and that the route can be switched off and back."""
    attempts.clear()
    assert call(channel, ACCESS, [("fail", "true")]) == "UNAVAILABLE"
    assert len(attempts) == 1, attempts
    apply_chart("off")
    wait_for("the route to be off", lambda: call(channel, ACCESS) == "UNAVAILABLE")
    apply_chart("on")
    wait_for("the route to be on", lambda: isinstance(call(channel, ACCESS), list))
    print("1 attempt for an UNAVAILABLE call; route switched off and back")


def check_ztunnel_policies():
    """Checks that the policies for ztunnel admit only the waypoint to the pod, and that calls go to the waypoint."""
    state = wait_for("istiod to use the waypoint", ztunnel_state)
    policies = {policy["name"]: policy for policy in state["policies"]}
    waypoint = spiffe(f"{NAMESPACE}/{WAYPOINT}").removeprefix("spiffe://")
    rules = [{"matches": [{"destinationPorts": [PORT]}]}, {"matches": [{"principals": [{"exact": waypoint}]}]}]
    allow, strict = policies[WAYPOINT], policies["istio_converted_static_strict"]
    # The first action is the default: ALLOW.
    assert (allow.get("action"), allow["groups"]) == (None, [{"rules": rules}]), allow
    without_identity = [{"rules": [{"matches": [{"notPrincipals": [{"presence": {}}]}]}]}]
    assert (strict["action"], strict["groups"]) == ("DENY", without_identity), strict
    (pod,) = [workload for workload in state["workloads"] if workload["name"] == NAME]
    assert set(pod["authorizationPolicies"]) == {f"{each['namespace']}/{each['name']}" for each in (allow, strict)}, pod


def ztunnel_state():
    """Returns what istiod sends to ztunnels, once the Service uses the waypoint."""
    connection = http.client.HTTPConnection("127.0.0.1", 15080, timeout=5)
    connection.request("GET", "/debug/ambientz")
    state = json.loads(connection.getresponse().read())
    (service,) = [service for service in state["services"] if service["name"] == NAME]
    host = service.get("waypoint", {}).get("hostname", {}).get("hostname", "")
    return state if host.startswith(f"{WAYPOINT}.") else None


if __name__ == "__main__":
    sys.exit(main())
