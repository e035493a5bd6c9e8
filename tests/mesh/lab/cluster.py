"""The API server with its etcd, the CRDs, and Istio's control plane."""

import http.client
import json
import secrets
import ssl
import threading
import time

from lab.programs import WORK, environment, run, start, wait_for

# Addresses of pods and services. `set_up_network` adds them to the loopback device, so that packets stay on this machine.
PODS, SERVICES = "10.244.0.0/16", "10.96.0.0/16"
KUBECONFIG = WORK / "kubeconfig"
TOKEN = secrets.token_urlsafe()

MESH = """
trustDomain: cluster.local
rootNamespace: istio-system
enableTracing: false
defaultProviders: {}
enableAutoMtls: true
outboundTrafficPolicy: { mode: REGISTRY_ONLY }
# The proxies' logs show which proxy refused a call, and why.
accessLogFile: /dev/stdout
accessLogEncoding: JSON
"""

# The lab's Envoy does not have Istio's own filters, and its certificates come from files.
ISTIOD = {
    "PILOT_CERT_PROVIDER": "none",
    "ENABLE_CA_SERVER": "false",
    "PILOT_ENABLE_ANALYSIS": "false",
    "PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER": "false",
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_DISABLE_MX_ALPN": "true",
    "POD_NAMESPACE": "istio-system",
    "POD_NAME": "istiod",
}


def set_up_network():
    """Adds the addresses of pods and services to the lab's network namespace."""
    run("ip", "link", "set", "lo", "up")
    for block in (PODS, SERVICES):
        run("ip", "address", "add", block, "dev", "lo")


def add_host_name(address, host):
    """Makes a host name resolve to an address, in the lab's mount namespace only."""
    hosts = WORK / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{address} {host}\n")
    run("mount", "--bind", hosts, "/etc/hosts")


def kubectl(*arguments, stdin=None, may_fail=False):
    """Runs kubectl with the operator's credentials."""
    return run("kubectl", *arguments, stdin=stdin, env=environment(KUBECONFIG=str(KUBECONFIG)), may_fail=may_fail)


def get_object(*arguments):
    """Returns the result of `kubectl get` as parsed JSON."""
    return json.loads(kubectl("get", *arguments, "-o", "json"))


def parse_manifests(manifests):
    """Returns the objects in a YAML text, without creating them."""
    listed = kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-", stdin=manifests)
    decoder, items = json.JSONDecoder(), []
    while listed := listed.lstrip():
        item, end = decoder.raw_decode(listed)
        items += item["items"] if item["kind"] == "List" else [item]
        listed = listed[end:]
    return items


def apply(*manifests):
    """Creates or updates objects that belong to the lab and not to the release."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(listed))


def start_api_server():
    """Starts etcd and the API server, and writes the operator's kubeconfig."""
    folder = WORK / "kubernetes"
    folder.mkdir(parents=True)
    etcd = ["etcd", "--data-dir", folder / "etcd", "--unsafe-no-fsync", "--log-level", "error"]
    start("etcd", etcd, env=environment())
    (folder / "tokens.csv").write_text(f'{TOKEN},operator,operator,"system:masters"\n')
    run("openssl", "genrsa", "-out", folder / "accounts.key", "2048")
    command = [
        "kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        "--bind-address=127.0.0.1",
        "--advertise-address=10.244.0.1",
        "--secure-port=6443",
        f"--cert-dir={folder}",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
        f"--token-auth-file={folder}/tokens.csv",
        f"--service-account-key-file={folder}/accounts.key",
        f"--service-account-signing-key-file={folder}/accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--endpoint-reconciler-type=none",
        f"--service-cluster-ip-range={SERVICES}",
    ]
    start("kube-apiserver", command, env=environment())
    wait_for("the API server's certificate", lambda: (folder / "apiserver.crt").exists())
    KUBECONFIG.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {
                        "name": "lab",
                        "cluster": {
                            "server": "https://127.0.0.1:6443",
                            "certificate-authority": str(folder / "apiserver.crt"),
                        },
                    }
                ],
                "users": [{"name": "operator", "user": {"token": TOKEN}}],
                "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "operator"}}],
                "current-context": "lab",
            }
        )
    )
    KUBECONFIG.chmod(0o600)
    wait_for("the API server", lambda: kubectl("get", "--raw", "/readyz") == "ok")


def install_crds(istio, gateway_api):
    """Installs the CRDs of Istio and the Gateway API from the Go modules that the programs were built from."""
    files = [istio / "manifests/charts/base/files/crd-all.gen.yaml"]
    files += sorted((gateway_api / "config/crd/standard").glob("gateway.networking.k8s.io_*s.yaml"))
    kubectl("apply", "--server-side", *[f"--filename={file}" for file in files if "vap" not in file.name])
    kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")


def start_istiod():
    """Starts Istio's control plane, in plain text on loopback."""
    (WORK / "mesh.yaml").write_text(MESH)
    command = [
        "pilot-discovery",
        "discovery",
        "--registries=Kubernetes",
        f"--kubeconfig={KUBECONFIG}",
        f"--meshConfig={WORK}/mesh.yaml",
        "--networksConfig=/dev/null",
        "--grpcAddr=127.0.0.1:15010",
        "--httpAddr=127.0.0.1:15080",
        "--monitoringAddr=127.0.0.1:15014",
        "--httpsAddr=",
        "--secureGRPCAddr=",
        "--caCertFile=",
    ]
    start("istiod", command, env=environment(**ISTIOD), cwd=WORK)
    wait_for("istiod", lambda: responds_ok("127.0.0.1", 15080, "/ready"))


def responds_ok(host, port, path):
    """Returns whether an HTTP server responds with status 200."""
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    finally:
        connection.close()


class Watch:
    """Records when the API server accepts changes of the objects under a path, independent of who makes them."""

    def __init__(self, path):
        context = ssl.create_default_context(cafile=str(WORK / "kubernetes" / "apiserver.crt"))
        connection = http.client.HTTPSConnection("127.0.0.1", 6443, context=context)
        connection.request("GET", f"{path}?watch=1", headers={"Authorization": f"Bearer {TOKEN}"})
        self._response = connection.getresponse()
        if self._response.status != 200:
            raise RuntimeError(f"{path}: {self._response.read()}")
        self._changes = []
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._response:
            now, event = time.time(), json.loads(line)
            with self._changed:
                self._changes.append((now, event["object"]["metadata"]["name"]))
                self._changed.notify_all()

    def wait_for_change(self, name, since):
        """Waits for the first change of an object after a time, and returns when it was accepted."""

        def first():
            return next((when for when, changed in self._changes if changed == name and when >= since), None)

        with self._changed:
            if not self._changed.wait_for(first, timeout=30):
                raise TimeoutError(f"timed out waiting for a change of {name}")
            return first()
