"""The proxy of a workload, or a waypoint: Envoy under Istio's own agent, with a certificate for the workload's identity."""

import itertools
import json
import os
import shutil
from pathlib import Path

from lab.cluster import apply, responds_ok
from lab.programs import WORK, environment, run, start, wait_for

ENVOY = Path(os.environ["ENVOY"])
TEMPLATE = Path(os.environ["ISTIO_SOURCE"]) / "tools/packaging/common/envoy_bootstrap.json"
AUTHORITY = WORK / "authority"

# The agents bind their ports on all addresses, so each agent needs different ones.
_numbers = itertools.count()


def make_authority():
    """Creates the mesh's certificate authority. In production, istiod has this role."""
    AUTHORITY.mkdir()
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /O=cluster.local"
    run(*command.split(), "-keyout", AUTHORITY / "key.pem", "-out", AUTHORITY / "certificate.pem")


def create_certificate(folder, identity):
    """Creates a certificate for an identity, its key, and the root, with the names that the agent expects."""
    folder.mkdir(parents=True)
    request, extension = folder / "request.pem", f"subjectAltName=critical,URI:{identity}"
    command = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /"
    run(*command.split(), "-addext", extension, "-keyout", folder / "key.pem", "-out", request)
    sign = "openssl x509 -req -days 1 -CAcreateserial -copy_extensions copy"
    authority = ["-CA", AUTHORITY / "certificate.pem", "-CAkey", AUTHORITY / "key.pem"]
    run(*sign.split(), *authority, "-in", request, "-out", folder / "cert-chain.pem")
    shutil.copy(AUTHORITY / "certificate.pem", folder / "root-cert.pem")


class Sidecar:
    """The proxy of one pod. The lab does not capture traffic, so a `Sidecar` object defines the proxy's listeners."""

    def __init__(self, pod, namespace, account, address, labels, proxy_config="", role="sidecar", annotations=None, **variables):
        self.name, self.address = pod, address
        self.status_port, admin = 16000 + (number := next(_numbers)), 17000 + number
        self.folder = WORK / "sidecars" / pod
        identity = f"spiffe://cluster.local/ns/{namespace}/sa/{account}"
        create_certificate(self.folder / "var/run/secrets/workload-spiffe-credentials", identity)
        bootstrap = TEMPLATE.read_text().replace("{{ .wildcard }}", address)
        # Only Istio's own build of Envoy has this extension.
        bootstrap = bootstrap.replace("{{- if .metadata_discovery }}", "{{- if false }}")
        (self.folder / "bootstrap.json").write_text(bootstrap)
        # As the volume of a pod has them.
        (self.folder / "etc/istio/pod").mkdir(parents=True)
        lines = [f"{key}={json.dumps(value)}\n" for key, value in (annotations or {}).items()]
        (self.folder / "etc/istio/pod/annotations").write_text("".join(lines))
        settings = {
            "binaryPath": str(ENVOY),
            "configPath": str(self.folder / "proxy"),
            "discoveryAddress": "127.0.0.1:15010",
            "controlPlaneAuthPolicy": "NONE",
            "proxyAdminPort": admin,
            "statusPort": self.status_port,
        }
        # The injector adds the pod's annotation here. JSON values are valid YAML.
        config = proxy_config + "\n" + "".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items())
        variables |= {
            "POD_NAME": pod,
            "POD_NAMESPACE": namespace,
            "SERVICE_ACCOUNT": account,
            "INSTANCE_IP": address,
            "TRUST_DOMAIN": "cluster.local",
            "PROXY_CONFIG": config,
            "ISTIO_META_CLUSTER_ID": "Kubernetes",
            "ISTIO_META_INTERCEPTION_MODE": "NONE",
            "ISTIO_METAJSON_LABELS": json.dumps(labels),
        }
        command = ["pilot-agent", "proxy", role, "--concurrency=1", "--proxyLogLevel=warning"]
        command += [f"--domain={namespace}.svc.cluster.local", f"--templateFile={self.folder}/bootstrap.json"]
        self.process = start(f"sidecar-{pod}", command, env=environment(**variables), cwd=self.folder)

    def wait_ready(self):
        """Waits until the agent reports that Envoy is ready."""
        wait_for(f"the sidecar of {self.name}", lambda: responds_ok("127.0.0.1", self.status_port, "/healthz/ready"))

    def stop(self):
        """Stops the proxy as a kubelet does. Envoy drains first."""
        self.process.terminate()
        return self.process.wait(timeout=90)


def create_ingress(pod, namespace, address, port, local_port):
    """Forwards connections to the pod's port to the program's local port."""
    listener = {"port": {"number": port, "protocol": "GRPC", "name": "grpc"}, "bind": address}
    spec = {"ingress": [{**listener, "defaultEndpoint": f"127.0.0.1:{local_port}"}], "egress": [{"hosts": ["./*"]}]}
    _create_sidecar_object(pod, namespace, spec)


def create_egress(pod, namespace, address, port, hosts):
    """Forwards connections from the program to an address into the mesh."""
    listener = {"port": {"number": port, "protocol": "GRPC", "name": "grpc"}, "bind": address, "captureMode": "NONE"}
    _create_sidecar_object(pod, namespace, {"egress": [{**listener, "hosts": hosts}]})


def _create_sidecar_object(pod, namespace, spec):
    selector = {"workloadSelector": {"labels": {"lab/pod": pod}}}
    metadata = {"name": pod, "namespace": namespace}
    apply({"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": metadata, "spec": {**selector, **spec}})
