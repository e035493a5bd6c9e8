"""Who may call the pods, and where they may call, in every example."""

import ipaddress
import unittest

import yaml

from chart import CHART, everything, example, helm, objects, selects, values

OURS = {"billing.portal.v1.BillingPortal", "billing.portal.v1.PortalAccess"}
OPEN = {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}


def rendered_on(provider):
    for path, settings, rendered in everything():
        mesh = values(path)["mesh"]
        if mesh["provider"] == provider and mesh.get("createPolicies", True):
            yield f"{path.name} {settings}", values(path), rendered


def of(rendered, kind, group=""):
    return [item for item in rendered if item["kind"] == kind and group in item["apiVersion"]]


def pods(rendered):
    return [item["spec"]["template"]["metadata"] for item in of(rendered, "Deployment")]


def smoke_callers(given):
    """The test pod's account, and the one that an operator named."""
    test = {"namespace": "billing", "serviceAccount": f"{given.get('fullnameOverride') or 'release-billing-portal'}-test"}
    named = given["mesh"].get("smokeCaller")
    return [test, named] if named else [test]


def principals(mesh, *callers):
    trust_domain = mesh.get("trustDomain", "cluster.local")
    return {f"{trust_domain}/ns/{caller['namespace']}/sa/{caller['serviceAccount']}" for caller in callers}


def linkerd_name(caller):
    return f"{caller['serviceAccount']}.{caller['namespace']}.serviceaccount.identity.linkerd.cluster.local"


class OnIstio(unittest.TestCase):
    def test_only_the_callers_reach_our_services_and_only_the_smoke_test_the_open_ones(self):
        for name, given, rendered in rendered_on("istio"):
            (policy,) = of(rendered, "AuthorizationPolicy")
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
            mesh = given["mesh"]
            for service in OURS:
                self.assertEqual(allowed.pop(service), principals(mesh, *given["callers"]), name)
            smoke = principals(mesh, *smoke_callers(given))
            self.assertEqual(allowed, {service: smoke for service in OPEN}, name)

    def test_no_principal_is_a_pattern(self):
        for name, _, rendered in rendered_on("istio"):
            for policy in of(rendered, "AuthorizationPolicy"):
                for rule in policy["spec"]["rules"]:
                    for source in rule["from"]:
                        self.assertTrue(source["source"]["principals"], name)
                        self.assertFalse([one for one in source["source"]["principals"] if "*" in one], name)

    def test_the_policies_select_every_pod(self):
        for name, _, rendered in rendered_on("istio"):
            for policy in of(rendered, "AuthorizationPolicy") + of(rendered, "PeerAuthentication"):
                labels = policy["spec"]["selector"]["matchLabels"]
                self.assertTrue(labels and all(selects(labels, pod["labels"]) for pod in pods(rendered)), name)

    def test_plain_text_is_refused_and_a_forged_certificate_header_is_dropped(self):
        for name, given, rendered in rendered_on("istio"):
            (policy,) = of(rendered, "PeerAuthentication")
            self.assertEqual(policy["spec"]["mtls"], {"mode": "STRICT"}, name)
            self.assertNotIn("portLevelMtls", policy["spec"], name)
            for pod in pods(rendered):
                self.assertEqual(pod["labels"]["sidecar.istio.io/inject"], "true", name)
                self.assertEqual(
                    pod["labels"].get("istio.io/rev"), given["mesh"].get("istio", {}).get("revision"), name
                )
                proxy = yaml.safe_load(pod["annotations"]["proxy.istio.io/config"])
                self.assertEqual(proxy["proxyHeaders"], {"forwardedClientCert": "SANITIZE_SET"}, name)

    def test_no_answer_ejects_a_pod(self):
        for name, _, rendered in rendered_on("istio"):
            services = {item["metadata"]["name"] for item in of(rendered, "Service") if "selector" in item["spec"]}
            rules = of(rendered, "DestinationRule")
            hosts = {f"{service}.billing.svc.cluster.local" for service in services}
            self.assertEqual({rule["spec"]["host"] for rule in rules}, hosts, name)
            for rule in rules:
                detection = rule["spec"]["trafficPolicy"]["outlierDetection"]
                self.assertEqual(detection["consecutive5xxErrors"], 0, name)
                self.assertEqual(detection["consecutiveGatewayErrors"], 0, name)
                self.assertIs(detection["splitExternalLocalOriginErrors"], True, name)
                self.assertLessEqual(detection["maxEjectionPercent"], 50, name)
                locality = rule["spec"]["trafficPolicy"]["loadBalancer"]["localityLbSetting"]
                self.assertIs(locality["enabled"], False, f"{name}: one zone's pods have a part of Stripe's rate only")

    def test_stripe_is_known_to_a_mesh_whose_exits_are_closed(self):
        for name, _, rendered in rendered_on("istio"):
            hosts = [host for entry in of(rendered, "ServiceEntry") for host in entry["spec"]["hosts"]]
            self.assertIn("api.stripe.com", hosts, name)
            for entry in of(rendered, "ServiceEntry"):
                (port,) = entry["spec"]["ports"]
                by_name = port["protocol"] == "TLS"
                self.assertNotEqual(by_name, "addresses" in entry["spec"], f"{name}: it would take the whole port")
            self.assertEqual(
                {tuple(entry["spec"]["exportTo"]) for entry in of(rendered, "ServiceEntry")}, {(".",)}, name
            )


