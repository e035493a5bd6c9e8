"""Tests the allowed callers and the allowed egress of the pods in every example."""

import ipaddress
import unittest

import yaml

from chart import CHART, all_renders, example_path, helm, load_values, matches, render_objects

PORTAL_SERVICES = {"billing.portal.v1.BillingPortal", "billing.portal.v1.PortalAccess"}
DIAGNOSTIC_SERVICES = {
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
}

# An egress proxy without credentials in its URL.
PROXY = ("egressProxy.url=http://proxy.example.com:3129", "egressProxy.peers[0].ipBlock.cidr=203.0.113.9/32")


def rendered_on(provider):
    """Yields a name for failure messages, the values and the objects of each render with the mesh's policies."""
    for path, settings, rendered in all_renders():
        mesh = load_values(path)["mesh"]
        if provider_of(mesh) == provider and mesh.get("createPolicies", True):
            yield f"{path.name} {settings}", load_values(path), rendered


def provider_of(mesh):
    """Returns istio, ambient (Istio without sidecars) or linkerd."""
    return "ambient" if mesh.get("istio", {}).get("mode") == "ambient" else mesh["provider"]


def of_kind(rendered, kind, group=""):
    return [item for item in rendered if item["kind"] == kind and group in item["apiVersion"]]


def named(items, name):
    return [item for item in items if item["metadata"]["name"] == name]


def pod_metadata(rendered):
    return [item["spec"]["template"]["metadata"] for item in of_kind(rendered, "Deployment")]


def smoke_callers(values):
    """Returns the service account of the `helm test` pod, and mesh.smokeCaller if set."""
    test = {"namespace": "billing", "serviceAccount": f"{values.get('fullnameOverride') or 'release-billing-portal'}-test"}
    configured = values["mesh"].get("smokeCaller")
    return [test, configured] if configured else [test]


def istio_principals(mesh, *callers):
    trust_domain = mesh.get("trustDomain", "cluster.local")
    return {f"{trust_domain}/ns/{caller['namespace']}/sa/{caller['serviceAccount']}" for caller in callers}


def linkerd_identity(caller):
    return f"{caller['serviceAccount']}.{caller['namespace']}.serviceaccount.identity.linkerd.cluster.local"


