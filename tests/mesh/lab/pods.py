"""Does the work of a kubelet and of the controllers of a Deployment, with processes instead of containers.

Pods are created from the chart's own template, with its labels, annotations and arguments, and with the objects that its
volumes name. Only settings that depend on this machine are overridden.
"""

import base64
import itertools
import json
import os
import threading
import time

from lab.cluster import apply, get_object, kubectl
from lab.load import is_serving
from lab.programs import WORK, start, wait_for
from lab.sidecar import Sidecar, create_ingress

# The program of each version. Both are the same unless --previous names another one.
BINARIES = {"v1": os.environ["PREVIOUS_BINARY"], "v2": os.environ["BILLING_PORTAL_BINARY"]}
PORT = 50051
_numbers = itertools.count(11)

# Labels that Istio's injector adds to a pod.
INJECTED_LABELS = {"security.istio.io/tlsMode": "istio", "service.istio.io/canonical-revision": "latest"}


class Volume:
    """A folder with the content of a ConfigMap or Secret, updated by an atomic swap of a symlink as a kubelet does."""

    def __init__(self, folder, namespace, kind, name):
        self.folder, self._object, self._version = folder, (kind, name, "-n", namespace), None
        self.folder.mkdir(parents=True)
        self.sync()

    def sync(self):
        """Updates the folder if the object has changed. Returns the time of the swap, or None."""
        source = get_object(*self._object)
        version, is_secret = source["metadata"]["resourceVersion"], source["kind"] == "Secret"
        if version == self._version:
            return None
        self._version = version
        data = self.folder / f"..{version}"
        data.mkdir()
        for name, text in source.get("data", {}).items():
            (data / name).write_text(base64.b64decode(text).decode() if is_secret else text)
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        (self.folder / "..next").symlink_to(data.name)
        os.replace(self.folder / "..next", self.folder / "..data")
        return time.time()


class Pod:
    """A process of the service with its sidecar, and the Pod object that represents both."""

    def __init__(self, deployment, overrides):
        template, metadata = deployment["spec"]["template"], deployment["metadata"]
        number = next(_numbers)
        self.namespace, self.name = metadata["namespace"], f"{metadata['name']}-{number}"
        self.address, self.terminating = f"10.244.0.{number}", False
        self.template, self._port = template, 20000 + number
        self.container = template["spec"]["containers"][0]
        self.version = self.container["image"].rpartition(":")[2]
        self.folder = WORK / "pods" / self.name
        self.volumes = [Volume(self.folder / name, self.namespace, *source) for name, source in self._sources()]
        self._create_object(template)
        annotations = template["metadata"]["annotations"]
        labels = {**template["metadata"]["labels"], **INJECTED_LABELS, "lab/pod": self.name}
        account = template["spec"]["serviceAccountName"]
        config = annotations.get("proxy.istio.io/config", "")
        create_ingress(self.name, self.namespace, self.address, PORT, self._port)
        self.sidecar = Sidecar(self.name, self.namespace, account, self.address, labels, config)
        # The same order as with holdApplicationUntilProxyStarts.
        self.sidecar.wait_ready()
        self._start(overrides)
        wait_for(f"{self.name} to serve", lambda: is_serving(f"127.0.0.1:{self._port}"))
        self._mark_ready()

    def _sources(self):
        for volume in self.template["spec"]["volumes"]:
            if "configMap" in volume:
                yield volume["name"], ("configmap", volume["configMap"]["name"])
            else:
                yield volume["name"], ("secret", volume["secret"]["secretName"])

    def _create_object(self, template):
        metadata = {"name": self.name, "namespace": self.namespace, "annotations": template["metadata"]["annotations"]}
        metadata["labels"] = {**template["metadata"]["labels"], **INJECTED_LABELS, "lab/pod": self.name}
        spec = {**template["spec"], "nodeName": "lab"}
        apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        status = {"phase": "Pending", "podIP": self.address, "podIPs": [{"ip": self.address}]}
        self._patch_status({**status, "hostIP": "10.244.0.1"})

    def _mark_ready(self):
        conditions = [{"type": kind, "status": "True"} for kind in ("Initialized", "ContainersReady", "Ready")]
        self._patch_status({"phase": "Running", "conditions": conditions})

    def _patch_status(self, status):
        patch = json.dumps({"status": status})
        kubectl("patch", "pod", self.name, "-n", self.namespace, "--subresource=status", "--type=merge", "-p", patch)

    def _start(self, overrides):
        variables = {entry["name"]: self._to_local_path(entry["value"]) for entry in self.container["env"]}
        variables |= {"BILLING_PORTAL_LISTEN": f"127.0.0.1:{self._port}", **overrides}
        variables = {name: value for name, value in variables.items() if value is not None}
        self.audit = self.folder / "audit.jsonl"
        with open(self.audit, "wb") as audit:
            self.process = start(self.name, [BINARIES[self.version]], env=variables, stdout=audit)

    def _to_local_path(self, value):
        for mount in self.container["volumeMounts"]:
            value = value.replace(mount["mountPath"] + "/", f"{self.folder / mount['name']}/")
        return value

    def terminate(self):
        """Terminates the pod as a kubelet does: the preStop sleep, then the service, then the native sidecar."""
        time.sleep(self.container["lifecycle"]["preStop"]["sleep"]["seconds"])
        self.process.terminate()
        self.exit_code = self.process.wait(timeout=self.template["spec"]["terminationGracePeriodSeconds"])
        self.sidecar.stop()
        kubectl("delete", "pod", self.name, "-n", self.namespace, "--grace-period=0", "--force")


