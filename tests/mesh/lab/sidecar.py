"""A proxy beside a program: Envoy under Istio's own agent, with a certificate that names the workload."""

import itertools
import json
import os
import shutil
from pathlib import Path

from lab.cluster import answers, apply
from lab.programs import WORK, environment, run, start, until

ENVOY = Path(os.environ["ENVOY"])
TEMPLATE = Path(os.environ["ISTIO_SOURCE"]) / "tools/packaging/common/envoy_bootstrap.json"
AUTHORITY = WORK / "authority"

# The agents' own ports are on every address, so each has another.
_numbers = itertools.count()


def make_authority():
    """The mesh's certificate authority, which in production is istiod."""
    AUTHORITY.mkdir()
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /O=cluster.local"
    run(*command.split(), "-keyout", AUTHORITY / "key.pem", "-out", AUTHORITY / "certificate.pem")


def _certificate(folder, identity):
    folder.mkdir(parents=True)
    request, extension = folder / "request.pem", f"subjectAltName=critical,URI:{identity}"
    command = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /"
    run(*command.split(), "-addext", extension, "-keyout", folder / "key.pem", "-out", request)
    sign = "openssl x509 -req -days 1 -CAcreateserial -copy_extensions copy"
    authority = ["-CA", AUTHORITY / "certificate.pem", "-CAkey", AUTHORITY / "key.pem"]
    run(*sign.split(), *authority, "-in", request, "-out", folder / "cert-chain.pem")
    shutil.copy(AUTHORITY / "certificate.pem", folder / "root-cert.pem")


class Sidecar:
    """The proxy of one pod. What comes in and goes out is said by a `Sidecar` object, as nothing is captured here."""

    def __init__(self, pod, namespace, account, address, labels, proxy_config=""):
        self.name, self.address = pod, address
        self.status_port, admin = 16000 + (number := next(_numbers)), 17000 + number
        self.folder = WORK / "sidecars" / pod
        identity = f"spiffe://cluster.local/ns/{namespace}/sa/{account}"
        _certificate(self.folder / "var/run/secrets/workload-spiffe-credentials", identity)
        bootstrap = TEMPLATE.read_text().replace("{{ .wildcard }}", address)
        (self.folder / "bootstrap.json").write_text(bootstrap)
        own = {
            "binaryPath": str(ENVOY),
            "configPath": str(self.folder / "proxy"),
            "discoveryAddress": "127.0.0.1:15010",
            "controlPlaneAuthPolicy": "NONE",
            "proxyAdminPort": admin,
            "statusPort": self.status_port,
        }
        # The injector puts the pod's annotation there; a JSON value is a YAML value, too.
        config = proxy_config + "\n" + "".join(f"{key}: {json.dumps(value)}\n" for key, value in own.items())
        variables = {
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
        command = ["pilot-agent", "proxy", "sidecar", "--concurrency=1", "--proxyLogLevel=warning"]
        command += [f"--domain={namespace}.svc.cluster.local", f"--templateFile={self.folder}/bootstrap.json"]
        self.process = start(f"sidecar-{pod}", command, env=environment(**variables), cwd=self.folder)

    def wait_ready(self):
        """Until the agent says that Envoy has all that it needs."""
        until(f"the sidecar of {self.name}", lambda: answers("127.0.0.1", self.status_port, "/healthz/ready"))

    def stop(self):
        """As a kubelet does; Envoy drains first."""
        self.process.terminate()
        return self.process.wait(timeout=90)


def ingress(pod, namespace, address, port, application):
    """What comes in at a pod's port goes to the program behind it."""
    listener = {"port": {"number": port, "protocol": "GRPC", "name": "grpc"}, "bind": address}
    spec = {"ingress": [{**listener, "defaultEndpoint": f"127.0.0.1:{application}"}], "egress": [{"hosts": ["./*"]}]}
    _sidecar_object(pod, namespace, spec)


def egress(pod, namespace, address, port, hosts):
    """What the program sends to an address goes to a service of the mesh."""
    listener = {"port": {"number": port, "protocol": "GRPC", "name": "grpc"}, "bind": address, "captureMode": "NONE"}
    _sidecar_object(pod, namespace, {"egress": [{**listener, "hosts": hosts}]})


def _sidecar_object(pod, namespace, spec):
    selector = {"workloadSelector": {"labels": {"lab/pod": pod}}}
    metadata = {"name": pod, "namespace": namespace}
    apply({"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": metadata, "spec": {**selector, **spec}})
