"""The whole lab: the cluster, a release of the chart, the settings backend, and other callers."""

import json
import os
from pathlib import Path

from lab import cluster, sidecar
from lab.cluster import apply, get_object, kubectl
from lab.page import PAGE, STRIPE, Backend
from lab.pods import PORT, Track
from lab.programs import WORK, run
from lab.runbook import operator_environment
from lab.stripe import URL, StripeProxy

BILLING, WEB = "billing", "web"
HOST = f"billing-portal.{BILLING}.svc.cluster.local"

# Typical values of the chart, except for a higher rate limit and a single replica.
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
    """A workload with a sidecar, and the address at which it reaches the service through it."""

    def __init__(self, name, namespace, account, address, listen, hosts):
        labels = {"app": name, "lab/pod": name}
        sidecar.create_egress(name, namespace, listen, PORT, hosts)
        self.address = f"{listen}:{PORT}"
        self.sidecar = sidecar.Sidecar(name, namespace, account, address, labels)
        self.sidecar.wait_ready()


class Mesh:
    """The running lab with the first release of the chart."""

    def __init__(self, chart, route):
        self.chart, self.route = Path(chart).resolve(), route
        cluster.set_up_network()
        cluster.start_api_server()
        cluster.install_crds(Path(os.environ["ISTIO_SOURCE"]), Path(os.environ["GATEWAY_API_SOURCE"]))
        names = ("istio-system", BILLING, WEB, "other")
        apply(*[{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names])
        cluster.start_istiod()
        sidecar.make_authority()
        (WORK / "values.json").write_text(json.dumps(VALUES))
        self.upgrade("v1")
        address = get_object("service", "billing-portal", "-n", BILLING)["spec"]["clusterIP"]
        self.backend = Backend(os.environ["SETTINGS_PROGRAM"], f"http://{address}:{PORT}")
        self.stripe = StripeProxy()
        self._create_keys_and_secrets()
        overrides = self._overrides()
        self.stable = Track("billing-portal", BILLING, overrides)
        self.canary = Track("billing-portal-canary", BILLING, overrides)
        self.stable.roll_out()
        # The proxy of the settings backend listens on the address of the Service, the other proxies on their own addresses.
        self.settings = Caller("settings", WEB, "settings", "10.244.1.1", address, [f"{BILLING}/*"])
        self.other = Caller("other", "other", "other", "10.244.1.2", "10.244.1.2", [f"{BILLING}/*"])
        smoke = "billing-portal-test"
        # `helm test` calls the service by its name.
        cluster.add_host_name("10.244.1.3", HOST)
        self.smoke = Caller("smoke", BILLING, smoke, "10.244.1.3", "10.244.1.3", [f"{BILLING}/*"])

    def _overrides(self):
        """Returns the settings that depend on this machine: the page, the Stripe simulator, and an embedded directory."""
        return {
            "BILLING_PORTAL_RETURN_URL_ORIGINS": PAGE,
            "BILLING_PORTAL_STRIPE_API_BASE": URL,
            "BILLING_PORTAL_STRIPE_SESSION_HOSTS": STRIPE,
            # Higher than Stripe's limit of 25 calls per second, because the load tests the mesh.
            "BILLING_PORTAL_STRIPE_RATE": "1000",
            "BILLING_PORTAL_DATABASE_PASSWORD_FILE": None,
            "DATABASE_URL": f"sqlite:{self.backend.state}/directory.db",
        }

    def _create_keys_and_secrets(self):
        """Creates the objects that an operator creates: the key set, the Stripe key and the database password."""
        keys, secret = (self.backend.state / name for name in ("principal-jwks.json", "stripe-key"))
        metadata = {"namespace": BILLING}
        apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "name": "login-keys"}}
            | {"data": {"jwks.json": keys.read_text()}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {**metadata, "name": "billing-portal-stripe"}}
            | {"stringData": {"stripe-key": secret.read_text()}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {**metadata, "name": "billing-portal-database"}}
            | {"stringData": {"password": "not used: the directory is a file"}},
        )

    def upgrade(self, version, *settings, may_fail=False):
        """Runs `helm upgrade` as an operator does. Values that are not in `settings` are those of the first release."""
        values = [f"mesh.route={self.route}", f"image.tag={version}", *settings]
        options = [part for value in values for part in ("--set", value)]
        command = ["helm", "-n", BILLING, "upgrade", "--install", "billing-portal", self.chart]
        command += ["-f", WORK / "values.json", *options]
        return run(*command, env=operator_environment(), may_fail=may_fail)

    def kubectl(self, *arguments, stdin=None):
        return kubectl("-n", BILLING, *arguments, stdin=stdin)
