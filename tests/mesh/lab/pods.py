"""What a kubelet and the controllers of a Deployment do, with processes in place of containers.

The pods are made from the chart's own template: its labels, annotations and arguments, and the objects that its volumes
name. Only what ties the service to this machine is set otherwise.
"""

import base64
import itertools
import json
import os
import threading
import time

from lab.cluster import apply, kubectl, objects
from lab.load import serving
from lab.programs import WORK, start, until
from lab.sidecar import Sidecar, ingress

# Which program a version is; both are the same where no other one was given.
BINARIES = {"v1": os.environ["PREVIOUS_BINARY"], "v2": os.environ["BILLING_PORTAL_BINARY"]}
PORT = 50051
_numbers = itertools.count(11)

# What Istio's injector adds to a pod.
INJECTED = {"security.istio.io/tlsMode": "istio", "service.istio.io/canonical-revision": "latest"}


class Volume:
    """A folder that follows a ConfigMap or a Secret as the kubelet's do: a new folder, then one atomic swap of a link."""

    def __init__(self, folder, namespace, kind, name):
        self.folder, self._object, self._version = folder, (kind, name, "-n", namespace), None
        self.folder.mkdir(parents=True)
        self.sync()

    def sync(self):
        """When the swap was made, if there was anything to swap."""
        found = objects(*self._object)
        version, secret = found["metadata"]["resourceVersion"], found["kind"] == "Secret"
        if version == self._version:
            return None
        self._version = version
        data = self.folder / f"..{version}"
        data.mkdir()
        for name, text in found.get("data", {}).items():
            (data / name).write_text(base64.b64decode(text).decode() if secret else text)
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        (self.folder / "..next").symlink_to(data.name)
        os.replace(self.folder / "..next", self.folder / "..data")
        return time.time()


class Pod:
    """A process of the service with its sidecar, and the Pod object that stands for both."""

    def __init__(self, deployment, otherwise):
        template, metadata = deployment["spec"]["template"], deployment["metadata"]
        number = next(_numbers)
        self.namespace, self.name = metadata["namespace"], f"{metadata['name']}-{number}"
        self.address, self.leaving = f"10.244.0.{number}", False
        self.template, self._port = template, 20000 + number
        self.container = template["spec"]["containers"][0]
        self.version = self.container["image"].rpartition(":")[2]
        self.folder = WORK / "pods" / self.name
        self.volumes = [Volume(self.folder / name, self.namespace, *source) for name, source in self._sources()]
        self._create(template)
        annotations = template["metadata"]["annotations"]
        labels = {**template["metadata"]["labels"], **INJECTED, "lab/pod": self.name}
        account = template["spec"]["serviceAccountName"]
        config = annotations.get("proxy.istio.io/config", "")
        ingress(self.name, self.namespace, self.address, PORT, self._port)
        self.sidecar = Sidecar(self.name, self.namespace, account, self.address, labels, config)
        # As the annotation holdApplicationUntilProxyStarts has it.
        self.sidecar.wait_ready()
        self._start(otherwise)
        until(f"{self.name} to serve", lambda: serving(f"127.0.0.1:{self._port}"))
        self._ready()

    def _sources(self):
        for volume in self.template["spec"]["volumes"]:
            if "configMap" in volume:
                yield volume["name"], ("configmap", volume["configMap"]["name"])
            else:
                yield volume["name"], ("secret", volume["secret"]["secretName"])

    def _create(self, template):
        metadata = {"name": self.name, "namespace": self.namespace, "annotations": template["metadata"]["annotations"]}
        metadata["labels"] = {**template["metadata"]["labels"], **INJECTED, "lab/pod": self.name}
        spec = {**template["spec"], "nodeName": "lab"}
        apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        status = {"phase": "Pending", "podIP": self.address, "podIPs": [{"ip": self.address}]}
        self._status({**status, "hostIP": "10.244.0.1"})

    def _ready(self):
        conditions = [{"type": kind, "status": "True"} for kind in ("Initialized", "ContainersReady", "Ready")]
        self._status({"phase": "Running", "conditions": conditions})

    def _status(self, status):
        patch = json.dumps({"status": status})
        kubectl("patch", "pod", self.name, "-n", self.namespace, "--subresource=status", "--type=merge", "-p", patch)

    def _start(self, otherwise):
        variables = {each["name"]: self._here(each["value"]) for each in self.container["env"]}
        variables |= {"BILLING_PORTAL_LISTEN": f"127.0.0.1:{self._port}", **otherwise}
        variables = {name: value for name, value in variables.items() if value is not None}
        self.audit = self.folder / "audit.jsonl"
        with open(self.audit, "wb") as audit:
            self.process = start(self.name, [BINARIES[self.version]], env=variables, stdout=audit)

    def _here(self, value):
        for mount in self.container["volumeMounts"]:
            value = value.replace(mount["mountPath"] + "/", f"{self.folder / mount['name']}/")
        return value

    def end(self):
        """As a kubelet ends a pod with a native sidecar: the service after its preStop sleep, and the proxy after the service."""
        time.sleep(self.container["lifecycle"]["preStop"]["sleep"]["seconds"])
        self.process.terminate()
        self.code = self.process.wait(timeout=self.template["spec"]["terminationGracePeriodSeconds"])
        self.sidecar.stop()
        kubectl("delete", "pod", self.name, "-n", self.namespace, "--grace-period=0", "--force")


class Track:
    """A Deployment and its Service: one replica, and a new one is ready before the old one is asked to end."""

    def __init__(self, name, namespace, otherwise):
        self.name, self.namespace, self._otherwise = name, namespace, otherwise
        self.pods, self.all, self._ending = [], [], []

    def roll(self):
        """Brings the pods to the Deployment's template; those that had to go, whose end goes on meanwhile."""
        deployment = objects("deployment", self.name, "-n", self.namespace)
        if self.pods and self.pods[-1].template == deployment["spec"]["template"]:
            return []
        old, new = self.pods, Pod(deployment, self._otherwise)
        self.pods = [new]
        self.all.append(new)
        self._publish([*old, new])
        self._end(old)
        self._publish([*old, new])
        return old

    def remove(self):
        """Ends the pods of a Deployment that is gone."""
        old, self.pods = self.pods, []
        self._end(old)
        self._publish(old)

    def _end(self, pods):
        for pod in pods:
            kubectl("delete", "pod", pod.name, "-n", self.namespace, "--wait=false")
            pod.leaving = True
            self._ending.append(threading.Thread(target=pod.end))
            self._ending[-1].start()

    def wait_ended(self):
        """Until all that had to go are gone."""
        for thread in self._ending:
            thread.join()
        self._publish(self.pods)

    def sync(self):
        """What the kubelet does at once when a pod is annotated: when the files changed."""
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
    conditions = {"ready": not pod.leaving, "serving": True, "terminating": pod.leaving}
    target = {"kind": "Pod", "name": pod.name, "namespace": pod.namespace}
    return {"addresses": [pod.address], "conditions": conditions, "targetRef": target}
