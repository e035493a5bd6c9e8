"""What routes the calls: on, off and for a canary, by either object, and what an operator is told to type at night."""

import copy
import json
import re
import shlex
import subprocess
import unittest

import yaml

from chart import CHART, EXAMPLES, ROOT, everything, example, helm, objects, set_by, template, values

CANARY = ("canary.enabled=true", "canary.image.tag=0.2.0")


def routes(rendered):
    """The objects that route what callers send; on Linkerd, GRPCRoutes whose parent is a Server do not."""
    return [
        item
        for item in rendered
        if item["kind"] in ("VirtualService", "HTTPRoute")
        or (item["kind"] == "GRPCRoute" and item["spec"]["parentRefs"][0]["kind"] == "Service")
    ]


def destinations(route):
    """The Services that get calls, with their shares; none where the route itself answers."""
    if route["kind"] == "VirtualService":
        (rule,) = route["spec"]["http"]
        return {one["destination"]["host"].split(".")[0]: one["weight"] for one in rule.get("route", [])}
    (rule,) = route["spec"]["rules"]
    return {one["name"]: one.get("weight") for one in rule["backendRefs"]}


def with_pods(rendered):
    return {item["metadata"]["name"] for item in rendered if item["kind"] == "Service" and "selector" in item["spec"]}


def notes(path, *settings, release="release"):
    shown = helm("install", release, CHART, "-n", "billing", "--dry-run=client", "--values", path, *set_by(settings))
    assert shown.returncode == 0, shown.stderr
    return shown.stdout.partition("NOTES:\n")[2]


class TheRoute(unittest.TestCase):
    def test_is_one_object_and_never_two_that_contend(self):
        for path, settings, rendered in everything():
            mesh = values(path)["mesh"]
            kinds = [route["kind"] for route in routes(rendered)]
            wanted = {"virtualService": "VirtualService", "grpcRoute": "GRPCRoute"}[mesh.get("route", "virtualService")]
            self.assertEqual(kinds, [wanted] if mesh.get("createPolicies", True) else [], f"{path.name} {settings}")

    def test_sends_each_share_to_a_service_with_pods_and_the_shares_are_a_hundred(self):
        for path, settings, rendered in everything():
            set_to = [one.partition("=")[2] for one in settings if one.startswith("mesh.traffic=")]
            given = yaml.safe_load(set_to[0]) if set_to else values(path)["mesh"].get("traffic", True)
            for route in routes(rendered):
                name, shares = f"{path.name} {settings}", destinations(route)
                is_off = given is False
                self.assertEqual("fault" in str(route), is_off and route["kind"] == "VirtualService", name)
                if is_off and route["kind"] == "GRPCRoute":
                    self.assertFalse(shares.keys() & with_pods(rendered), name)
                    continue
                self.assertLessEqual(shares.keys(), with_pods(rendered), name)
                self.assertEqual(sum(shares.values()), 100, name)
                self.assertTrue(all(weight > 0 for weight in shares.values()), f"{name}: a 0 may be all of the calls")
                self.assertEqual(given == "canary", any(key.endswith("-canary") for key in shares), name)

    def test_off_is_unavailable_and_nothing_else(self):
        (virtual_service,) = routes(objects(example("istio"), "mesh.traffic=off"))
        (rule,) = virtual_service["spec"]["http"]
        self.assertEqual(rule["fault"], {"abort": {"grpcStatus": "UNAVAILABLE", "percentage": {"value": 100}}})
        for name in ("istio-grpcroute", "linkerd"):
            rendered = objects(example(name), "mesh.traffic=off")
            ((off, _),) = destinations(*routes(rendered)).items()
            (service,) = [item for item in rendered if item["kind"] == "Service" and item["metadata"]["name"] == off]
            self.assertNotIn("selector", service["spec"], "nothing may ever stand behind it")

    def test_off_and_on_may_stand_without_quotes(self):
        for spelling, quoted in (("off", "mesh.traffic=off"), ("on", "mesh.traffic=on")):
            given = f"mesh: {{traffic: {spelling}}}"
            self.assertIsInstance(yaml.safe_load(given)["mesh"]["traffic"], bool, "that is what YAML makes of it")
            bare = helm("template", "release", CHART, "-n", "billing", "-f", example("istio"), "-f", "-", input=given)
            self.assertEqual(bare.stdout, template(example("istio"), quoted).stdout, bare.stderr)

    def test_tries_nothing_again(self):
        for path, settings, rendered in everything():
            for route in routes(rendered):
                name = f"{path.name} {settings}"
                if values(path)["mesh"]["provider"] == "linkerd":
                    continue  # Nothing is tried again there unless an annotation asks for it; test_mesh.py looks for those.
                if route["kind"] == "VirtualService":
                    for rule in route["spec"]["http"]:
                        self.assertEqual(rule["retries"], {"attempts": 0}, name)
                else:
                    headers = route["spec"]["rules"][0]["filters"][0]["requestHeaderModifier"]["set"]
                    self.assertEqual(headers, [{"name": "x-envoy-max-retries", "value": "0"}], name)

    def test_gives_the_service_time_to_answer_first(self):
        for path, settings, rendered in everything():
            (deployment, *_) = [item for item in rendered if item["kind"] == "Deployment"]
            (container,) = deployment["spec"]["template"]["spec"]["containers"]
            (deadline,) = [one["value"] for one in container["env"] if one["name"] == "BILLING_PORTAL_DEADLINE"]
            for route in routes(rendered):
                annotated = route["metadata"].get("annotations", {}).get("timeout.linkerd.io/request")
                rules = route["spec"].get("http", [])
                for timeout in filter(None, [annotated, *[rule.get("timeout") for rule in rules]]):
                    self.assertGreater(int(timeout[:-1]), int(deadline[:-1]), f"{path.name} {settings}")

    def test_changes_nothing_else_of_what_is_rendered(self):
        for name in ("istio", "istio-grpcroute", "linkerd"):
            on, off = [objects(example(name), f"mesh.traffic={traffic}") for traffic in ("on", "off")]
            changed = [one for one, other in zip(on, off, strict=True) if one != other]
            self.assertEqual(changed, routes(on), name)