class IstioPolicies(unittest.TestCase):
    def test_allow_callers_to_portal_and_smoke_callers_to_diagnostics(self):
        for name, values, rendered in [*rendered_on("istio"), *rendered_on("ambient")]:
            (policy,) = named(of_kind(rendered, "AuthorizationPolicy"), "release-billing-portal")
            self.assertEqual(policy["spec"]["action"], "ALLOW", name)
            allowed = {}
            for rule in policy["spec"]["rules"]:
                self.assertEqual(rule.keys(), {"from", "to"}, name)
                (source,), (operation,) = rule["from"], rule["to"]
                self.assertEqual(source["source"].keys(), {"principals"}, name)
                for path in operation["operation"]["paths"]:
                    service, method = path.removeprefix("/").split("/")
                    self.assertEqual(method, "*", name)
                    allowed.setdefault(service, set()).update(source["source"]["principals"])
            mesh = values["mesh"]
            for service in PORTAL_SERVICES:
                self.assertEqual(allowed.pop(service), istio_principals(mesh, *values["callers"]), name)
            smoke = istio_principals(mesh, *smoke_callers(values))
            self.assertEqual(allowed, {service: smoke for service in DIAGNOSTIC_SERVICES}, name)

    def test_principals_have_no_wildcards(self):
        for name, _, rendered in rendered_on("istio"):
            for policy in of_kind(rendered, "AuthorizationPolicy"):
                for rule in policy["spec"]["rules"]:
                    for source in rule["from"]:
                        self.assertTrue(source["source"]["principals"], name)
                        self.assertFalse([each for each in source["source"]["principals"] if "*" in each], name)

    def test_select_every_pod(self):
        for name, _, rendered in rendered_on("istio"):
            for policy in of_kind(rendered, "AuthorizationPolicy") + of_kind(rendered, "PeerAuthentication"):
                labels = policy["spec"]["selector"]["matchLabels"]
                self.assertTrue(labels and all(matches(labels, pod["labels"]) for pod in pod_metadata(rendered)), name)

    def test_reject_plaintext_and_sanitize_the_certificate_header(self):
        for name, values, rendered in rendered_on("istio"):
            (policy,) = of_kind(rendered, "PeerAuthentication")
            self.assertEqual(policy["spec"]["mtls"], {"mode": "STRICT"}, name)
            self.assertNotIn("portLevelMtls", policy["spec"], name)
            for pod in pod_metadata(rendered):
                self.assertEqual(pod["labels"]["sidecar.istio.io/inject"], "true", name)
                self.assertEqual(
                    pod["labels"].get("istio.io/rev"), values["mesh"].get("istio", {}).get("revision"), name
                )
                proxy = yaml.safe_load(pod["annotations"]["proxy.istio.io/config"])
                self.assertEqual(proxy["proxyHeaders"], {"forwardedClientCert": "SANITIZE_SET"}, name)

    def test_responses_do_not_eject_pods(self):
        for name, _, rendered in rendered_on("istio"):
            services = {item["metadata"]["name"] for item in of_kind(rendered, "Service") if "selector" in item["spec"]}
            rules = of_kind(rendered, "DestinationRule")
            hosts = {f"{service}.billing.svc.cluster.local" for service in services}
            self.assertEqual({rule["spec"]["host"] for rule in rules}, hosts, name)
            for rule in rules:
                detection = rule["spec"]["trafficPolicy"]["outlierDetection"]
                self.assertEqual(detection["consecutive5xxErrors"], 0, name)
                self.assertEqual(detection["consecutiveGatewayErrors"], 0, name)
                self.assertIs(detection["splitExternalLocalOriginErrors"], True, name)
                self.assertLessEqual(detection["maxEjectionPercent"], 50, name)
                locality = rule["spec"]["trafficPolicy"]["loadBalancer"]["localityLbSetting"]
                self.assertIs(locality["enabled"], False, f"{name}: the pods of one zone have only a part of Stripe's rate")

    def test_service_entries_include_stripe(self):
        for name, _, rendered in rendered_on("istio"):
            hosts = [host for entry in of_kind(rendered, "ServiceEntry") for host in entry["spec"]["hosts"]]
            self.assertIn("api.stripe.com", hosts, name)
            for entry in of_kind(rendered, "ServiceEntry"):
                (port,) = entry["spec"]["ports"]
                by_name = port["protocol"] == "TLS"
                self.assertNotEqual(by_name, "addresses" in entry["spec"], f"{name}: would match the whole port")
            self.assertEqual(
                {tuple(entry["spec"]["exportTo"]) for entry in of_kind(rendered, "ServiceEntry")}, {(".",)}, name
            )