class Track:
    """A Deployment with one replica, and its Service. A new pod is ready before the old one is terminated."""

    def __init__(self, name, namespace, overrides):
        self.name, self.namespace, self._overrides = name, namespace, overrides
        self.pods, self.all_pods, self._terminations = [], [], []

    def roll_out(self):
        """Replaces the pods if the Deployment's template has changed. Returns the old pods, which may still terminate."""
        deployment = get_object("deployment", self.name, "-n", self.namespace)
        if self.pods and self.pods[-1].template == deployment["spec"]["template"]:
            return []
        old, new = self.pods, Pod(deployment, self._overrides)
        self.pods = [new]
        self.all_pods.append(new)
        self._publish([*old, new])
        self._terminate(old)
        self._publish([*old, new])
        return old

    def remove(self):
        """Terminates the pods of a deleted Deployment."""
        old, self.pods = self.pods, []
        self._terminate(old)
        self._publish(old)

    def _terminate(self, pods):
        for pod in pods:
            kubectl("delete", "pod", pod.name, "-n", self.namespace, "--wait=false")
            pod.terminating = True
            self._terminations.append(threading.Thread(target=pod.terminate))
            self._terminations[-1].start()

    def wait_terminated(self):
        """Waits until all pods that were replaced or removed have terminated."""
        for thread in self._terminations:
            thread.join()
        self._publish(self.pods)

    def sync(self):
        """Updates the volumes, as a kubelet does when a pod is annotated. Returns the times of the changes."""
        return [when for pod in self.pods for volume in pod.volumes if (when := volume.sync())]

    def _publish(self, pods):
        metadata = {"name": f"{self.name}-lab", "namespace": self.namespace}
        metadata["labels"] = {"kubernetes.io/service-name": self.name}
        port = {"name": "grpc", "port": PORT, "protocol": "TCP", "appProtocol": "kubernetes.io/h2c"}
        endpoints = [_endpoint(pod) for pod in pods]
        apply(
            {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata}
            | {"addressType": "IPv4", "ports": [port], "endpoints": endpoints}
        )


def _endpoint(pod):
    conditions = {"ready": not pod.terminating, "serving": True, "terminating": pod.terminating}
    target = {"kind": "Pod", "name": pod.name, "namespace": pod.namespace}
    return {"addresses": [pod.address], "conditions": conditions, "targetRef": target}
