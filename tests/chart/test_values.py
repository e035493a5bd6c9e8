"""Tests that invalid values are rejected with a message, and that values reach the settings of the service."""

import json
import re
import unittest

import yaml

from chart import (
    CHART,
    EXAMPLES,
    SETTINGS_PAGE,
    all_renders,
    example_path,
    helm,
    helm_template,
    in_parallel,
    render,
    render_objects,
)

ISTIO, LINKERD, MTLS, OWN, ALL = map(example_path, ("istio", "linkerd", "mtls", "own-policies", "everything"))

# Missing or contradictory values, with a part of the chart's failure message.
CHECKS = [
    (ISTIO, ["image.repository="], "image.repository is required"),
    (ISTIO, ["mesh.provider="], "mesh.provider is required"),
    (ISTIO, ["callers=[]"], "callers is required"),
    (ISTIO, ["principal.issuer="], "principal.issuer is required"),
    (ISTIO, ["principal.jwksUrl="], "set exactly one of principal.jwksUrl and principal.jwksConfigMap"),
    (ISTIO, ["principal.jwksConfigMap.name=keys", "principal.jwksConfigMap.key=jwks.json"], "set exactly one of"),
    (ISTIO, ["returnUrlOrigins=[]"], "returnUrlOrigins is required"),
    (ISTIO, ["database.host="], "database.host is required"),
    (ISTIO, ["database.passwordSecret.name="], "database.passwordSecret.name is required"),
    (ISTIO, ["stripe.mode="], "stripe.mode is required"),
    (ISTIO, ["stripe.secretKeySecret.name="], "stripe.secretKeySecret.name is required"),
    (ISTIO, ["networkPolicy.databasePeers=[]"], "pods cannot reach the database"),
    (ISTIO, ["telemetry.otlpEndpoint=http://collector:4317"], "pods cannot reach the collector"),
    (ISTIO, ["egressProxy.url=http://proxy:3128"], "pods cannot reach the proxy"),
    (
        ISTIO,
        ["egressProxy.url=http://proxy:3128", "egressProxy.urlSecret.name=proxy", "egressProxy.urlSecret.key=url"],
        "set only one of egressProxy.url and egressProxy.urlSecret",
    ),
    (ISTIO, ["flag.definition.flags.other.state=ENABLED", "flag.tenants=[]"], 'does not contain the flag "billing-portal"'),
    (ALL, ["flag.everyone=true"], "flag.definition cannot be combined"),
    (OWN, ["flag.everyone=true"], "flag.existingConfigMap cannot be combined"),
    (ISTIO, ["database.ownership=token", "database.ownersSql=SELECT 1"], "database.ownersSql cannot be combined"),
    (ISTIO, ["database.ownership=token", "principal.maxLifetimeSeconds=3601"], "requires database.ownership token-and-directory"),
    (LINKERD, ["mesh.route=virtualService"], "Linkerd does not support VirtualService"),
    (ISTIO, ["mesh.istio.mode=ambient"], "waypoints do not fully support VirtualService"),
    (OWN, ["mesh.istio.mode=ambient", "mesh.route=grpcRoute"], "a caller that bypasses the waypoint could forge its identity"),
    (OWN, ["mesh.traffic=off"], "the chart then creates no route"),
    (ISTIO, ["mesh.traffic=canary"], "would not reach any pod"),
    (ISTIO, ["mesh.provider=mtls"], "tls.secretName is required with mesh.provider mtls"),
    (MTLS, ["tls.clientCaSecret={}"], "set exactly one of tls.clientCaSecret and tls.clientCaConfigMap"),
    (MTLS, ["tls.clientCaConfigMap.name=ca", "tls.clientCaConfigMap.key=ca.crt"], "set exactly one of tls.clientCaSecret"),
    (MTLS, ["healthPort=0"], "healthPort is required with mesh.provider mtls"),
    (MTLS, ["mesh.traffic=off"], "there is no route"),
    (MTLS, ["mesh.traffic=canary", "canary.enabled=true", "canary.image.tag=v2"], "there is no route"),
    (MTLS, ["canary.enabled=true", "canary.image.tag=v2"], "there is no route"),
    (ISTIO, ["tls.secretName=certificate"], "tls has no effect without mesh.provider mtls"),
    (LINKERD, ["tls.clientCaConfigMap.name=ca", "tls.clientCaConfigMap.key=ca.crt"], "tls has no effect without"),
    (ISTIO, ['callers=[{"namespace":"web","identity":"settings.example.org"}]'], "requires mesh.provider mtls"),
    (ISTIO, ["mesh.externalHosts[0].port=5432"], "addresses are required for"),
    (ISTIO, ["canary.enabled=true"], "the canary would run the stable version"),
    (ISTIO, ["stripe.attemptTimeoutSeconds=11"], "must not exceed limits.deadlineSeconds"),
    (ISTIO, ["autoscaling.enabled=true", "autoscaling.minReplicas=9"], "autoscaling.minReplicas must not exceed"),
    (ISTIO, ["principal.jwksMaxAgeSeconds=60"], "the key set would expire before each refresh"),
    (ISTIO, ["replicas=20"], "less than one per second for each of the 21 pods"),
    (ISTIO, ["autoscaling.enabled=true", "autoscaling.maxReplicas=20"], "each of the 21 pods"),
    (ISTIO, ["replicas=17", "canary.enabled=true", "canary.image.tag=v2", "canary.replicas=2"], "each of the 21 pods"),
    (ISTIO, ["rollout.maxSurge=19"], "each of the 21 pods"),
    (ISTIO, ["limits.deadlineSeconds=26"], "would cut off calls before their deadline"),
    (ISTIO, ["mesh.traffic=canary", "mesh.canaryWeight=51", "canary.enabled=true", "canary.image.tag=v2"], "requires at least as many canary.replicas"),
    (ISTIO, ["autoscaling.enabled=true", "resources.requests.cpu=null"], "resources.requests.cpu is required"),
    (ALL, ["flag.definition.flags.other.state=ENABLED"], "must contain only the flag"),
    (ALL, ["flag.definition.flags.billing-portal.metadata.was=DISABLED"], "may appear only in the state of the flag"),
    (ISTIO, ["flag.key=ENABLED-portal"], "may appear only in the state of the flag"),
    (OWN, ["flag.disabled=true"], "set the flag's state to DISABLED in that ConfigMap"),
    (
        ISTIO,
        ["extraObjects[0].apiVersion=v1", "extraObjects[0].kind=List", "extraObjects[0].metadata.name=x"],
        "must not contain a List",
    ),
    (
        ISTIO,
        ["extraObjects[0].apiVersion=v1", "extraObjects[0].kind=Secret", "extraObjects[0].metadata.name=x"],
        "must not contain a Secret",
    ),
    (
        ISTIO,
        ["extraObjects[0].apiVersion=x/v1", "extraObjects[0].kind=GRPCRoute", "extraObjects[0].metadata.name=x"],
        "must not contain a GRPCRoute",
    ),
]