class AmbientPolicies(unittest.TestCase):
    def test_waypoint_identifies_callers(self):
        for name, _, rendered in rendered_on("ambient"):
            (waypoint,) = of_kind(rendered, "Gateway")
            self.assertEqual(waypoint["spec"]["gatewayClassName"], "istio-waypoint", name)
            self.assertEqual(waypoint["metadata"]["labels"]["istio.io/waypoint-for"], "service", name)
            annotations = waypoint["spec"]["infrastructure"]["annotations"]
            self.assertEqual(annotations, {"ambient.istio.io/xfcc-include-client-identity": "true"}, name)
            reference = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": waypoint["metadata"]["name"]}
            (policy,) = named(of_kind(rendered, "AuthorizationPolicy"), "release-billing-portal")
            self.assertEqual((policy["spec"]["targetRefs"], policy["spec"].get("selector")), ([reference], None), name)
            for service in (item for item in of_kind(rendered, "Service") if "selector" in item["spec"]):
                self.assertEqual(service["metadata"]["labels"]["istio.io/use-waypoint"], reference["name"], name)

    def test_only_the_waypoint_reaches_the_pods(self):
        for name, _, rendered in rendered_on("ambient"):
            (waypoint,) = of_kind(rendered, "Gateway")
            waypoint_name = waypoint["metadata"]["name"]
            (policy,) = named(of_kind(rendered, "AuthorizationPolicy"), waypoint_name)
            source = {"source": {"principals": [f"cluster.local/ns/billing/sa/{waypoint_name}"]}}
            rule = {"from": [source], "to": [{"operation": {"ports": ["50051"]}}]}
            self.assertEqual((policy["spec"]["action"], policy["spec"]["rules"]), ("ALLOW", [rule]), name)
            (authentication,) = of_kind(rendered, "PeerAuthentication")
            self.assertEqual(authentication["spec"]["mtls"], {"mode": "STRICT"}, name)
            (network,) = of_kind(rendered, "NetworkPolicy")
            calls, probes = network["spec"]["ingress"]
            pods = {"matchLabels": {"gateway.networking.k8s.io/gateway-name": waypoint_name}}
            self.assertEqual(calls["from"], [{"podSelector": pods}], name)
            self.assertEqual([port["port"] for port in calls["ports"]], [15008], name)
            addresses = [ipaddress.ip_network(peer["ipBlock"]["cidr"]) for peer in probes["from"]]
            self.assertTrue(all(address.num_addresses == 1 and address.is_private for address in addresses), name)
            for pod in pod_metadata(rendered):
                self.assertEqual(pod["labels"]["istio.io/dataplane-mode"], "ambient", name)
                self.assertEqual(pod["labels"]["sidecar.istio.io/inject"], "false", name)
                self.assertFalse([key for key in pod["annotations"] if "istio.io" in key], name)

    def test_policies_for_the_pods_do_not_select_the_waypoint(self):
        for name, _, rendered in rendered_on("ambient"):
            (waypoint,) = of_kind(rendered, "Gateway")
            labels = waypoint["spec"]["infrastructure"]["labels"]
            for item in rendered:
                selector = item.get("spec", {}).get("podSelector") or item.get("spec", {}).get("selector") or {}
                selector = selector.get("matchLabels", selector)
                self.assertFalse(selector and matches(selector, labels), f"{name}: {item['kind']}")


