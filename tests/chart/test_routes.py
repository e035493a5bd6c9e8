"""Tests the routes with traffic on, off and canary, and the commands in the installation notes."""

import copy
import json
import re
import shlex
import subprocess
import unittest

import yaml

from chart import (
    CHART,
    EXAMPLES,
    ROLLBACK_PAGE,
    all_renders,
    example_path,
    has_route,
    helm,
    helm_template,
    load_values,
    render_objects,
    set_flags,
)

CANARY = ("canary.enabled=true", "canary.image.tag=0.2.0")


def routes(rendered):
    """Returns the outbound routes. On Linkerd, a GRPCRoute whose parent is a Server is an inbound route."""
    return [
        item
        for item in rendered
        if item["kind"] in ("VirtualService", "HTTPRoute")
        or (item["kind"] == "GRPCRoute" and item["spec"]["parentRefs"][0]["kind"] == "Service")
    ]


def destinations(route):
    """Returns the Services that receive calls, with their weights."""
    if route["kind"] == "VirtualService":
        (rule,) = route["spec"]["http"]
        return {each["destination"]["host"].split(".")[0]: each["weight"] for each in rule.get("route", [])}
    (rule,) = route["spec"]["rules"]
    return {backend["name"]: backend.get("weight") for backend in rule["backendRefs"]}


def services_with_pods(rendered):
    return {item["metadata"]["name"] for item in rendered if item["kind"] == "Service" and "selector" in item["spec"]}


def notes(path, *settings, release="release"):
    result = helm("install", release, CHART, "-n", "billing", "--dry-run=client", "--values", path, *set_flags(settings))
    assert result.returncode == 0, result.stderr
    return result.stdout.partition("NOTES:\n")[2]


class Routes(unittest.TestCase):
    def test_exactly_one_route_is_rendered(self):
        for path, settings, rendered in all_renders():
            kind = load_values(path)["mesh"].get("route", "virtualService")
            kinds = [route["kind"] for route in routes(rendered)]
            expected = {"virtualService": "VirtualService", "grpcRoute": "GRPCRoute"}[kind]
            self.assertEqual(kinds, [expected] if has_route(path) else [], f"{path.name} {settings}")

    def test_weights_are_positive_add_up_to_100_and_reach_pods(self):
        for path, settings, rendered in all_renders():
            overrides = [each.partition("=")[2] for each in settings if each.startswith("mesh.traffic=")]
            traffic = yaml.safe_load(overrides[0]) if overrides else load_values(path)["mesh"].get("traffic", True)
            for route in routes(rendered):
                name, weights = f"{path.name} {settings}", destinations(route)
                is_off = traffic is False
                self.assertEqual("fault" in str(route), is_off and route["kind"] == "VirtualService", name)
                if is_off and route["kind"] == "GRPCRoute":
                    self.assertFalse(weights.keys() & services_with_pods(rendered), name)
                    continue
                self.assertLessEqual(weights.keys(), services_with_pods(rendered), name)
                self.assertEqual(sum(weights.values()), 100, name)
                self.assertTrue(all(weight > 0 for weight in weights.values()), f"{name}: weight 0 may receive all calls")
                self.assertEqual(traffic == "canary", any(key.endswith("-canary") for key in weights), name)

    def test_off_responds_with_unavailable(self):
        (virtual_service,) = routes(render_objects(example_path("istio"), "mesh.traffic=off"))
        (rule,) = virtual_service["spec"]["http"]
        self.assertEqual(rule["fault"], {"abort": {"grpcStatus": "UNAVAILABLE", "percentage": {"value": 100}}})
        for name in ("istio-grpcroute", "linkerd"):
            rendered = render_objects(example_path(name), "mesh.traffic=off")
            ((off, _),) = destinations(*routes(rendered)).items()
            (service,) = [item for item in rendered if item["kind"] == "Service" and item["metadata"]["name"] == off]
            self.assertNotIn("selector", service["spec"], "the Service must never have pods")

    def test_traffic_accepts_unquoted_on_and_off(self):
        for spelling, quoted in (("off", "mesh.traffic=off"), ("on", "mesh.traffic=on")):
            unquoted = f"mesh: {{traffic: {spelling}}}"
            self.assertIsInstance(yaml.safe_load(unquoted)["mesh"]["traffic"], bool, "YAML parses it as a boolean")
            result = helm("template", "release", CHART, "-n", "billing", "-f", example_path("istio"), "-f", "-", input=unquoted)
            self.assertEqual(result.stdout, helm_template(example_path("istio"), quoted).stdout, result.stderr)

    def test_calls_are_not_retried(self):
        for path, settings, rendered in all_renders():
            for route in routes(rendered):
                name = f"{path.name} {settings}"
                if load_values(path)["mesh"]["provider"] == "linkerd":
                    continue  # Linkerd retries only with an annotation; test_mesh.py asserts that there is none.
                if route["kind"] == "VirtualService":
                    for rule in route["spec"]["http"]:
                        self.assertEqual(rule["retries"], {"attempts": 0}, name)
                else:
                    headers = route["spec"]["rules"][0]["filters"][0]["requestHeaderModifier"]["set"]
                    self.assertEqual(headers, [{"name": "x-envoy-max-retries", "value": "0"}], name)

    def test_timeout_exceeds_the_deadline_of_the_service(self):
        for path, settings, rendered in all_renders():
            (deployment, *_) = [item for item in rendered if item["kind"] == "Deployment"]
            (container,) = deployment["spec"]["template"]["spec"]["containers"]
            (deadline,) = [entry["value"] for entry in container["env"] if entry["name"] == "BILLING_PORTAL_DEADLINE"]
            for route in routes(rendered):
                annotated = route["metadata"].get("annotations", {}).get("timeout.linkerd.io/request")
                rules = route["spec"].get("http", [])
                for timeout in filter(None, [annotated, *[rule.get("timeout") for rule in rules]]):
                    self.assertGreater(int(timeout[:-1]), int(deadline[:-1]), f"{path.name} {settings}")

    def test_traffic_changes_only_the_route(self):
        for name in ("istio", "istio-grpcroute", "linkerd"):
            on, off = [render_objects(example_path(name), f"mesh.traffic={traffic}") for traffic in ("on", "off")]
            changed = [item for item, other in zip(on, off, strict=True) if item != other]
            self.assertEqual(changed, routes(on), name)


