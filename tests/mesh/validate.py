"""Every example of values, on, off and with a canary: taken by a real API server, and found good by istioctl."""

import os
import sys
from pathlib import Path

from lab import cluster
from lab.cluster import apply, kubectl
from lab.programs import ROOT, WORK, environment, run

CHART, NAMESPACE = ROOT / "helm/billing-portal", "billing"
CANARY = ("mesh.traffic=canary", "canary.enabled=true", "canary.image.tag=v2")
VARIANTS = {"on": ("mesh.traffic=on",), "off": ("mesh.traffic=off",), "canary": CANARY}
# Kinds whose definitions are to be had as no package.
UNDEFINED = ("policy.linkerd.io/", "monitoring.coreos.com/")

# A namespace that refuses pods under Pod Security's restricted level, and warns of whatever would make some.
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


def main():
    cluster.network()
    cluster.start_api_server()
    cluster.install_crds(Path(os.environ["ISTIO_SOURCE"]), Path(os.environ["GATEWAY_API_SOURCE"]))
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
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}}
    apply(namespace)
    code, said = kubectl("apply", "--server-side", "--validate=strict", "-f", manifest, fails=True)
    if code or "Warning" in said:
        raise RuntimeError(f"{example.name}, {name}: {said}")
    is_istio = "linkerd" not in example.stem
    if is_istio:
        run("istioctl", "validate", "-f", manifest, env=environment())
        options = ("--use-kube=false", "--failure-threshold=Info", "-n", NAMESPACE)
        run("istioctl", "analyze", *options, manifest, env=environment())
    kubectl("delete", "-f", manifest, "--wait=true", "--ignore-not-found")
    count, left_out = len(said.splitlines()), len(documents) - len(known)
    verdicts = "applied, validated, analyzed" if is_istio else "applied"
    print(f"{example.stem}, {name}: {count} objects {verdicts}" + (f"; {left_out} without a definition" if left_out else ""))
    return count


if __name__ == "__main__":
    sys.exit(main())