class LinkerdPolicies(unittest.TestCase):
    def test_allow_callers_to_portal_and_smoke_callers_to_diagnostics(self):
        for name, values, rendered in rendered_on("linkerd"):
            (server,) = of_kind(rendered, "Server")
            self.assertEqual((server["spec"]["accessPolicy"], server["spec"]["port"]), ("deny", "grpc"), name)
            for pod in pod_metadata(rendered):
                self.assertTrue(matches(server["spec"]["podSelector"]["matchLabels"], pod["labels"]), name)
                self.assertEqual(pod["annotations"]["linkerd.io/inject"], "enabled", name)
            authentications = {
                (item["kind"], item["metadata"]["name"]): item["spec"]
                for item in rendered
                if item["kind"].endswith("Authentication")
            }
            routes = {item["metadata"]["name"]: item["spec"] for item in of_kind(rendered, "GRPCRoute")}
            allowed = {}
            for policy in of_kind(rendered, "AuthorizationPolicy", "policy.linkerd.io"):
                route = routes[policy["spec"]["targetRef"]["name"]]
                (parent,) = route["parentRefs"]
                self.assertEqual((parent["kind"], parent["name"]), ("Server", server["metadata"]["name"]), name)
                (reference,) = policy["spec"]["requiredAuthenticationRefs"]
                spec = authentications[reference["kind"], reference["name"]]
                for match in route["rules"][0]["matches"]:
                    allowed.setdefault(match["method"]["service"], []).append((reference["kind"], spec))
            self.assertEqual(allowed.keys(), PORTAL_SERVICES | DIAGNOSTIC_SERVICES, name)
            callers = [linkerd_identity(caller) for caller in values["callers"]]
            for service in PORTAL_SERVICES:
                self.assertEqual(allowed[service], [("MeshTLSAuthentication", {"identities": callers})], name)
            smoke = [linkerd_identity(caller) for caller in smoke_callers(values)]
            for service in DIAGNOSTIC_SERVICES:
                self.assertIn(("MeshTLSAuthentication", {"identities": smoke}), allowed[service], name)
            by_network = [
                service for service in allowed if any(kind == "NetworkAuthentication" for kind, _ in allowed[service])
            ]
            self.assertEqual(by_network, ["grpc.health.v1.Health"], f"{name}: the kubelet may reach health only")

    def test_admit_probes_to_the_health_port(self):
        rendered = render_objects(example_path("linkerd"), "healthPort=8081")
        (server,) = [item for item in of_kind(rendered, "Server") if item["spec"]["port"] == "health"]
        (policy,) = [
            item
            for item in of_kind(rendered, "AuthorizationPolicy")
            if item["spec"]["targetRef"]["name"] == server["metadata"]["name"]
        ]
        (reference,) = policy["spec"]["requiredAuthenticationRefs"]
        (probes,) = of_kind(rendered, "NetworkAuthentication")
        self.assertEqual((reference["kind"], reference["name"]), (probes["kind"], probes["metadata"]["name"]))
        self.assertEqual((policy["spec"]["targetRef"]["kind"], server["spec"]["accessPolicy"]), ("Server", "deny"))
        for pod in pod_metadata(rendered):
            self.assertTrue(matches(server["spec"]["podSelector"]["matchLabels"], pod["labels"]))

    def test_failure_accrual_and_retries_are_not_enabled(self):
        for name, _, rendered in rendered_on("linkerd"):
            for item in of_kind(rendered, "Service") + of_kind(rendered, "GRPCRoute"):
                annotations = item["metadata"].get("annotations", {})
                self.assertFalse([key for key in annotations if "failure-accrual" in key or "retry" in key], name)

    def test_egress_is_limited_to_stripe_and_external_hosts(self):
        for name, values, rendered in rendered_on("linkerd"):
            (network,) = of_kind(rendered, "EgressNetwork")
            self.assertEqual(network["spec"]["trafficPolicy"], "Deny", name)
            hosts = [host for route in of_kind(rendered, "TLSRoute") for host in route["spec"]["hostnames"]]
            # The host of principal.jwksUrl is added automatically.
            self.assertEqual(hosts, ["api.stripe.com", "login.example.com"], name)
            self.assertEqual(len(of_kind(rendered, "TCPRoute")), 1, f"{name}: the external host with addresses")
            for route in of_kind(rendered, "TLSRoute") + of_kind(rendered, "TCPRoute"):
                self.assertEqual(route["spec"]["parentRefs"][0]["name"], network["metadata"]["name"], name)

    def test_routes_use_a_version_that_the_api_server_supports(self):
        served = ["gateway.networking.k8s.io/v1/TLSRoute", "gateway.networking.k8s.io/v1alpha2/TCPRoute"]
        flags = [flag for version in served for flag in ("--api-versions", version)]
        rendered = helm("template", "release", CHART, "-n", "billing", "-f", example_path("linkerd"), *flags).stdout
        versions = {item["kind"]: item["apiVersion"] for item in yaml.safe_load_all(rendered) if item}
        self.assertEqual(versions["TLSRoute"], "gateway.networking.k8s.io/v1")
        self.assertEqual(versions["TCPRoute"], "gateway.networking.k8s.io/v1alpha2")


class WithoutMesh(unittest.TestCase):
    def test_no_object_belongs_to_a_mesh(self):
        builtin = {"v1", "apps/v1", "policy/v1", "networking.k8s.io/v1"}
        for settings in [(), ("mesh.route=grpcRoute", "mesh.linkerd.closeEgress=true"), ("mesh.istio.mode=ambient",)]:
            rendered = render_objects(example_path("mtls"), *settings)
            self.assertEqual({item["apiVersion"] for item in rendered}, builtin, settings)
            self.assertNotRegex(str(rendered), r"(istio|linkerd)\.io/|appProtocol", settings)

    def test_files_of_a_secret_are_updated_together(self):
        (deployment,) = of_kind(render_objects(example_path("mtls")), "Deployment")
        volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"]["volumes"]}
        self.assertEqual([item["key"] for item in volumes["tls"]["secret"]["items"]], ["tls.crt", "tls.key"])

    def test_client_cas_are_from_a_secret_or_a_config_map(self):
        config_map = ("tls.clientCaSecret={}", "tls.clientCaConfigMap.name=workload-ca", "tls.clientCaConfigMap.key=ca.pem")
        for settings, kind, name, key in [
            ((), "secret", {"secretName": "billing-portal-tls", "defaultMode": 0o440}, "ca.crt"),
            (config_map, "configMap", {"name": "workload-ca"}, "ca.pem"),
        ]:
            (deployment,) = of_kind(render_objects(example_path("mtls"), *settings), "Deployment")
            pod = deployment["spec"]["template"]["spec"]
            (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "client-ca"]
            self.assertEqual(volume[kind], name | {"items": [{"key": key, "path": key}]})
            variables = {entry["name"]: entry["value"] for entry in pod["containers"][0]["env"]}
            self.assertEqual(variables["BILLING_PORTAL_TLS_CLIENT_CA_FILE"], f"/etc/billing-portal/client-ca/{key}")

    def test_callers_have_the_id_of_their_service_account_or_a_name_of_their_own(self):
        (deployment,) = of_kind(render_objects(example_path("mtls")), "Deployment")
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        (allowed,) = [entry["value"] for entry in container["env"] if entry["name"] == "BILLING_PORTAL_ALLOWED_CALLERS"]
        self.assertEqual(allowed, "spiffe://example.org/ns/web/sa/settings,jobs.example.org")


