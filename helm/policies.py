"""What must hold in every object that the chart renders, and what it must refuse to render.

    helm/policies.py HELM
"""

import json
import pathlib
import subprocess
import sys

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parent
CHART, EXAMPLES = ROOT / "billing-portal", ROOT / "examples"
METRICS = (ROOT.parent / "src/metrics.rs").read_text()


def render(helm: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [helm, "template", "billing-portal", str(CHART), "--namespace", "billing", "--kube-version", "1.33.0", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def objects(text: str) -> list[dict]:
    return [item for item in yaml.safe_load_all(text) if item]


def of(kind: str, items: list[dict]) -> list[dict]:
    return [item for item in items if item["kind"] == kind]


OWN_GROUPS = ("istio.io", "linkerd.io", "gateway.networking.k8s.io", "monitoring.coreos.com")


def well_formed(items: list[dict]) -> None:
    """Kubernetes' own kinds, by its schemas, with unknown fields refused; the mesh's kinds have their schemas in its CRDs."""
    for item in items:
        if not item["apiVersion"].split("/")[0].endswith(OWN_GROUPS):
            kubernetes_validate.validate(item, "1.36", strict=True)


def check(items: list[dict], values: dict) -> None:
    well_formed(items)
    deployment = of("Deployment", items)[0]
    template, pod = deployment["spec"]["template"], deployment["spec"]["template"]["spec"]
    labels = template["metadata"]["labels"]
    for item in items:
        name = item["metadata"]["name"]
        assert len(name) <= 63, name
        text = json.dumps(item)
        assert item["kind"] != "Secret" and "sk_live" not in text and "sk_test" not in text, name
        assert '"*"' not in text or item["kind"] not in ("AuthorizationPolicy", "MeshTLSAuthentication"), name
    for container in pod["containers"] + pod.get("initContainers", []):
        restricted(container)
    for test in of("Pod", items):
        restricted(test["spec"]["containers"][0])
    main = pod["containers"][0]
    assert not [item for item in main["env"] if "KEY" in item["name"] or "PASSWORD" in item["name"]]
    assert not [mount for mount in main["volumeMounts"] if "subPath" in mount], "a subPath follows no ConfigMap"
    assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False
    sleep, drain = main["lifecycle"]["preStop"]["sleep"]["seconds"], argument(main, "drain-timeout")
    assert pod["terminationGracePeriodSeconds"] >= sleep + int(drain.removesuffix("s")) + 5
    assert argument(main, "caller-identity") == values["mesh"]["provider"]
    replicas = values.get("autoscaling", {}).get("maxReplicas") or deployment["spec"].get("replicas", 2)
    assert int(argument(main, "stripe-rate")) * (replicas + 1) <= 25
    selecting(items, labels)
    routes(items, values)
    if values["mesh"]["provider"] == "istio":
        istio(items, template)


def restricted(container: dict) -> None:
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"] and security["runAsNonRoot"], container["name"]
    assert not security["allowPrivilegeEscalation"] and security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}


def argument(container: dict, name: str) -> str:
    [value] = [item.split("=", 1)[1] for item in container["args"] if item.startswith(f"--{name}=")]
    return value


def selecting(items: list[dict], labels: dict) -> None:
    """A selector that matches nothing is caught by no schema."""
    for item in items:
        spec = item.get("spec", {})
        selectors = [spec.get("selector", {}).get("matchLabels") if isinstance(spec.get("selector"), dict) else None,
                     (spec.get("podSelector") or {}).get("matchLabels")]
        if item["kind"] == "Service" and not item["metadata"]["name"].endswith("-off"):
            selectors = [spec["selector"]]
        for selector in filter(None, selectors):
            assert selector.items() <= labels.items(), item["metadata"]["name"]
    names = {(item["kind"], item["metadata"]["name"]) for item in items}
    for item in of("AuthorizationPolicy", items):
        for reference in [item["spec"].get("targetRef"), *item["spec"].get("requiredAuthenticationRefs", [])]:
            assert not reference or (reference["kind"], reference["name"]) in names, reference


def routes(items: list[dict], values: dict) -> None:
    [service] = [item["metadata"]["name"] for item in of("Service", items) if "selector" in item["spec"]]
    virtual = of("VirtualService", items)
    parents = [route for route in of("GRPCRoute", items) if route["spec"]["parentRefs"][0]["kind"] == "Service"]
    assert len(virtual) + len(parents) == 1, "one route object, never both"
    traffic = values["mesh"].get("traffic", "on")
    for route in virtual:
        [http] = route["spec"]["http"]
        assert http["retries"] == {"attempts": 0}
        assert ("fault" in http) == (traffic == "off")
        weights = [target.get("weight", 100) for target in http["route"]]
        assert sum(weights) == 100 and len(weights) == (2 if traffic == "canary" else 1)
    for route in parents:
        [rule] = route["spec"]["rules"]
        backends = rule["backendRefs"]
        assert backends and all(backend.get("weight", 1) > 0 for backend in backends)
        assert (service in [backend["name"] for backend in backends]) == (traffic != "off")
        if traffic == "off":
            assert ("Service", backends[0]["name"]) in {(item["kind"], item["metadata"]["name"]) for item in items}
        if values["mesh"]["provider"] == "istio":
            assert '"x-envoy-max-retries", "value": "0"' in json.dumps(rule["filters"]), "a mesh's retries are sessions"


def istio(items: list[dict], template: dict) -> None:
    proxy = yaml.safe_load(template["metadata"]["annotations"]["proxy.istio.io/config"])
    assert proxy["proxyHeaders"] == {"forwardedClientCert": "SANITIZE_SET"}
    assert of("PeerAuthentication", items)[0]["spec"]["mtls"] == {"mode": "STRICT"}
    [policy] = of("AuthorizationPolicy", items)
    caller, smoke = policy["spec"]["rules"]
    assert caller["from"] == [{"source": {"principals": ["cluster.local/ns/web/sa/settings"]}}]
    assert all("billing.portal.v1" not in path for path in smoke["to"][0]["operation"]["paths"])
    outlier = of("DestinationRule", items)[0]["spec"]["trafficPolicy"]["outlierDetection"]
    assert outlier["consecutive5xxErrors"] == 0 and outlier["consecutiveGatewayErrors"] == 0


REFUSED = [
    ("mesh.provider=none", "provider"), ("mesh.caller.namespace=*", "namespace"), ("mesh.caller.serviceAccount=", "serviceAccount"),
    ("returnUrlOrigins[0]=http://app.example.com", "returnUrlOrigins"), ("returnUrlOrigins[0]=https://*.example.com", "returnUrlOrigins"),
    ("returnUrlOrigins[0]=https://app.example.com/", "returnUrlOrigins"), ("replicas=0", "replicas"), ("unknown=1", "unknown"),
    ("stripe.ratePerSecond=26", "ratePerSecond"), ("stripe.ratePerSecond=2", "less than one open a second"),
    ("stripe.mode=both", "mode"), ("stripe.keySecret=", "keySecret"), ("stripe.portalConfiguration=cus_1", "portalConfiguration"),
    ("database.url=postgres://u:p@db/app?sslmode=verify-full", "url"), ("database.url=postgres://u@db/app?sslmode=prefer", "url"),
    ("database.url=postgres://u@db/app", "url"), ("database.url=sqlite:x", "url"), ("mesh.traffic=canary", "service"),
    ("mesh.traffic=half", "traffic"), ("mesh.route=both", "route"), ("drain.preStopSeconds=0", "preStopSeconds"),
    ("limits.deadline=0s", "deadline"), ("principal.jwks.url=http://login.example.com", "jwks"), ("principal.jwks.configMap=x", "jwks"),
    ("principal.clockSkew=6s", "clockSkew"), ("image.digest=sha256:1", "digest"), ("flag.definition.variants.on=yes", "variants"),
]


def main(helm: str) -> None:
    for example in sorted(EXAMPLES.glob("*.yaml")):
        lint = subprocess.run([helm, "lint", "--strict", str(CHART), "-f", str(example)], capture_output=True, text=True)
        assert lint.returncode == 0, lint.stdout + lint.stderr
        rendered = render(helm, "-f", str(example))
        assert rendered.returncode == 0, f"{example.name}: {rendered.stderr}"
        check(objects(rendered.stdout), yaml.safe_load(example.read_text()))
    for setting, named in REFUSED:
        refused = render(helm, "-f", str(EXAMPLES / "istio.yaml"), "--set", setting)
        assert refused.returncode != 0 and named in refused.stderr, f"{setting}: {refused.stderr or 'was rendered'}"
    for spelling, fault in [("off", True), ("false", True), ("on", False), ("true", False)]:
        rendered = render(helm, "-f", str(EXAMPLES / "istio.yaml"), "--set", f"mesh.traffic={spelling}", "--set", "mesh.trustDomain=td")
        assert rendered.returncode == 0, rendered.stderr
        [route] = of("VirtualService", objects(rendered.stdout))
        assert ("fault" in route["spec"]["http"][0]) == fault, spelling
        assert route["spec"]["hosts"] == ["billing-portal.billing.svc.cluster.local"], "a trust domain is no cluster's domain"
    bare = render(helm)
    assert bare.returncode != 0, "what is required has no default"
    used()
    print(f"chart: {len(list(EXAMPLES.glob('*.yaml')))} examples, {len(REFUSED)} values refused")


def used() -> None:
    """Alerts and dashboard name what the service counts, as a collector hands it to Prometheus."""
    counted = set()
    for line in METRICS.splitlines():
        name = line.strip().strip('",')
        if name.startswith("billing_portal.") and " " not in name:
            counted.add(name.replace(".", "_"))
    text = (CHART / "alerts.yaml").read_text() + (CHART / "dashboard.json").read_text()
    words = {word for word in "".join(c if c.isalnum() or c == "_" else " " for c in text).split() if word.startswith("billing_portal_")}
    for word in words:
        bare = word.removesuffix("_total").removesuffix("_ratio")
        assert bare in counted or any(name.endswith(bare) for name in METRICS.replace(".", "_").split('"')), word


if __name__ == "__main__":
    main(sys.argv[1])
