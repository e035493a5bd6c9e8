"""Tests the pods of every example."""

import re
import unittest

from chart import all_renders, matches

FILE_SETTINGS = re.compile(r"^(/etc/billing-portal/[-a-z]+)/[^/]+$")


def pods():
    """Yields each pod template with a name for failure messages, its Deployment, and all objects of the release."""
    for path, settings, rendered in all_renders():
        for deployment in rendered:
            if deployment["kind"] == "Deployment":
                name = f"{path.name} {settings} {deployment['metadata']['name']}"
                yield name, deployment["spec"]["template"], deployment, rendered


def container(pod):
    (container,) = pod["spec"]["containers"]
    return container


def variables(pod):
    return {entry["name"]: entry.get("value") for entry in container(pod)["env"]}


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text)[1])


class Pods(unittest.TestCase):
    def test_comply_with_the_restricted_pod_security_standard(self):
        tests = [item for _, _, rendered in all_renders() for item in rendered if item["kind"] == "Pod"]
        self.assertTrue(tests, "the pod of helm test is missing")
        for name, pod in [(name, pod) for name, pod, _, _ in pods()] + [("helm test", item) for item in tests]:
            security = pod["spec"]["securityContext"]
            self.assertIs(security["runAsNonRoot"], True, name)
            self.assertGreater(security["runAsUser"], 0, name)
            self.assertEqual(security["seccompProfile"], {"type": "RuntimeDefault"}, name)
            self.assertFalse({"hostNetwork", "hostPID", "hostIPC"} & pod["spec"].keys(), name)
            for each in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
                expected = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
                self.assertEqual(each["securityContext"], expected, name)
                self.assertFalse(any("hostPort" in port for port in each.get("ports", [])), name)

    def test_check_container_has_the_settings_and_files_of_the_service(self):
        checked = [pod["spec"] for _, pod, _, _ in pods() if "initContainers" in pod["spec"]]
        self.assertTrue(checked)
        for spec in checked:
            (check,), (service,) = spec["initContainers"], spec["containers"]
            self.assertEqual(check["args"], ["check"])
            for field in ("image", "env", "volumeMounts"):
                self.assertEqual(check[field], service[field])

    def test_have_no_kubernetes_token_or_service_links(self):
        for name, pod, _, rendered in pods():
            self.assertIs(pod["spec"]["automountServiceAccountToken"], False, name)
            self.assertIs(pod["spec"]["enableServiceLinks"], False, name)
            accounts = {item["metadata"]["name"]: item for item in rendered if item["kind"] == "ServiceAccount"}
            account = accounts[pod["spec"]["serviceAccountName"]]
            self.assertIs(account["automountServiceAccountToken"], False, name)

    def test_mount_directories_read_only(self):
        for name, pod, _, _ in pods():
            volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
            mounts = container(pod)["volumeMounts"]
            self.assertEqual({mount["name"] for mount in mounts}, volumes.keys(), name)
            for mount in mounts:
                self.assertIs(mount["readOnly"], True, name)
                self.assertNotIn("subPath", mount, name)
            for volume in volumes.values():
                self.assertTrue({"secret", "configMap"} & volume.keys(), f"{name}: only Secrets and ConfigMaps may be mounted")

    def test_mount_every_file_named_by_a_setting(self):
        for name, pod, _, rendered in pods():
            volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
            directories = {mount["mountPath"]: volumes[mount["name"]] for mount in container(pod)["volumeMounts"]}
            config_maps = {item["metadata"]["name"]: item["data"] for item in rendered if item["kind"] == "ConfigMap"}
            paths = [value for value in variables(pod).values() if value and FILE_SETTINGS.match(value)]
            self.assertGreaterEqual(len(paths), 3, name)
            for path in paths:
                source = directories[FILE_SETTINGS.match(path)[1]]
                source = source.get("secret") or source["configMap"]
                keys = [item["key"] for item in source.get("items", [])] or list(config_maps[source["name"]])
                self.assertIn(path.rpartition("/")[2], keys, name)
                if source.get("name") in config_maps:
                    self.assertIn(path.rpartition("/")[2], config_maps[source["name"]], name)

    def test_contain_no_secret_values(self):
        for name, pod, _, rendered in pods():
            self.assertNotIn("Secret", {item["kind"] for item in rendered}, name)
            self.assertNotIn("envFrom", container(pod), name)
            for text in [str(item) for item in rendered if item["kind"] in ("ConfigMap", "Deployment")]:
                self.assertIsNone(
                    re.search(r"(sk|rk)_(live|test)_|secretKeyRef|-----BEGIN|://[^/@ ]+:[^/@ ]+@", text), name
                )

    def test_listen_on_all_addresses_and_set_allowed_callers(self):
        for name, pod, _, _ in pods():
            settings = variables(pod)
            self.assertEqual(settings["BILLING_PORTAL_LISTEN"], "0.0.0.0:50051", name)
            self.assertTrue(settings["BILLING_PORTAL_ALLOWED_CALLERS"], name)
            pattern = {
                "istio": r"spiffe://[a-z.]+/ns/[-a-z]+/sa/[-a-z]+",
                "linkerd": r"[-a-z]+\.[-a-z]+\.serviceaccount\.identity\.linkerd\.[a-z.]+",
                "mtls": r"spiffe://[a-z.]+/ns/[-a-z]+/sa/[-a-z]+|[a-z.]+",
            }[settings["BILLING_PORTAL_CALLER_IDENTITY"]]
            for caller in settings["BILLING_PORTAL_ALLOWED_CALLERS"].split(","):
                self.assertRegex(caller, f"^({pattern})$", name)

    def test_probes_use_the_empty_service_name_on_the_health_port_if_there_is_one(self):
        ports = set()
        for name, pod, _, _ in pods():
            port = int(variables(pod).get("BILLING_PORTAL_HEALTH_LISTEN", ":50051").rsplit(":", 1)[1])
            self.assertIn(port, [each["containerPort"] for each in container(pod)["ports"]], name)
            ports.add(port)
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                self.assertEqual(container(pod)[probe]["grpc"], {"port": port, "service": ""}, name)
        self.assertEqual(ports, {50051, 8081})

    def test_grace_period_covers_the_shutdown(self):
        for name, pod, _, _ in pods():
            sleep = container(pod)["lifecycle"]["preStop"]["sleep"]["seconds"]
            drain = seconds(variables(pod)["BILLING_PORTAL_DRAIN_TIMEOUT"])
            # 3 s for audit entries of calls that are cut off, 1 s for each of the two exporters, and 5 s for the proxy.
            self.assertEqual(pod["spec"]["terminationGracePeriodSeconds"], sleep + drain + 3 + 2 + 5, name)
            self.assertGreaterEqual(drain, seconds(variables(pod)["BILLING_PORTAL_DEADLINE"]), name)

    def test_use_native_sidecars(self):
        istio = {"sidecar.istio.io/nativeSidecar": "true", "sidecar.istio.io/rewriteAppHTTPProbers": "true"}
        linkerd = {"config.beta.linkerd.io/proxy-enable-native-sidecar": "true", "linkerd.io/inject": "enabled"}
        for name, pod, _, _ in pods():
            is_ambient = pod["metadata"]["labels"].get("istio.io/dataplane-mode") == "ambient"
            sidecars = {"istio": {} if is_ambient else istio, "linkerd": linkerd, "mtls": {}}
            expected = sidecars[variables(pod)["BILLING_PORTAL_CALLER_IDENTITY"]]
            self.assertLessEqual(expected.items(), pod["metadata"]["annotations"].items(), name)

    def test_are_selected_by_their_own_objects_only(self):
        for name, pod, deployment, rendered in pods():
            labels = pod["metadata"]["labels"]
            self.assertTrue(matches(deployment["spec"]["selector"]["matchLabels"], labels), name)
            for constraint in pod["spec"]["topologySpreadConstraints"]:
                self.assertTrue(matches(constraint["labelSelector"]["matchLabels"], labels), name)
            services = [item for item in rendered if item["kind"] == "Service" and "selector" in item["spec"]]
            (service,) = [item for item in services if matches(item["spec"]["selector"], labels)]
            self.assertEqual(service["metadata"]["name"], deployment["metadata"]["name"], name)
            (port,) = service["spec"]["ports"]
            self.assertEqual(port["targetPort"], container(pod)["ports"][0]["name"], name)
            budgets = [item for item in rendered if item["kind"] == "PodDisruptionBudget"]
            (_,) = [budget for budget in budgets if matches(budget["spec"]["selector"]["matchLabels"], labels)]
            for item in (item for item in rendered if item["kind"] == "NetworkPolicy"):
                selector = item["spec"]["podSelector"]["matchLabels"]
                self.assertTrue(selector and matches(selector, labels), name)

    def test_only_changed_sql_restarts_pods(self):
        for name, pod, _, rendered in pods():
            checksums = [key for key in pod["metadata"]["annotations"] if key.startswith("checksum/")]
            has_sql = any(item["metadata"]["name"].endswith("-sql") for item in rendered)
            self.assertEqual(checksums, ["checksum/sql"] if has_sql else [], name)


if __name__ == "__main__":
    unittest.main()