class NetworkPolicies(unittest.TestCase):
    def test_ingress_allows_callers_only_and_every_rule_has_peers_and_ports(self):
        for path, settings, rendered in all_renders():
            name = f"{path.name} {settings}"
            for policy in of_kind(rendered, "NetworkPolicy"):
                self.assertEqual(policy["spec"]["policyTypes"], ["Ingress", "Egress"], name)
                # In ambient mode, only the waypoint reaches the pods.
                if provider_of(load_values(path)["mesh"]) != "ambient":
                    namespaces = [
                        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                        for peer in policy["spec"]["ingress"][0]["from"]
                    ]
                    values = load_values(path)
                    self.assertEqual(namespaces, [caller["namespace"] for caller in values["callers"] + smoke_callers(values)], name)
                for rule in policy["spec"]["ingress"] + policy["spec"]["egress"]:
                    self.assertTrue(
                        rule.get("from") or rule.get("to"), f"{name}: a rule without peers allows all traffic"
                    )
                    self.assertTrue(rule["ports"], name)

    def test_allow_these_ports_only(self):
        for name, settings, provider, egress in [
            ("istio", (), "istio", [{53}, {15012}, {5432}, {443}]),
            ("istio", ("principal.jwksUrl=https://login.example.com:8443/keys",), "istio", [{53}, {15012}, {5432}, {443, 8443}]),
            ("linkerd", (), "linkerd", [{53}, {8080, 8086, 8090}, {5432, 4143}, {443}]),
            ("mtls", (), "mtls", [{53}, {5432}, {443}]),
            ("everything", (), "istio", [{53}, {15012}, {5432}, {443}, {4317}]),
            ("istio", PROXY, "istio", [{53}, {15012}, {5432}, {3129}]),
            ("istio", (*PROXY, "egressProxy.noProxy=login.example.com"), "istio", [{53}, {15012}, {5432}, {3129}, {443}]),
        ]:
            (policy,) = of_kind(render_objects(example_path(name), *settings), "NetworkPolicy")
            rules = policy["spec"]["egress"]
            self.assertEqual([{port["port"] for port in rule["ports"]} for rule in rules], egress, name)
            self.assertFalse([port for rule in rules for port in rule["ports"] if "endPort" in port], name)
            ingress = {port["port"] for port in policy["spec"]["ingress"][0]["ports"]}
            self.assertEqual(ingress, {50051, 4143} if provider == "linkerd" else {50051}, name)

    def test_internet_egress_excludes_private_networks(self):
        for path, settings, rendered in all_renders():
            for policy in of_kind(rendered, "NetworkPolicy"):
                blocks = [
                    peer["ipBlock"] for rule in policy["spec"]["egress"] for peer in rule["to"] if "ipBlock" in peer
                ]
                exceptions = {block["cidr"]: block["except"] for block in blocks if block["cidr"].endswith("/0")}
                private = {"0.0.0.0/0": ["10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"], "::/0": ["fd00::1", "fe80::1"]}
                self.assertEqual(exceptions.keys(), private.keys(), path.name)
                for cidr, addresses in private.items():
                    networks = [ipaddress.ip_network(network) for network in exceptions[cidr]]
                    for address in map(ipaddress.ip_address, addresses):
                        # The API server rejects an exception of the other address family.
                        self.assertTrue(any(address in network for network in networks), f"{path.name} {settings}: {address}")
                        self.assertEqual({network.version for network in networks}, {address.version}, path.name)


if __name__ == "__main__":
    unittest.main()
