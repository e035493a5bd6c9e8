"""What every pod is, in every example."""

import re
import unittest

from chart import everything, selects

FILE_SETTINGS = re.compile(r"^(/etc/billing-portal/[-a-z]+)/[^/]+$")


def pods():
    """Each pod of the service that is rendered, under a name to fail by, with the objects beside it."""
    for path, settings, rendered in everything():
        for deployment in rendered:
            if deployment["kind"] == "Deployment":
                name = f"{path.name} {settings} {deployment['metadata']['name']}"
                yield name, deployment["spec"]["template"], deployment, rendered


def container(pod):
    (only,) = pod["spec"]["containers"]
    return only


def variables(pod):
    return {entry["name"]: entry.get("value") for entry in container(pod)["env"]}


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text)[1])


class EveryPod(unittest.TestCase):
    def test_is_what_the_restricted_level_of_pod_security_takes(self):
        tests = [item for _, _, rendered in everything() for item in rendered if item["kind"] == "Pod"]
        self.assertTrue(tests, "the pod of helm test is one of them")
        for name, pod in [(name, pod) for name, pod, _, _ in pods()] + [("helm test", item) for item in tests]:
            security = pod["spec"]["securityContext"]
            self.assertIs(security["runAsNonRoot"], True, name)
            self.assertGreater(security["runAsUser"], 0, name)
            self.assertEqual(security["seccompProfile"], {"type": "RuntimeDefault"}, name)
            self.assertFalse({"hostNetwork", "hostPID", "hostIPC"} & pod["spec"].keys(), name)
            for each in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
                own = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
                self.assertEqual(each["securityContext"], own, name)
                self.assertFalse(any("hostPort" in port for port in each.get("ports", [])), name)

    def test_is_checked_with_its_own_settings_and_files(self):
        checked = [pod["spec"] for _, pod, _, _ in pods() if "initContainers" in pod["spec"]]
        self.assertTrue(checked)
        for spec in checked:
            (check,), (service,) = spec["initContainers"], spec["containers"]
            self.assertEqual(check["args"], ["check"])
            for part in ("image", "env", "volumeMounts"):
                self.assertEqual(check[part], service[part])

    def test_has_no_key_to_kubernetes_and_no_variables_of_services(self):
        for name, pod, _, rendered in pods():
            self.assertIs(pod["spec"]["automountServiceAccountToken"], False, name)
            self.assertIs(pod["spec"]["enableServiceLinks"], False, name)
            accounts = {item["metadata"]["name"]: item for item in rendered if item["kind"] == "ServiceAccount"}
            account = accounts[pod["spec"]["serviceAccountName"]]
            self.assertIs(account["automountServiceAccountToken"], False, name)

    def test_mounts_folders_read_only_so_that_a_change_arrives(self):
        for name, pod, _, _ in pods():
            volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
            mounts = container(pod)["volumeMounts"]
            self.assertEqual({mount["name"] for mount in mounts}, volumes.keys(), name)
            for mount in mounts:
                self.assertIs(mount["readOnly"], True, name)
                self.assertNotIn("subPath", mount, name)
            for volume in volumes.values():
                self.assertTrue({"secret", "configMap"} & volume.keys(), f"{name}: nothing else is mounted")

    def test_finds_every_file_that_a_setting_names(self):
        for name, pod, _, rendered in pods():
            volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
            folders = {mount["mountPath"]: volumes[mount["name"]] for mount in container(pod)["volumeMounts"]}
            maps = {item["metadata"]["name"]: item["data"] for item in rendered if item["kind"] == "ConfigMap"}
            named = [value for value in variables(pod).values() if value and FILE_SETTINGS.match(value)]
            self.assertGreaterEqual(len(named), 3, name)
            for path in named:
                source = folders[FILE_SETTINGS.match(path)[1]]
                source = source.get("secret") or source["configMap"]
                keys = [item["key"] for item in source.get("items", [])] or list(maps[source["name"]])
                self.assertIn(path.rpartition("/")[2], keys, name)
                if source.get("name") in maps:
                    self.assertIn(path.rpartition("/")[2], maps[source["name"]], name)

    def test_holds_no_secret_but_names_of_secrets(self):
        for name, pod, _, rendered in pods():
            self.assertNotIn("Secret", {item["kind"] for item in rendered}, name)
            self.assertNotIn("envFrom", container(pod), name)
            for text in [str(item) for item in rendered if item["kind"] in ("ConfigMap", "Deployment")]:
                self.assertIsNone(
                    re.search(r"(sk|rk)_(live|test)_|secretKeyRef|-----BEGIN|://[^/@ ]+:[^/@ ]+@", text), name
                )

    def test_listens_for_its_sidecar_and_says_who_may_call(self):
        for name, pod, _, _ in pods():
            settings = variables(pod)
            self.assertEqual(settings["BILLING_PORTAL_LISTEN"], "0.0.0.0:50051", name)
            self.assertIn(settings["BILLING_PORTAL_CALLER_IDENTITY"], ("istio", "linkerd"), name)
            self.assertTrue(settings["BILLING_PORTAL_ALLOWED_CALLERS"], name)
            is_istio = settings["BILLING_PORTAL_CALLER_IDENTITY"] == "istio"
            for caller in settings["BILLING_PORTAL_ALLOWED_CALLERS"].split(","):
                shape = (
                    r"spiffe://[a-z.]+/ns/[-a-z]+/sa/[-a-z]+"
                    if is_istio
                    else r"[-a-z]+\.[-a-z]+\.serviceaccount\.identity\.linkerd\.[a-z.]+"
                )
                self.assertRegex(caller, f"^{shape}$", name)

    def test_is_probed_for_readiness_only_by_the_name_that_never_turns_for_stripe(self):
        for name, pod, _, _ in pods():
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                self.assertEqual(container(pod)[probe]["grpc"], {"port": 50051, "service": ""}, name)

    def test_is_given_the_time_that_its_end_takes(self):
        for name, pod, _, _ in pods():
            sleep = container(pod)["lifecycle"]["preStop"]["sleep"]["seconds"]
            drain = seconds(variables(pod)["BILLING_PORTAL_DRAIN_TIMEOUT"])
            # Calls that are cut off get 3 s for their audit lines, and each exporter 1 s; then the proxy has 5 s.
            self.assertEqual(pod["spec"]["terminationGracePeriodSeconds"], sleep + drain + 3 + 2 + 5, name)
            self.assertGreaterEqual(drain, seconds(variables(pod)["BILLING_PORTAL_DEADLINE"]), name)

    def test_has_a_proxy_that_starts_first_and_ends_last(self):
        native = {"sidecar.istio.io/nativeSidecar": "true", "sidecar.istio.io/rewriteAppHTTPProbers": "true"}
        linkerd = {"config.beta.linkerd.io/proxy-enable-native-sidecar": "true", "linkerd.io/inject": "enabled"}
        for name, pod, _, _ in pods():
            is_istio = variables(pod)["BILLING_PORTAL_CALLER_IDENTITY"] == "istio"
            expected = native if is_istio else linkerd
            self.assertLessEqual(expected.items(), pod["metadata"]["annotations"].items(), name)

    def test_is_selected_by_what_is_meant_for_it_and_by_one_service_only(self):
        for name, pod, deployment, rendered in pods():
            labels = pod["metadata"]["labels"]
            self.assertTrue(selects(deployment["spec"]["selector"]["matchLabels"], labels), name)
            for constraint in pod["spec"]["topologySpreadConstraints"]:
                self.assertTrue(selects(constraint["labelSelector"]["matchLabels"], labels), name)
            services = [item for item in rendered if item["kind"] == "Service" and "selector" in item["spec"]]
            (service,) = [item for item in services if selects(item["spec"]["selector"], labels)]
            self.assertEqual(service["metadata"]["name"], deployment["metadata"]["name"], name)
            (port,) = service["spec"]["ports"]
            self.assertEqual(port["targetPort"], container(pod)["ports"][0]["name"], name)
            budgets = [item for item in rendered if item["kind"] == "PodDisruptionBudget"]
            (_,) = [one for one in budgets if selects(one["spec"]["selector"]["matchLabels"], labels)]
            for item in (item for item in rendered if item["kind"] == "NetworkPolicy"):
                chosen = item["spec"]["podSelector"]["matchLabels"]
                self.assertTrue(chosen and selects(chosen, labels), name)

    def test_restarts_for_a_changed_statement_and_for_nothing_that_reloads(self):
        for name, pod, _, rendered in pods():
            checksums = [key for key in pod["metadata"]["annotations"] if key.startswith("checksum/")]
            has_sql = any(item["metadata"]["name"].endswith("-sql") for item in rendered)
            self.assertEqual(checksums, ["checksum/sql"] if has_sql else [], name)


if __name__ == "__main__":
    unittest.main()