# Values that the schema rejects, with the location in its message. For invalid property names, the message is compared instead,
# because its location is not useful.
SCHEMA_ERRORS = [
    (["callers[0].serviceAccount=*"], "/callers/0/serviceAccount"),
    (["callers[0].namespace=*"], "/callers/0/namespace"),
    (["callers[0].namespace=web", "callers[0].serviceAccount=null"], "/callers/0"),
    (["callers[0].identity=settings.example.org"], "/callers/0"),
    (['callers=[{"namespace":"web"}]'], "/callers/0"),
    (['callers=[{"namespace":"web","identity":"spiffe://*/x"}]'], "/callers/0/identity"),
    (['callers=[{"namespace":"web","identity":"*.example.org"}]'], "/callers/0/identity"),
    (['callers=[{"namespace":"web","identity":"a,b"}]'], "/callers/0/identity"),
    (["mesh.smokeCaller.serviceAccount=*"], "/mesh/smokeCaller/serviceAccount"),
    (["mesh.smokeCaller.identity=smoke.example.org"], "/mesh/smokeCaller/identity"),
    (["mesh.smokeCaller.serviceAccount=null"], "/mesh/smokeCaller"),
    (["tls.secretName=UPPER"], "/tls/secretName"),
    (["tls.clientCaSecret.name=ca"], "/tls/clientCaSecret"),
    (["mesh.provider=consul"], "/mesh/provider"),
    (["mesh.route=both"], "/mesh/route"),
    (["mesh.istio.mode=both"], "/mesh/istio/mode"),
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
    (["principal.maxLifetimeSeconds=86401"], "/principal/maxLifetimeSeconds"),
    (["principal.tokenTypes=[]"], "/principal/tokenTypes"),
    (["principal.otherAudiences[0]="], "/principal/otherAudiences/0"),
    (["principal.tenantClaim=/o/~2"], "/principal/tenantClaim"),
    (["principal.tenantClaim=iss"], "/principal/tenantClaim"),
    (['principal.tokenTypes=["at jwt"]'], "/principal/tokenTypes/0"),
    (["principal.ownerRoles=[]"], "/principal/ownerRoles"),
    (["principal.ownerRoles[0]=*"], "/principal/ownerRoles/0"),
    (["principal.ownerRoles[0]=owner", "principal.ownerRoles[1]=owner"], "/principal/ownerRoles"),
    (["database.sslMode=prefer"], "/database/sslMode"),
    (["database.user=me:secret"], "/database/user"),
    (["database.host=h/x?sslmode=disable"], "/database/host"),
    (["database.host=a\\,"], "/database/host"),
    (["database.host=a\\,b\\,c\\,d\\,e\\,f\\,g"], "/database/host"),
    (["database.password=secret"], "/database"),
    (["stripe.secretKey=sk_test_x"], "/stripe"),
    (["stripe.apiHost=http://stripe"], "/stripe/apiHost"),
    (["stripe.portalConfiguration=cus_1"], "/stripe/portalConfiguration"),
    (["limits.deadlineSeconds=0"], "/limits/deadlineSeconds"),
    (["limits.maxConnections=0"], "/limits/maxConnections"),
    (["listenAddress=127.0.0.1"], "/listenAddress"),
    (["healthPort=50051"], "/healthPort"),
    (["healthPort=80"], "/healthPort"),
    (["egressProxy.url=http://user:secret@proxy:3128"], "/egressProxy/url"),
    (["egressProxy.url=socks5://proxy:1080"], "/egressProxy/url"),
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
    (["telemetry.otlpProtocol=http/json"], "/telemetry/otlpProtocol"),
    (["logLevel=verbose"], "/logLevel"),
    (["securityContext.runAsUser=0"], "'"),
]