class OnLinkerd(unittest.TestCase):
    def test_only_the_callers_reach_our_services(self):
        for name, given, rendered in rendered_on("linkerd"):
            (server,) = of(rendered, "Server")
            self.assertEqual((server["spec"]["accessPolicy"], server["spec"]["port"]), ("deny", "grpc"), name)
            for pod in pods(rendered):
                self.assertTrue(selects(server["spec"]["podSelector"]["matchLabels"], pod["labels"]), name)
                self.assertEqual(pod["annotations"]["linkerd.io/inject"], "enabled", name)
            who = {
                (item["kind"], item["metadata"]["name"]): item["spec"]
                for item in rendered
                if item["kind"].endswith("Authentication")
            }
            routes = {item["metadata"]["name"]: item["spec"] for item in of(rendered, "GRPCRoute")}
            allowed = {}
            for policy in of(rendered, "AuthorizationPolicy", "policy.linkerd.io"):
                route = routes[policy["spec"]["targetRef"]["name"]]
                (parent,) = route["parentRefs"]
                self.assertEqual((parent["kind"], parent["name"]), ("Server", server["metadata"]["name"]), name)
                (reference,) = policy["spec"]["requiredAuthenticationRefs"]
                spec = who[reference["kind"], reference["name"]]
                for match in route["rules"][0]["matches"]:
                    allowed.setdefault(match["method"]["service"], []).append((reference["kind"], spec))
            self.assertEqual(allowed.keys(), OURS | OPEN, name)
            callers = [linkerd_name(one) for one in given["callers"]]
            for service in OURS:
                self.assertEqual(allowed[service], [("MeshTLSAuthentication", {"identities": callers})], name)
            smoke = [linkerd_name(one) for one in smoke_callers(given)]
            for service in OPEN:
                self.assertIn(("MeshTLSAuthentication", {"identities": smoke}), allowed[service], name)
            by_network = [
                service for service in allowed if any(kind == "NetworkAuthentication" for kind, _ in allowed[service])
            ]
            self.assertEqual(by_network, ["grpc.health.v1.Health"], f"{name}: the kubelet's, and no more")

    def test_nothing_counts_failures_or_tries_again(self):
        for name, _, rendered in rendered_on("linkerd"):
            for item in of(rendered, "Service") + of(rendered, "GRPCRoute"):
                annotations = item["metadata"].get("annotations", {})
                self.assertFalse([key for key in annotations if "failure-accrual" in key or "retry" in key], name)

    def test_the_exits_are_closed_but_to_stripe_and_named_hosts(self):
        for name, given, rendered in rendered_on("linkerd"):
            (network,) = of(rendered, "EgressNetwork")
            self.assertEqual(network["spec"]["trafficPolicy"], "Deny", name)
            hosts = [host for route in of(rendered, "TLSRoute") for host in route["spec"]["hostnames"]]
            # The key set's host is known without being named again.
            self.assertEqual(hosts, ["api.stripe.com", "login.example.com"], name)
            self.assertEqual(len(of(rendered, "TCPRoute")), 1, f"{name}: what begins without a name")
            for route in of(rendered, "TLSRoute") + of(rendered, "TCPRoute"):
                self.assertEqual(route["spec"]["parentRefs"][0]["name"], network["metadata"]["name"], name)

    def test_each_kind_of_route_has_a_version_that_the_server_has(self):
        served = ["gateway.networking.k8s.io/v1/TLSRoute", "gateway.networking.k8s.io/v1alpha2/TCPRoute"]
        versions = [part for one in served for part in ("--api-versions", one)]
        shown = helm("template", "release", CHART, "-n", "billing", "-f", example("linkerd"), *versions).stdout
        found = {item["kind"]: item["apiVersion"] for item in yaml.safe_load_all(shown) if item}
        self.assertEqual(found["TLSRoute"], "gateway.networking.k8s.io/v1")
        self.assertEqual(found["TCPRoute"], "gateway.networking.k8s.io/v1alpha2")