def patched(item, operations):
    """Applies the operations of JSON Patch (RFC 6902) that the notes use."""
    item = copy.deepcopy(item)
    for operation in operations:
        *path, last = [int(part) if part.isdigit() else part for part in operation["path"].split("/")[1:]]
        parent = item
        for part in path:
            parent = parent[part]
        if operation["op"] in ("replace", "remove"):
            del parent[last]
        if operation["op"] in ("replace", "add"):
            parent[last] = operation["value"]
    return item


def commands(notes_text, substring):
    return [line.strip() for line in notes_text.splitlines() if substring in line]


class Notes(unittest.TestCase):
    def test_route_commands_produce_the_rendered_routes(self):
        for name in ("istio", "istio-grpcroute", "linkerd", "istio-canary"):
            traffic = load_values(example_path(name))["mesh"].get("traffic", "on")
            (route,) = routes(render_objects(example_path(name)))
            off, back = commands(notes(example_path(name)), f" patch {route['kind'].lower()} {route['metadata']['name']} ")
            (expected,) = routes(render_objects(example_path(name), "mesh.traffic=off", *CANARY))
            # The fault leaves the destinations unchanged, so that removing it restores the route.
            if route["kind"] == "VirtualService":
                expected["spec"]["http"][0]["route"] = route["spec"]["http"][0]["route"]
            switched = patched(route, json.loads(shlex.split(off)[-1]))
            self.assertEqual(switched["spec"], expected["spec"], name)
            self.assertEqual(patched(switched, json.loads(shlex.split(back)[-1]))["spec"], route["spec"], f"{name} {traffic}")

    def test_flag_commands_switch_off_and_back(self):
        for path in EXAMPLES:
            text = notes(path)
            self.assertRegex(text, r"annotate pods -l \S+ --overwrite", path.name)
            off_and_back = commands(text, " | sed ")
            if not off_and_back:
                self.assertIn("set the state of the flag billing-portal to DISABLED", text, path.name)
                continue
            (config_map,) = [item for item in render_objects(path, kind="ConfigMap") if "flags.json" in item["data"]]
            before = current = json.dumps(config_map)
            for command, state in zip(off_and_back, ("DISABLED", "ENABLED"), strict=True):
                get, sed, _ = command.split(" | ")
                self.assertEqual(get.split()[-3], config_map["metadata"]["name"], path.name)
                result = subprocess.run(shlex.split(sed), input=current, capture_output=True, text=True, check=True)
                current = result.stdout
                (flag,) = json.loads(json.loads(current)["data"]["flags.json"])["flags"].values()
                self.assertEqual(flag["state"], state, path.name)
            self.assertEqual(json.loads(current), json.loads(before), path.name)

    def test_commands_match_the_rollback_page(self):
        page = re.sub(r" *\\?\n +", " ", ROLLBACK_PAGE.read_text())
        for name in ("istio", "istio-grpcroute"):
            for command in commands(notes(example_path(name), release="billing-portal"), "kubectl -n billing patch "):
                self.assertIn(command, page)
        text = notes(example_path("istio"), release="billing-portal")
        for command in [*commands(text, " | sed "), *commands(text, " annotate pods ")]:
            self.assertIn(command, page)

    def test_report_that_the_route_is_off(self):
        self.assertIn("THE ROUTE IS OFF", notes(example_path("istio"), "mesh.traffic=off"))
        self.assertNotIn("THE ROUTE IS OFF", notes(example_path("istio")))
        for name in ("own-policies", "mtls"):
            self.assertIsNone(re.search("patch (virtual|grpc)", notes(example_path(name))), name)
        self.assertNotRegex(notes(example_path("mtls")), "mesh|[Pp]roxy|route")


if __name__ == "__main__":
    unittest.main()