def nested_maps(tree, path=()):
    """Yields the path of every map in the values."""
    yield path
    for key, member in tree.items():
        if isinstance(member, dict):
            yield from nested_maps(member, (*path, key))


class Values(unittest.TestCase):
    def test_missing_and_contradictory_values_fail_with_message(self):
        results = in_parallel(helm_template, [(path, *settings) for path, settings, _ in CHECKS])
        for (path, settings, message), result in zip(CHECKS, results, strict=True):
            self.assertNotEqual(result.returncode, 0, f"{path.name} {settings} was accepted")
            self.assertIn(message.lower(), result.stderr.lower(), f"{path.name} {settings}")

    def test_schema_rejects_unsafe_values(self):
        results = in_parallel(helm_template, [(ISTIO, *settings) for settings, _ in SCHEMA_ERRORS])
        for (settings, location), result in zip(SCHEMA_ERRORS, results, strict=True):
            self.assertNotEqual(result.returncode, 0, f"{settings} was accepted")
            self.assertIn(location if location.startswith("invalid") else f"at '{location}", result.stderr, settings)

    def test_schema_rejects_unknown_values_at_every_level(self):
        defaults = yaml.safe_load((CHART / "values.yaml").read_text())
        free_form = {
            ("flag", "definition"),
            ("telemetry", "resourceAttributes"),
            ("resources", "requests"),
            ("resources", "limits"),
        }
        free_form |= {("alerts", "labels"), ("dashboard", "labels")}
        free_form |= {(name,) for name in ("podAnnotations", "podLabels", "nodeSelector", "affinity")}
        free_form |= {("serviceAccount", "annotations")}
        paths = set(nested_maps(defaults)) - free_form
        self.assertGreater(len(paths), 30)
        # Helm reports every error, so one render has them all.
        errors = helm_template(ISTIO, *[".".join([*path, "unknownValue=1"]) for path in paths]).stderr
        for path in paths:
            location = "".join(f"/{key}" for key in path)
            self.assertIn(f"- at '{location}': additional properties 'unknownValue' not allowed", errors)

    def test_schema_declares_all_top_level_values(self):
        schema = json.loads((CHART / "values.schema.json").read_text())
        defaults = yaml.safe_load((CHART / "values.yaml").read_text())
        self.assertEqual(schema["properties"].keys() - {"global"}, defaults.keys())