class TheNetworkPolicy(unittest.TestCase):
    def test_lets_in_the_callers_on_the_calls_port_and_out_what_is_named(self):
        for path, settings, rendered in everything():
            name = f"{path.name} {settings}"
            for policy in of(rendered, "NetworkPolicy"):
                self.assertEqual(policy["spec"]["policyTypes"], ["Ingress", "Egress"], name)
                namespaces = [
                    peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                    for peer in policy["spec"]["ingress"][0]["from"]
                ]
                given = values(path)
                self.assertEqual(namespaces, [one["namespace"] for one in given["callers"] + smoke_callers(given)], name)
                for rule in policy["spec"]["ingress"] + policy["spec"]["egress"]:
                    self.assertTrue(
                        rule.get("from") or rule.get("to"), f"{name}: a rule without peers lets everyone through"
                    )
                    self.assertTrue(rule["ports"], name)
    def test_lets_out_these_ports_and_no_others(self):
        for name, settings, provider, out in [
            ("istio", (), "istio", [{53}, {15012}, {5432}, {443}]),
            ("istio", ("principal.jwksUrl=https://login.example.com:8443/keys",), "istio", [{53}, {15012}, {5432}, {443, 8443}]),
            ("linkerd", (), "linkerd", [{53}, {8080, 8086, 8090}, {5432, 4143}, {443}]),
            ("everything", (), "istio", [{53}, {15012}, {5432}, {443}, {4317}]),
        ]:
            (policy,) = of(objects(example(name), *settings), "NetworkPolicy")
            rules = policy["spec"]["egress"]
            self.assertEqual([{port["port"] for port in rule["ports"]} for rule in rules], out, name)
            self.assertFalse([port for rule in rules for port in rule["ports"] if "endPort" in port], name)
            ingress = {port["port"] for port in policy["spec"]["ingress"][0]["ports"]}
            self.assertEqual(ingress, {50051} if provider == "istio" else {50051, 4143}, name)

    def test_keeps_the_way_to_stripe_out_of_private_networks(self):
        for path, settings, rendered in everything():
            for policy in of(rendered, "NetworkPolicy"):
                blocks = [
                    peer["ipBlock"] for rule in policy["spec"]["egress"] for peer in rule["to"] if "ipBlock" in peer
                ]
                everywhere = {block["cidr"]: block["except"] for block in blocks if block["cidr"].endswith("/0")}
                private = {"0.0.0.0/0": ["10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"], "::/0": ["fd00::1", "fe80::1"]}
                self.assertEqual(everywhere.keys(), private.keys(), path.name)
                for cidr, addresses in private.items():
                    excepted = [ipaddress.ip_network(network) for network in everywhere[cidr]]
                    for address in map(ipaddress.ip_address, addresses):
                        # A network of the other family is no exception, and the API server refuses it.
                        self.assertTrue(any(address in network for network in excepted), f"{path.name} {settings}: {address}")
                        self.assertEqual({network.version for network in excepted}, {address.version}, path.name)


if __name__ == "__main__":
    unittest.main()
