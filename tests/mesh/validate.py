"""Applies, validates, analyzes and injects what the chart renders for each example of values."""

import json
import os
import sys
from pathlib import Path

from lab import cluster
from lab.cluster import KUBECONFIG, apply, kubectl, parse_manifests
from lab.programs import ROOT, WORK, environment, run

CHART, NAMESPACE = ROOT / "helm/billing-portal", "billing"
CANARY = ("mesh.traffic=canary", "canary.enabled=true", "canary.image.tag=v2")
VARIANTS = {"on": ("mesh.traffic=on",), "off": ("mesh.traffic=off",), "canary": CANARY}
# API groups whose CRDs are not available as a package.
WITHOUT_CRD = ("policy.linkerd.io/", "monitoring.coreos.com/")

INJECTION = (("injectConfigFile", "config"), ("valuesFile", "values"), ("meshConfigFile", "mesh"))
# The namespace enforces the restricted Pod Security level, and warns about workloads whose pods would violate it.
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


def main():
    cluster.set_up_network()
    cluster.start_api_server()
    cluster.install_crds(Path(os.environ["ISTIO_SOURCE"]), Path(os.environ["GATEWAY_API_SOURCE"]))
    write_injection_files()
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}})
    total = 0
    for example in sorted((ROOT / "helm/examples").glob("*.yaml")):
        has_route = not any(text in example.read_text() for text in ("createPolicies: false", "provider: mtls"))
        variants = VARIANTS if has_route else {"unchanged": ()}
        for name, settings in variants.items():
            total += validate(example, name, settings)
    print(f"{total} objects accepted")


def validate(example, name, settings):
    """Returns how many objects the API server accepted. Raises an error if any tool reports a problem."""
    options = [part for value in settings for part in ("--set", value)]
    rendered = run("helm4", "template", "billing-portal", CHART, "-n", NAMESPACE, "-f", example, *options, env=environment())
    documents = [document for document in rendered.split("\n---\n") if "\nkind: " in document]
    known = [document for document in documents if not any(f"apiVersion: {group}" in document for group in WITHOUT_CRD)]
    manifest = WORK / "rendered.yaml"
    manifest.write_text("\n---\n".join(known))
    code, output = kubectl("apply", "--server-side", "--validate=strict", "-f", manifest, may_fail=True)
    if code or "Warning" in output:
        raise RuntimeError(f"{example.name}, {name}: {output}")
    is_istio = example.stem not in ("linkerd", "mtls")
    if is_istio:
        run("istioctl", "validate", "-f", manifest, env=environment())
        flags = ("--use-kube=false", "--failure-threshold=Info", "-n", NAMESPACE)
        run("istioctl", "analyze", *flags, manifest, env=environment())
        problem = find_injection_problem(manifest, example)
        if problem:
            raise RuntimeError(f"{example.name}, {name}: {problem}")
    kubectl("delete", "-f", manifest, "--wait=true", "--ignore-not-found")
    count, skipped = len(output.splitlines()), len(documents) - len(known)
    results = "applied, validated, analyzed, injected" if is_istio else "applied"
    print(f"{example.stem}, {name}: {count} objects {results}" + (f"; {skipped} without a CRD skipped" if skipped else ""))
    return count


def write_injection_files():
    """Writes the injector's templates, values and mesh settings, as rendered by Istio's own chart."""
    chart = Path(os.environ["ISTIO_SOURCE"]) / "manifests/charts/istio-control/istio-discovery"
    templates = [f"--show-only=templates/{name}.yaml" for name in ("istiod-injector-configmap", "configmap")]
    rendered = run("helm4", "template", "istiod", chart, "-n", "istio-system", *templates, env=environment())
    data = {}
    for item in parse_manifests(rendered):
        data |= item["data"]
    for name in ("config", "values", "mesh"):
        (WORK / f"injection-{name}").write_text(data[name])


def find_injection_problem(manifest, example):
    """Injects the proxies with istioctl. Returns a description of the first problem, or None."""
    files = [f"--{flag}={WORK}/injection-{name}" for flag, name in INJECTION]
    command = ("istioctl", "kube-inject", "-f", manifest, *files)
    for item in parse_manifests(run(*command, env=environment(KUBECONFIG=str(KUBECONFIG)))):
        if item["kind"] not in ("Deployment", "Pod"):
            continue
        pod = item["spec"]["template"]["spec"] if item["kind"] == "Deployment" else item["spec"]
        containers = [container["name"] for container in pod.get("initContainers", [])]
        if "istio-ambient" in example.stem:
            if "istio-proxy" in containers:
                return f"a sidecar is injected in ambient mode: {containers}"
            continue
        position = containers.index("istio-proxy")
        proxy = pod["initContainers"][position]
        if proxy.get("restartPolicy") != "Always" or "check" in containers[:position]:
            name = item["metadata"]["name"]
            return f"{name}: the proxy is not a native sidecar or starts after the check: {containers}"
        if item["kind"] == "Pod":
            continue
        (service,) = pod["containers"]
        probes = [service[probe] for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
        if any("grpc" in probe for probe in probes):
            return f"a probe uses the gRPC port, but the kubelet does not have a client certificate: {probes}"
        config = {variable["name"]: variable.get("value") for variable in proxy["env"]}["PROXY_CONFIG"]
        if json.loads(config)["proxyHeaders"] != {"forwardedClientCert": "SANITIZE_SET"}:
            return f"the proxy does not sanitize the client certificate header: {config}"
    return None


if __name__ == "__main__":
    sys.exit(main())
