"""Every example of values, on, off and with a canary: taken by a real API server, found good by istioctl, and injected by it."""

import json
import os
import sys
from pathlib import Path

from lab import cluster
from lab.cluster import KUBECONFIG, apply, kubectl, parsed
from lab.programs import ROOT, WORK, environment, run

CHART, NAMESPACE = ROOT / "helm/billing-portal", "billing"
CANARY = ("mesh.traffic=canary", "canary.enabled=true", "canary.image.tag=v2")
VARIANTS = {"on": ("mesh.traffic=on",), "off": ("mesh.traffic=off",), "canary": CANARY}
# Kinds whose definitions are to be had as no package.
UNDEFINED = ("policy.linkerd.io/", "monitoring.coreos.com/")

INJECTION = (("injectConfigFile", "config"), ("valuesFile", "values"), ("meshConfigFile", "mesh"))
# A namespace that refuses pods under Pod Security's restricted level, and warns of whatever would make some.
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


def main():
    cluster.network()
    cluster.start_api_server()
    cluster.install_crds(Path(os.environ["ISTIO_SOURCE"]), Path(os.environ["GATEWAY_API_SOURCE"]))
    make_injection()
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}})
    taken = 0
    for example in sorted((ROOT / "helm/examples").glob("*.yaml")):
        variants = {"as it is": ()} if "createPolicies: false" in example.read_text() else VARIANTS
        for name, settings in variants.items():
            taken += validate(example, name, settings)
    print(f"{taken} objects were taken")


def validate(example, name, settings):
    """Says how many objects the server took; an error is anybody's complaint."""
    chosen = [part for value in settings for part in ("--set", value)]
    rendered = run("helm4", "template", "billing-portal", CHART, "-n", NAMESPACE, "-f", example, *chosen, env=environment())
    documents = [document for document in rendered.split("\n---\n") if "\nkind: " in document]
    known = [document for document in documents if not any(f"apiVersion: {group}" in document for group in UNDEFINED)]
    manifest = WORK / "rendered.yaml"
    manifest.write_text("\n---\n".join(known))
    code, said = kubectl("apply", "--server-side", "--validate=strict", "-f", manifest, fails=True)
    if code or "Warning" in said:
        raise RuntimeError(f"{example.name}, {name}: {said}")
    is_istio = "linkerd" not in example.stem
    if is_istio:
        run("istioctl", "validate", "-f", manifest, env=environment())
        options = ("--use-kube=false", "--failure-threshold=Info", "-n", NAMESPACE)
        run("istioctl", "analyze", *options, manifest, env=environment())
        wrong = inject(manifest)
        if wrong:
            raise RuntimeError(f"{example.name}, {name}: {wrong}")
    kubectl("delete", "-f", manifest, "--wait=true", "--ignore-not-found")
    count, left_out = len(said.splitlines()), len(documents) - len(known)
    verdicts = "applied, validated, analyzed, injected" if is_istio else "applied"
    print(f"{example.stem}, {name}: {count} objects {verdicts}" + (f"; {left_out} without a definition" if left_out else ""))
    return count


def make_injection():
    """What Istio's own chart tells its injector: templates, values, and the mesh's settings."""
    chart = Path(os.environ["ISTIO_SOURCE"]) / "manifests/charts/istio-control/istio-discovery"
    shown = [f"--show-only=templates/{name}.yaml" for name in ("istiod-injector-configmap", "configmap")]
    rendered = run("helm4", "template", "istiod", chart, "-n", "istio-system", *shown, env=environment())
    told = {}
    for item in parsed(rendered):
        told |= item["data"]
    for name in ("config", "values", "mesh"):
        (WORK / f"injection-{name}").write_text(told[name])


def inject(manifest):
    """Gives the pods their proxies, and says what is wrong with them then."""
    files = [f"--{flag}={WORK}/injection-{name}" for flag, name in INJECTION]
    command = ("istioctl", "kube-inject", "-f", manifest, *files)
    for item in parsed(run(*command, env=environment(KUBECONFIG=str(KUBECONFIG)))):
        if item["kind"] not in ("Deployment", "Pod"):
            continue
        pod = item["spec"]["template"]["spec"] if item["kind"] == "Deployment" else item["spec"]
        before = [each["name"] for each in pod["initContainers"]]
        proxy = pod["initContainers"][before.index("istio-proxy")]
        if proxy.get("restartPolicy") != "Always" or "check" in before[: before.index("istio-proxy")]:
            return f"the proxy of {item['metadata']['name']} starts too late, or ends too early: {before}"
        if item["kind"] == "Pod":
            continue
        (service,) = pod["containers"]
        asked = [service[probe] for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
        if any("grpc" in probe for probe in asked):
            return f"a kubelet without a certificate asks the port of the calls: {asked}"
        config = {each["name"]: each.get("value") for each in proxy["env"]}["PROXY_CONFIG"]
        if json.loads(config)["proxyHeaders"] != {"forwardedClientCert": "SANITIZE_SET"}:
            return f"a forged certificate header reaches the service: {config}"
    return None


if __name__ == "__main__":
    sys.exit(main())