class Settings(unittest.TestCase):
    def test_cover_all_settings_of_the_service(self):
        page = SETTINGS_PAGE.read_text()
        documented = set(re.findall(r"^\| `--[-a-z]+` \| `([A-Z_]+)` \|", page, re.MULTILINE))
        self.assertGreater(len(documented), 30)
        variables = set()
        for _, _, rendered in all_renders():
            for deployment in (item for item in rendered if item["kind"] == "Deployment"):
                (container,) = deployment["spec"]["template"]["spec"]["containers"]
                names = [entry["name"] for entry in container["env"]]
                self.assertEqual(len(names), len(set(names)))
                variables |= set(names)
        settings = {name for name in variables if name.startswith("BILLING_PORTAL_") or name == "DATABASE_URL"}
        self.assertEqual(settings, documented)

    def test_build_the_database_url(self):
        for path, url in [
            (ISTIO, "postgres://billing_portal@directory.db.svc.cluster.local:5432/product?sslmode=verify-full"),
            (ALL, "postgres://billing_portal@directory-1.example.com:5432,directory-2.example.com:5432/product?sslmode=verify-full&sslrootcert=/etc/billing-portal/database-ca/ca.crt"),
        ]:
            self.assertIn(f'DATABASE_URL, value: "{url}"', render(path))
        self.assertIn("sslmode=disable", render(ISTIO, "database.sslMode=disable"))

    def test_set_the_proxy_variables(self):
        for settings, https, no in [
            ([], None, None),
            (["egressProxy.url=http://proxy:3128"], {"value": "http://proxy:3128"}, None),
            (
                ["egressProxy.urlSecret.name=proxy", "egressProxy.urlSecret.key=url", "egressProxy.noProxy=a.test\\,::1"],
                {"valueFrom": {"secretKeyRef": {"name": "proxy", "key": "url"}}},
                {"value": "a.test,::1"},
            ),
        ]:
            (deployment,) = render_objects(ISTIO, "networkPolicy.enabled=false", *settings, kind="Deployment")
            (container,) = deployment["spec"]["template"]["spec"]["containers"]
            variables = {entry.pop("name"): entry for entry in container["env"]}
            self.assertEqual((variables.get("HTTPS_PROXY"), variables.get("NO_PROXY")), (https, no), settings)

    def test_divide_stripe_rate_by_maximum_number_of_pods(self):
        for settings, rate in [
            ([], 3),  # 10 in test mode, divided by 2 replicas and 1 surge pod
            (["stripe.mode=live"], 6),
            (["stripe.ratePerSecond=20"], 6),
            (["stripe.mode=live", "replicas=4"], 4),
            (["stripe.mode=live", "rollout.maxSurge=2"], 5),
            (["autoscaling.enabled=true", "autoscaling.maxReplicas=9"], 1),
            (["stripe.mode=live", "canary.enabled=true", "canary.image.tag=v2"], 4),
            (["stripe.mode=live", "replicas=19"], 1),
        ]:
            self.assertIn(f'BILLING_PORTAL_STRIPE_RATE, value: "{rate}"', render(ISTIO, *settings), settings)

    def test_set_the_protocol_and_percent_encode_resource_attributes(self):
        rendered = render(ALL, "telemetry.otlpProtocol=http/protobuf", "telemetry.resourceAttributes.share=50%")
        self.assertIn('OTEL_EXPORTER_OTLP_PROTOCOL, value: "http/protobuf"', rendered)
        self.assertIn("share=50%25", rendered)
        self.assertIn('OTEL_EXPORTER_OTLP_PROTOCOL, value: "grpc"', render(ALL))

    def test_render_the_flag_in_flagd_format(self):
        (disabled,) = render_objects(ISTIO, "flag.disabled=true", kind="ConfigMap")
        self.assertEqual(json.loads(disabled["data"]["flags.json"])["flags"]["billing-portal"]["state"], "DISABLED")
        for settings, default, targeting in [
            (["flag.tenants=[]"], "off", None),
            (["flag.tenants=[]", "flag.everyone=true"], "on", None),
            ([], "off", {"if": [{"in": [{"var": "targetingKey"}, ["our-own"]]}, "on", "off"]}),
        ]:
            (flags,) = render_objects(ISTIO, *settings, kind="ConfigMap")
            flag = json.loads(flags["data"]["flags.json"])["flags"]["billing-portal"]
            self.assertEqual((flag["state"], flag["variants"]), ("ENABLED", {"on": True, "off": False}))
            self.assertEqual((flag["defaultVariant"], flag.get("targeting")), (default, targeting), settings)


class Names(unittest.TestCase):
    def test_are_unique_and_at_most_63_characters(self):
        long = "a" * 53  # The maximum length of a release name in Helm
        for path in EXAMPLES:
            rendered = helm("template", long, CHART, "--values", path).stdout
            names = [
                (item["apiVersion"], item["kind"], item["metadata"]["name"])
                for item in yaml.safe_load_all(rendered)
                if item
            ]
            self.assertEqual(len(names), len(set(names)), path.name)
            self.assertLessEqual(max(len(name) for _, _, name in names), 63, path.name)


if __name__ == "__main__":
    unittest.main()
