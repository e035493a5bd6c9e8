"""The whole lab: the cluster, a release of the chart, the page's backend, and others who want to call."""

import json
import os
from pathlib import Path

from lab import cluster, sidecar
from lab.cluster import apply, kubectl, objects
from lab.page import PAGE, STRIPE, Backend
from lab.pods import PORT, Track
from lab.programs import WORK, run
from lab.stripe import URL, Way
from lab.words import shell

BILLING, WEB = "billing", "web"
HOST = f"billing-portal.{BILLING}.svc.cluster.local"

# The chart's values: an operator's, but for a faster pace and one replica.
VALUES = {
    "image": {"repository": "registry.example.com/billing-portal"},
    "replicas": 1,
    "callers": [{"namespace": WEB, "serviceAccount": "settings"}],
    "mesh": {"provider": "istio"},
    "principal": {
        "issuer": "https://sign-in.settings.example",
        "jwksConfigMap": {"name": "login-keys", "key": "jwks.json"},
    },
    "returnUrlOrigins": ["https://app.example.com"],
    "database": {
        "host": "directory.example.com",
        "name": "app",
        "passwordSecret": {"name": "billing-portal-database", "key": "password"},
    },
    "stripe": {"mode": "test", "secretKeySecret": {"name": "billing-portal-stripe", "key": "stripe-key"}},
    "flag": {"everyone": True},
    "limits": {"sessionsPerMinute": 10000},
    "networkPolicy": {"databasePeers": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]},
}


class Caller:
    """A workload with a sidecar, and the address at which it reaches the service."""

    def __init__(self, name, namespace, account, address, listen, hosts):
        labels = {"app": name, "lab/pod": name}
        sidecar.egress(name, namespace, listen, PORT, hosts)
        self.address = f"{listen}:{PORT}"
        self.sidecar = sidecar.Sidecar(name, namespace, account, address, labels)
        self.sidecar.wait_ready()


class Mesh:
    """Started, and filled with the first release."""

    def __init__(self, chart, route):
        self.chart, self.route = Path(chart).resolve(), route
        cluster.network()
        cluster.start_api_server()
        cluster.install_crds(Path(os.environ["ISTIO_SOURCE"]), Path(os.environ["GATEWAY_API_SOURCE"]))
        names = ("istio-system", BILLING, WEB, "other")
        apply(*[{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names])
        cluster.start_istiod()
        sidecar.make_authority()
        (WORK / "values.json").write_text(json.dumps(VALUES))
        self.upgrade("v1")
        address = objects("service", "billing-portal", "-n", BILLING)["spec"]["clusterIP"]
        self.backend = Backend(os.environ["SETTINGS_PROGRAM"], f"http://{address}:{PORT}")
        self.stripe = Way()
        self._give_files()
        otherwise = self._otherwise()
        self.stable = Track("billing-portal", BILLING, otherwise)
        self.canary = Track("billing-portal-canary", BILLING, otherwise)
        self.stable.roll()
        # The backend's proxy takes what the backend sends to the service's own address; the others have one of their own.
        self.settings = Caller("settings", WEB, "settings", "10.244.1.1", address, [f"{BILLING}/*"])
        self.other = Caller("other", "other", "other", "10.244.1.2", "10.244.1.2", [f"{BILLING}/*"])
        smoke = "billing-portal-test"
        # `helm test` calls the service by its name.
        cluster.name("10.244.1.3", HOST)
        self.smoke = Caller("smoke", BILLING, smoke, "10.244.1.3", "10.244.1.3", [f"{BILLING}/*"])

    def _otherwise(self):
        """What ties the service to this machine: the page, the simulator of Stripe, and an embedded directory."""
        return {
            "BILLING_PORTAL_RETURN_URL_ORIGINS": PAGE,
            "BILLING_PORTAL_STRIPE_API_BASE": URL,
            "BILLING_PORTAL_STRIPE_SESSION_HOSTS": STRIPE,
            # Stripe itself allows 25 a second; the load is about the mesh.
            "BILLING_PORTAL_STRIPE_RATE": "1000",
            "BILLING_PORTAL_DATABASE_PASSWORD_FILE": None,
            "DATABASE_URL": f"sqlite:{self.backend.state}/directory.db",
        }

    def _give_files(self):
        """The objects that an operator makes: the keys of the login, and Stripe's key."""
        keys, secret = (self.backend.state / name for name in ("principal-jwks.json", "stripe-key"))
        metadata = {"namespace": BILLING}
        apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "name": "login-keys"}}
            | {"data": {"jwks.json": keys.read_text()}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {**metadata, "name": "billing-portal-stripe"}}
            | {"stringData": {"stripe-key": secret.read_text()}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {**metadata, "name": "billing-portal-database"}}
            | {"stringData": {"password": "not asked for: the directory is a file"}},
        )

    def upgrade(self, version, *settings, fails=False):
        """As an operator does; the values that are not named are the first ones."""
        values = [f"mesh.route={self.route}", f"image.tag={version}", *settings]
        chosen = [part for value in values for part in ("--set", value)]
        command = ["helm", "-n", BILLING, "upgrade", "--install", "billing-portal", self.chart, "-f", WORK / "values.json", *chosen]
        return run(*command, env=shell(), fails=fails)

    def kubectl(self, *arguments, stdin=None):
        return kubectl("-n", BILLING, *arguments, stdin=stdin)
