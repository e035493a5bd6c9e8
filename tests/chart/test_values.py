"""Which values are refused, with what sentence; and that the values reach the settings of the service."""

import itertools
import json
import re
import unittest

import yaml

from chart import CHART, EXAMPLES, ROOT, everything, example, helm, objects, template, text

ISTIO, LINKERD, ROUTE, OWN, ALL = map(example, ("istio", "linkerd", "istio-grpcroute", "own-policies", "everything"))

# Contradictions, and what must be said: a sentence of the chart's own.
SENTENCES = [
    (ISTIO, ["image.repository="], "image.repository is required"),
    (ISTIO, ["mesh.provider="], "mesh.provider is required"),
    (ISTIO, ["callers=[]"], "callers is required"),
    (ISTIO, ["principal.issuer="], "principal.issuer is required"),
    (ISTIO, ["principal.jwksUrl="], "principal.jwksUrl or principal.jwksConfigMap is required"),
    (ISTIO, ["principal.jwksConfigMap.name=keys", "principal.jwksConfigMap.key=jwks.json"], "only one of the two"),
    (ISTIO, ["returnUrlOrigins=[]"], "returnUrlOrigins is required"),
    (ISTIO, ["database.host="], "database.host is required"),
    (ISTIO, ["database.passwordSecret.name="], "database.passwordSecret.name is required"),
    (ISTIO, ["stripe.mode="], "stripe.mode is required"),
    (ISTIO, ["stripe.secretKeySecret.name="], "stripe.secretKeySecret.name is required"),
    (ISTIO, ["networkPolicy.databasePeers=[]"], "no pod would reach the directory"),
    (ISTIO, ["telemetry.otlpEndpoint=http://collector:4317"], "nothing would reach the collector"),
    (ISTIO, ["flag.definition.flags.other.state=ENABLED", "flag.tenants=[]"], 'has no flag "billing-portal"'),
    (ALL, ["flag.everyone=true"], "flag.definition contradicts"),
    (OWN, ["flag.everyone=true"], "flag.existingConfigMap contradicts"),
    (ISTIO, ["database.ownership=token", "database.ownersSql=SELECT 1"], "database.ownersSql contradicts"),
    (LINKERD, ["mesh.route=virtualService"], "which knows no VirtualService"),
    (OWN, ["mesh.traffic=off"], "there is no route of the chart's to say it"),
    (ISTIO, ["mesh.traffic=canary"], "its share of the calls would reach no pod"),
    (ISTIO, ["mesh.externalHosts[0].port=5432"], "begin without a name to go by"),
    (ISTIO, ["canary.enabled=true"], "it would be the same version twice"),
    (ISTIO, ["stripe.attemptTimeoutSeconds=11"], "is over limits.deadlineSeconds"),
    (ISTIO, ["autoscaling.enabled=true", "autoscaling.minReplicas=9"], "autoscaling.minReplicas is over"),
    (ISTIO, ["principal.jwksMaxAgeSeconds=60"], "every token is refused between two looks"),
    (ISTIO, ["replicas=20"], "less than one a second for each of the 21 pods"),
    (ISTIO, ["autoscaling.enabled=true", "autoscaling.maxReplicas=20"], "each of the 21 pods"),
    (ISTIO, ["replicas=17", "canary.enabled=true", "canary.image.tag=v2", "canary.replicas=2"], "each of the 21 pods"),
    (ISTIO, ["rollout.maxSurge=19"], "each of the 21 pods"),
    (ISTIO, ["limits.deadlineSeconds=26"], "would cut calls that are in time"),
    (ISTIO, ["mesh.traffic=canary", "mesh.canaryWeight=51", "canary.enabled=true", "canary.image.tag=v2"], "few pods"),
    (ISTIO, ["autoscaling.enabled=true", "resources.requests.cpu=null"], "resources.requests.cpu"),
    (ALL, ["flag.definition.flags.other.state=ENABLED"], "holds other flags"),
    (ALL, ["flag.definition.flags.billing-portal.metadata.was=DISABLED"], "elsewhere than in its state"),
    (ISTIO, ["flag.key=ENABLED-portal"], "elsewhere than in its state"),
    (OWN, ["flag.disabled=true"], "say DISABLED there"),
    (
        ISTIO,
        ["extraObjects[0].apiVersion=v1", "extraObjects[0].kind=List", "extraObjects[0].metadata.name=x"],
        "holds a List",
    ),
    (
        ISTIO,
        ["extraObjects[0].apiVersion=v1", "extraObjects[0].kind=Secret", "extraObjects[0].metadata.name=x"],
        "holds a Secret",
    ),
    (
        ISTIO,
        ["extraObjects[0].apiVersion=x/v1", "extraObjects[0].kind=GRPCRoute", "extraObjects[0].metadata.name=x"],
        "holds a GRPCRoute",
    ),
]

