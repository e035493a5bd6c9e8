"""Runs the service as a process, with its own directory, keys, flag and Stripe server."""

import json
import os
import pathlib
import queue
import signal
import sqlite3
import subprocess
import tempfile
import threading

from stripe import KEY, StripeServer
from tokens import ISSUER, Key

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("BILLING_PORTAL_BINARY", str(ROOT / "target/debug/billing-portal"))
RETURN_URL = "https://app.example.com/settings"
FLAG = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on",
        "targeting": {"if": [{"==": [{"var": "targetingKey"}, "dark"]}, "off"]}}
TENANTS = [("acme", "cus_A"), ("globex", "cus_B"), ("dark", "cus_D"), ("initech", None)]
OWNERS = [("acme", "olivia"), ("globex", "greta"), ("dark", "dora"), ("initech", "ines")]


class World:
    """The files, database and Stripe server that the service uses, and the processes of the service."""

    def __init__(self, stripe: StripeServer | None = None) -> None:
        self.temporary = tempfile.TemporaryDirectory(prefix="billing-portal-conformance-")
        self.folder = pathlib.Path(self.temporary.name)
        self.stripe = stripe or StripeServer()
        self.key = Key("EdDSA", "key-1")
        self.processes: list[subprocess.Popen] = []
        self.log: list[dict] = []
        self.write_flag(FLAG)
        self.write_keys([self.key.jwk()])
        self.write("stripe.key", KEY)
        self.database = sqlite3.connect(self.folder / "directory.db", isolation_level=None, check_same_thread=False)
        self.database.execute("CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id text)")
        self.database.execute("CREATE TABLE billing_portal_owners (tenant_id text, user_id text)")
        self.reset()

    def reset(self) -> None:
        """Resets the directory and the Stripe server to their initial state."""
        self.stripe.reset()
        self.stripe.customers = {customer: tenant for tenant, customer in TENANTS if customer}
        self.set_tenants(TENANTS)
        self.set_owners(OWNERS)

    def set_tenants(self, rows: list[tuple]) -> None:
        self.database.execute("DELETE FROM billing_portal_tenants")
        self.database.executemany("INSERT INTO billing_portal_tenants VALUES (?, ?)", rows)

    def set_owners(self, rows: list[tuple]) -> None:
        self.database.execute("DELETE FROM billing_portal_owners")
        self.database.executemany("INSERT INTO billing_portal_owners VALUES (?, ?)", rows)

    def write(self, name: str, text: str) -> pathlib.Path:
        (self.folder / name).write_text(text)
        return self.folder / name

    def write_flag(self, flag: dict | None) -> None:
        self.write("flags.json", json.dumps({"flags": {"billing-portal": flag} if flag else {}}))

    def write_keys(self, keys: list[dict]) -> None:
        self.write("jwks.json", json.dumps({"keys": keys}))

    def settings(self, changes: dict[str, str | None]) -> list[str]:
        path = lambda name: str(self.folder / name)
        settings: dict[str, str | None] = {
            "listen": "127.0.0.1:0", "caller-identity": "none", "principal-jwks": path("jwks.json"),
            "principal-issuer": ISSUER, "return-url-origins": "https://app.example.com,http://127.0.0.1:3000",
            "database-url": f"sqlite:{path('directory.db')}", "flags-file": path("flags.json"),
            "stripe-secret-key-file": path("stripe.key"), "stripe-mode": "test", "stripe-api-base": self.stripe.origin,
            "stripe-session-hosts": self.stripe.origin, "audit": f"file:{path('audit.jsonl')}",
            "session-rate": "10000", "stripe-rate": "10000", "log-format": "json",
        }
        return [f"--{name}={value}" for name, value in (settings | changes).items() if value is not None]

    def run(self, changes: dict[str, str | None], **variables: str) -> subprocess.CompletedProcess:
        """Runs the service with an invalid setting, which makes it exit."""
        command = [BINARY, *self.settings(changes)]
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=20)

    def start(self, changes: dict[str, str | None] | None = None, **variables: str) -> str:
        """Starts the service and returns its address when it listens."""
        return self.start_program([BINARY, *self.settings(changes or {})], {"RUST_LOG": "billing_portal=trace"} | variables)

    def start_program(self, command: list[str], environment: dict[str, str]) -> str:
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.processes.append(process)
        listening: queue.Queue[str | None] = queue.Queue()

        def read() -> None:
            with process.stderr:
                for line in process.stderr:
                    entry = json.loads(line) if line.startswith("{") else {"message": line}
                    self.log.append(entry)
                    if entry.get("message") == "listening":
                        listening.put(entry["address"])
            listening.put(None)

        threading.Thread(target=read, daemon=True).start()
        address = listening.get(timeout=20)
        assert address, f"the service exited before it listened: {self.log}"
        return address

    def read_audit(self) -> list[dict]:
        path = self.folder / "audit.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def stop(self) -> int:
        process = self.processes.pop()
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=40)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.stripe.close()
        self.database.close()
        self.temporary.cleanup()