def patched(item, operations):
    """A JSON patch, RFC 6902, as far as the notes need it."""
    item = copy.deepcopy(item)
    for operation in operations:
        *path, last = [int(part) if part.isdigit() else part for part in operation["path"].split("/")[1:]]
        place = item
        for part in path:
            place = place[part]
        if operation["op"] in ("replace", "remove"):
            del place[last]
        if operation["op"] in ("replace", "add"):
            place[last] = operation["value"]
    return item


def commands(shown, words):
    return [line.strip() for line in shown.splitlines() if words in line]


class TheNotes(unittest.TestCase):
    def test_patch_the_route_in_force_into_what_the_chart_renders(self):
        for name in ("istio", "istio-grpcroute", "linkerd", "istio-canary"):
            now = values(example(name))["mesh"].get("traffic", "on")
            (route,) = routes(objects(example(name)))
            off, back = commands(notes(example(name)), f" patch {route['kind'].lower()} {route['metadata']['name']} ")
            (is_off,) = routes(objects(example(name), "mesh.traffic=off", *CANARY))
            # What was rendered for the canary stays beside the fault, so that the way back is the way there.
            if route["kind"] == "VirtualService":
                is_off["spec"]["http"][0]["route"] = route["spec"]["http"][0]["route"]
            switched = patched(route, json.loads(shlex.split(off)[-1]))
            self.assertEqual(switched["spec"], is_off["spec"], name)
            self.assertEqual(patched(switched, json.loads(shlex.split(back)[-1]))["spec"], route["spec"], f"{name} {now}")

    def test_switch_the_flag_off_for_everyone_and_back(self):
        for path in EXAMPLES:
            shown = notes(path)
            self.assertRegex(shown, r"annotate pods -l \S+ --overwrite", "or it takes two minutes")
            off_and_back = commands(shown, " | sed ")
            if not off_and_back:
                self.assertIn("give the flag billing-portal the state DISABLED", shown, path.name)
                continue
            (config_map,) = [one for one in objects(path, kind="ConfigMap") if "flags.json" in one["data"]]
            before = said = json.dumps(config_map)
            for command, state in zip(off_and_back, ("DISABLED", "ENABLED"), strict=True):
                get, sed, _ = command.split(" | ")
                self.assertEqual(get.split()[-3], config_map["metadata"]["name"], path.name)
                said = subprocess.run(shlex.split(sed), input=said, capture_output=True, text=True, check=True).stdout
                (flag,) = json.loads(json.loads(said)["data"]["flags.json"])["flags"].values()
                self.assertEqual(flag["state"], state, path.name)
            self.assertEqual(json.loads(said), json.loads(before), path.name)

    def test_say_what_the_page_for_the_night_says(self):
        page = re.sub(r" *\\?\n +", " ", (ROOT / "docs/rollback.md").read_text())
        for name in ("istio", "istio-grpcroute"):
            for command in commands(notes(example(name), release="billing-portal"), "kubectl -n billing patch "):
                self.assertIn(command, page)
        shown = notes(example("istio"), release="billing-portal")
        for command in [*commands(shown, " | sed "), *commands(shown, " annotate pods ")]:
            self.assertIn(command, page)

    def test_say_when_the_route_is_off(self):
        self.assertIn("THE ROUTE IS OFF", notes(example("istio"), "mesh.traffic=off"))
        self.assertNotIn("THE ROUTE IS OFF", notes(example("istio")))
        self.assertIsNone(re.search("patch (virtual|grpc)", notes(example("own-policies"))))


if __name__ == "__main__":
    unittest.main()