# What the schema refuses, by the place that it names; of a name it says the name, for its places of names are wrong.
SCHEMA = [
    (["callers[0].serviceAccount=*"], "/callers/0/serviceAccount"),
    (["callers[0].namespace=*"], "/callers/0/namespace"),
    (["callers[0].namespace=web", "callers[0].serviceAccount=null"], "/callers/0"),
    (["mesh.smokeCaller.serviceAccount=*"], "/mesh/smokeCaller/serviceAccount"),
    (["mesh.provider=consul"], "/mesh/provider"),
    (["mesh.route=both"], "/mesh/route"),
    (["mesh.traffic=0"], "/mesh/traffic"),
    (["mesh.canaryWeight=0"], "/mesh/canaryWeight"),
    (["mesh.trustDomain=*"], "/mesh/trustDomain"),
    (["mesh.linkerd.probeNetworks=null"], "/mesh/linkerd'"),
    (["mesh.linkerd.probeNetworks=[]"], "/mesh/linkerd/probeNetworks"),
    (["resources=null"], "'"),
    (["image.tag=latest"], "/image/tag"),
    (["image.digest=sha256:abc"], "/image/digest"),
    (["returnUrlOrigins[0]=http://app.example.com"], "/returnUrlOrigins/0"),
    (["returnUrlOrigins[0]=https://*.example.com"], "/returnUrlOrigins/0"),
    (["returnUrlOrigins[0]=https://app.example.com/"], "/returnUrlOrigins/0"),
    (["principal.jwksUrl=http://login.example.com/keys"], "/principal/jwksUrl"),
    (["principal.clockSkewSeconds=6"], "/principal/clockSkewSeconds"),
    (["database.sslMode=prefer"], "/database/sslMode"),
    (["database.user=me:secret"], "/database/user"),
    (["database.host=h/x?sslmode=disable"], "/database/host"),
    (["database.password=secret"], "/database"),
    (["stripe.secretKey=sk_test_x"], "/stripe"),
    (["stripe.apiHost=http://stripe"], "/stripe/apiHost"),
    (["stripe.portalConfiguration=cus_1"], "/stripe/portalConfiguration"),
    (["limits.deadlineSeconds=0"], "/limits/deadlineSeconds"),
    (["limits.maxConnections=0"], "/limits/maxConnections"),
    (["listenAddress=127.0.0.1"], "/listenAddress"),
    (["rollout.maxSurge=0"], "/rollout/maxSurge"),
    (["shutdown.preStopSeconds=0"], "/shutdown/preStopSeconds"),
    (["podLabels.track=stable"], "invalid propertyName 'track'"),
    (["podLabels.sidecar\\.istio\\.io/inject=false"], "invalid propertyName 'sidecar.istio.io/inject'"),
    (["podAnnotations.proxy\\.istio\\.io/config=x"], "invalid propertyName 'proxy.istio.io/config'"),
    (["podAnnotations.traffic\\.sidecar\\.istio\\.io/excludeInboundPorts=50051"], "invalid propertyName 'traffic."),
    (["podAnnotations.sidecar\\.istio\\.io/interceptionMode=NONE"], "invalid propertyName 'sidecar."),
    (["podAnnotations.inject\\.istio\\.io/templates=x"], "invalid propertyName 'inject."),
    (["podAnnotations.config\\.linkerd\\.io/skip-inbound-ports=50051"], "invalid propertyName 'config."),
    (["podAnnotations.checksum/sql=x"], "invalid propertyName 'checksum/sql'"),
    (["networkPolicy.extraIngress[0].ports[0].port=50051"], "/networkPolicy/extraIngress/0"),
    (
        ["networkPolicy.extraEgress[0].to[0].ipBlock=null", "networkPolicy.extraEgress[0].ports[0].port=1"],
        "/networkPolicy/extraEgress/0/to/0",
    ),
    (["telemetry.otlpEndpoint=http://user:secret@collector"], "/telemetry/otlpEndpoint"),
    (["telemetry.otlpEndpoint=http://collector"], "/telemetry/otlpEndpoint"),
    (["logLevel=verbose"], "/logLevel"),
    (["securityContext.runAsUser=0"], "'"),
]


def folders(tree, path=()):
    """Every map of the values whose members the chart knows."""
    yield path
    for key, member in tree.items():
        if isinstance(member, dict):
            yield from folders(member, (*path, key))


class Values(unittest.TestCase):
    def test_that_contradict_each_other_or_leave_something_out_are_refused_with_a_sentence(self):
        for path, settings, sentence in SENTENCES:
            result = template(path, *settings)
            self.assertNotEqual(result.returncode, 0, f"{path.name} {settings} was taken")
            self.assertIn(sentence.lower(), result.stderr.lower(), f"{path.name} {settings}")

    def test_that_are_unsafe_are_refused_by_the_schema_where_they_stand(self):
        for settings, place in SCHEMA:
            result = template(ISTIO, *settings)
            self.assertNotEqual(result.returncode, 0, f"{settings} was taken")
            self.assertIn(place if place.startswith("invalid") else f"at '{place}", result.stderr, settings)

    def test_that_are_unknown_are_refused_wherever_they_stand(self):
        defaults = yaml.safe_load((CHART / "values.yaml").read_text())
        free = {
            ("flag", "definition"),
            ("telemetry", "resourceAttributes"),
            ("resources", "requests"),
            ("resources", "limits"),
        }
        free |= {("alerts", "labels"), ("dashboard", "labels")}
        free |= {(name,) for name in ("podAnnotations", "podLabels", "nodeSelector", "affinity")}
        free |= {("serviceAccount", "annotations")}
        for path in set(folders(defaults)) - free:
            result = template(ISTIO, ".".join([*path, "unheardOf=1"]))
            self.assertIn("additional properties 'unheardOf' not allowed", result.stderr, path)

    def test_have_a_comment_or_a_name_that_says_enough_and_a_place_in_the_schema(self):
        schema = json.loads((CHART / "values.schema.json").read_text())
        defaults = yaml.safe_load((CHART / "values.yaml").read_text())
        self.assertEqual(schema["properties"].keys() - {"global"}, defaults.keys())


class TheSettings(unittest.TestCase):
    def test_are_those_of_the_service_and_all_of_them(self):
        readme = (ROOT / "README.md").read_text()
        known = set(re.findall(r"^\| `--[-a-z]+` \| `([A-Z_]+)` \|", readme, re.MULTILINE))
        self.assertGreater(len(known), 30)
        given = set()
        for _, _, rendered in everything():
            for deployment in (item for item in rendered if item["kind"] == "Deployment"):
                (container,) = deployment["spec"]["template"]["spec"]["containers"]
                names = [entry["name"] for entry in container["env"]]
                self.assertEqual(len(names), len(set(names)))
                given |= set(names)
        ours = {name for name in given if name.startswith("BILLING_PORTAL_") or name == "DATABASE_URL"}
        self.assertEqual(ours, known)

    def test_reach_the_directory_as_they_say(self):
        for path, url in [
            (ISTIO, "postgres://billing_portal@directory.db.svc.cluster.local:5432/product?sslmode=verify-full"),
            (ALL, "postgres://billing_portal@directory.example.com:5432/product?sslmode=verify-full&sslrootcert=/etc/billing-portal/database-ca/ca.crt"),
        ]:
            self.assertIn(f'DATABASE_URL, value: "{url}"', text(path))
        self.assertIn("sslmode=disable", text(ISTIO, "database.sslMode=disable"))

    def test_divide_stripes_rate_by_the_pods_that_can_exist_at_once(self):
        for settings, rate in [
            ([], 6),  # 20 by 2 replicas and 1 of a roll-out
            (["replicas=4"], 4),
            (["rollout.maxSurge=2"], 5),
            (["autoscaling.enabled=true", "autoscaling.maxReplicas=9"], 2),
            (["canary.enabled=true", "canary.image.tag=v2"], 4),
            (["replicas=19"], 1),
        ]:
            self.assertIn(f'BILLING_PORTAL_STRIPE_RATE, value: "{rate}"', text(ISTIO, *settings), settings)

    def test_write_the_flag_as_flagd_reads_it(self):
        (disabled,) = objects(ISTIO, "flag.disabled=true", kind="ConfigMap")
        self.assertEqual(json.loads(disabled["data"]["flags.json"])["flags"]["billing-portal"]["state"], "DISABLED")
        for settings, default, targeting in [
            (["flag.tenants=[]"], "off", None),
            (["flag.tenants=[]", "flag.everyone=true"], "on", None),
            ([], "off", {"if": [{"in": [{"var": "targetingKey"}, ["our-own"]]}, "on", "off"]}),
        ]:
            (flags,) = objects(ISTIO, *settings, kind="ConfigMap")
            flag = json.loads(flags["data"]["flags.json"])["flags"]["billing-portal"]
            self.assertEqual((flag["state"], flag["variants"]), ("ENABLED", {"on": True, "off": False}))
            self.assertEqual((flag["defaultVariant"], flag.get("targeting")), (default, targeting), settings)


class Names(unittest.TestCase):
    def test_are_short_enough_and_no_two_objects_share_one(self):
        long = "a" * 53  # Helm's own limit
        for path in EXAMPLES:
            rendered = helm("template", long, CHART, "--values", path).stdout
            seen = [
                (item["apiVersion"], item["kind"], item["metadata"]["name"])
                for item in yaml.safe_load_all(rendered)
                if item
            ]
            self.assertEqual(len(seen), len(set(seen)), path.name)
            self.assertLessEqual(max(len(name) for _, _, name in itertools.chain(seen)), 63, path.name)


if __name__ == "__main__":
    unittest.main()
