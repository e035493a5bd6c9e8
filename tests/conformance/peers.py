"""One table for the service and its peers: the same codes, reasons and audit entries. Run by tests/peers."""

import json
import os
import pathlib
import subprocess
import time
import unittest
import urllib.request

from client import Client, Result
from service import FLAG, OWNERS, RETURN_URL, ROOT, TENANTS, World
from stripe import KEY
from tokens import ISSUER, Key

# Tenants whose customer at Stripe breaks a check, with the fault of the simulator.
FAULTS = {
    "deleted": "customer-deleted", "mode": "other-mode", "stranger": "other-customer", "return": "other-return-url",
    "host": "url-on-other-host", "unnamed": "metadata-absent", "down": "status-503", "key": "status-401",
}
FAULTY = [(tenant, f"cus_{tenant}") for tenant in FAULTS]
BROKEN = [("castor", "cus_Twins"), ("pollux", "cus_Twins"), ("double", "cus_1"), ("double", "cus_2"), ("malformed", "cus_../x"),
          ("swapped", "cus_swapped"), ("missing", "cus_missing")]
# Customers at Stripe, with the tenants recorded there.
CUSTOMERS = {customer: tenant for tenant, customer in [*TENANTS, *FAULTY] if customer} | {
    "cus_Twins": "castor", "cus_swapped": "globex"}


class Simulator:
    """The Stripe simulator as a process."""

    def __init__(self) -> None:
        arguments = []
        for customer, tenant in CUSTOMERS.items():
            account = {"id": customer, "name": f"Name of {customer}", "metadata": {"tenant_id": tenant}}
            arguments += ["--customer", json.dumps(account | ({"fault": FAULTS[tenant]} if tenant in FAULTS else {}))]
        binary = os.environ["STRIPE_SIMULATOR_BINARY"]
        self.process = subprocess.Popen([binary, "--listen", "127.0.0.1:0", "--secret-key", KEY, *arguments],
                                        stdout=subprocess.PIPE, text=True)
        self.origin = self.process.stdout.readline().strip().removeprefix("STRIPE_API_BASE=")

    def reset(self) -> None:
        """Nothing: the simulator keeps no state that a call depends on."""

    def count_connections(self) -> int:
        """Returns the number of connections of the last minute: the kernel remembers a closed one for this time."""
        port = f":{int(self.origin.rsplit(':', 1)[1]):04X}"
        rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()]
        # 0A is the listener. An open connection has a row for each end.
        return len({frozenset((row[1], row[2])) for row in rows if port in row[1] + row[2] and row[3] != "0A"})

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Table:
    """The tests. A subclass starts a program."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.world = World(Simulator())
        cls.addClassCleanup(cls.world.close)
        cls.world.set_tenants([*TENANTS, *BROKEN, *FAULTY])
        cls.world.set_owners([*OWNERS, *((tenant, "olivia") for tenant, _ in [*BROKEN, *FAULTY])])
        cls.client = Client(cls.start())
        cls.addClassCleanup(cls.client.close)

    @classmethod
    def start(cls) -> str:
        raise NotImplementedError

    def expect(self, case: str, result: Result, code: str, reason: str) -> None:
        with self.subTest(case=case):
            self.assertEqual(result.code_and_reason, (code, reason))
            self.assertRegex(result.request_id, "^[0-9a-f-]{36}$")
            self.assertEqual(result.retry_delay is not None, code == "UNAVAILABLE")
            outcome = self.world.read_audit()[-1]
            self.assertEqual((outcome["event"], outcome["request_id"], outcome["reason"], outcome["released"]),
                             ("outcome", result.request_id, reason, False))

    def test_owner_gets_the_portal_of_the_right_customer(self) -> None:
        for user, tenant, customer in [("olivia", "acme", "cus_A"), ("greta", "globex", "cus_B")]:
            result = self.client.create_session(self.world.key.token(user, tenant), displayed_tenant_id=tenant)
            with urllib.request.urlopen(result.url) as page:
                self.assertIn(f"Name of {customer}", page.read().decode())
            intent, outcome = self.world.read_audit()[-2:]
            self.assertEqual(intent["request_id"], outcome["request_id"])
            for entry in intent, outcome:
                known = {"rpc": "CreatePortalSession", "subject": user, "tenant": tenant, "role": "owner",
                         "customer": customer, "flow": "home"}
                self.assertEqual({name: entry[name] for name in known}, known)
            self.assertEqual((intent["event"], outcome["event"], outcome["reason"], outcome["released"]),
                             ("intent", "outcome", "OK", True))
            self.assertRegex(outcome["session"], "^bps_")

    def test_accepts_every_flow_and_locale(self) -> None:
        for fields in [{"locale": "de-AT"}, {"locale": "auto"}, {"locale": "xx"}, {"payment_method_update": {}},
                       {"customer_update": {}, "completed_url": f"{RETURN_URL}?done"}]:
            with self.subTest(fields=fields):
                self.assertEqual(self.client.create_session(self.world.key.token(), **fields).code_and_reason, ("OK", "OK"))

    def test_refuses_tokens(self) -> None:
        key, now = self.world.key, int(time.time())
        for case, token, reason in [
            ("no token", None, "TOKEN_MISSING"),
            ("bad signature", Key("EdDSA", "key-1").token(), "TOKEN_INVALID"),
            ("unknown key", Key("EdDSA", "key-2").token(), "TOKEN_INVALID"),
            ("expired", key.token(iat=now - 200, exp=now - 60), "TOKEN_EXPIRED"),
            ("wrong audience", key.token(aud="other"), "TOKEN_INVALID"),
            ("second audience", key.token(aud=["billing-portal", "other"]), "TOKEN_INVALID"),
            ("wrong issuer", key.token(iss="https://evil.example"), "TOKEN_INVALID"),
            ("other type", key.sign_compact(key.header(typ="JWT"), {"iat": now, "exp": now + 60}), "TOKEN_INVALID"),
            ("long lifetime", key.token(exp=now + 900), "TOKEN_INVALID"),
            ("issued in the future", key.token(iat=now + 60), "TOKEN_INVALID"),
            ("no expiry", key.token(exp=None), "TOKEN_INVALID"),
            ("no tenant", key.token(tenant=None), "TOKEN_INVALID"),
        ]:
            self.expect(case, self.client.create_session(token), "UNAUTHENTICATED", reason)

    def test_refuses_people_and_requests(self) -> None:
        token, owner = self.world.key.token, self.world.key.token()
        for case, token, fields, code, reason in [
            ("not an owner by role", token(role="admin"), {}, "PERMISSION_DENIED", "NOT_OWNER"),
            ("not an owner by the directory", token("mallory"), {}, "PERMISSION_DENIED", "NOT_OWNER"),
            ("owner of another tenant", token("greta", "acme"), {}, "PERMISSION_DENIED", "NOT_OWNER"),
            ("flag off", token("dora", "dark"), {}, "FAILED_PRECONDITION", "FEATURE_DISABLED"),
            ("tenant without mapping", token("ines", "initech"), {}, "FAILED_PRECONDITION", "NO_BILLING_ACCOUNT"),
            ("other tenant displayed", owner, {"displayed_tenant_id": "globex"}, "FAILED_PRECONDITION", "TENANT_MISMATCH"),
            ("customer of two tenants", token(tenant="castor"), {}, "INTERNAL", "MAPPING_INTEGRITY"),
            ("two rows", token(tenant="double"), {}, "INTERNAL", "MAPPING_INTEGRITY"),
            ("malformed customer", token(tenant="malformed"), {}, "INTERNAL", "MAPPING_INTEGRITY"),
            ("malformed locale", owner, {"locale": "pt_BR"}, "INVALID_ARGUMENT", "LOCALE_INVALID"),
            ("malformed flow", owner, {"subscription_cancel": {"subscription_id": "cus_1"}},
             "INVALID_ARGUMENT", "FLOW_INVALID"),
            ("unknown subscription", owner, {"subscription_cancel": {"subscription_id": "sub_1"}},
             "INVALID_ARGUMENT", "FLOW_INVALID"),
            ("completed_url without a flow", owner, {"completed_url": RETURN_URL}, "INVALID_ARGUMENT", "FLOW_INVALID"),
        ]:
            self.expect(case, self.client.create_session(token, **fields), code, reason)
        for url in ["", "https://evil.example/", "http://app.example.com/", "https://app.example.com.evil.example/",
                    "https://app.example.com@evil.example/", "https://APP.example.com/", "https://app.example.com//x",
                    "https://app.example.com/a/../b", "https://app.example.com/#x", "https://app.example.com"]:
            result = self.client.create_session(owner, return_url=url)
            self.expect(url, result, "INVALID_ARGUMENT", "RETURN_URL_NOT_ALLOWED")
            self.assertEqual(result.field, "return_url")

    def test_refuses_responses_of_stripe(self) -> None:
        for tenant, code, reason in [
            ("deleted", "FAILED_PRECONDITION", "BILLING_ACCOUNT_MISSING_AT_STRIPE"),
            ("missing", "FAILED_PRECONDITION", "BILLING_ACCOUNT_MISSING_AT_STRIPE"),
            ("unnamed", "FAILED_PRECONDITION", "TENANT_PROOF_MISSING"),
            ("swapped", "INTERNAL", "MAPPING_INTEGRITY"),
            ("mode", "INTERNAL", "STRIPE_RESPONSE_REJECTED"),
            ("stranger", "INTERNAL", "STRIPE_RESPONSE_REJECTED"),
            ("return", "INTERNAL", "STRIPE_RESPONSE_REJECTED"),
            ("host", "INTERNAL", "STRIPE_RESPONSE_REJECTED"),
            ("key", "INTERNAL", "STRIPE_CREDENTIALS"),
            ("down", "UNAVAILABLE", "STRIPE_UNAVAILABLE"),
        ]:
            self.expect(tenant, self.client.create_session(self.world.key.token(tenant=tenant)), code, reason)

    def test_access_agrees_with_the_decision(self) -> None:
        token = self.world.key.token
        for principal, reason in [
            (token(), "ALLOWED"), (token(role="admin"), "NOT_OWNER"), (token("mallory"), "NOT_OWNER"),
            (token("dora", "dark"), "FEATURE_DISABLED"), (token("ines", "initech"), "NO_BILLING_ACCOUNT"),
        ]:
            access = self.client.get_access(principal)
            self.assertEqual((access.reason, access.visible or False), (f"REASON_{reason}", reason == "ALLOWED"))
        self.assertEqual(self.client.get_access(None).code_and_reason, ("UNAUTHENTICATED", "TOKEN_MISSING"))
        broken = self.client.get_access(token(tenant="castor"))
        self.assertEqual(broken.code_and_reason, ("INTERNAL", "MAPPING_INTEGRITY"))

    def test_changed_flag_counts(self) -> None:
        self.addCleanup(self.world.write_flag, FLAG)
        self.world.write_flag(FLAG | {"state": "DISABLED"})
        while self.client.get_access(self.world.key.token()).visible:
            pass
        result = self.client.create_session(self.world.key.token())
        self.expect("flag switched off", result, "FAILED_PRECONDITION", "FEATURE_DISABLED")
        self.world.write_flag(FLAG)
        while not self.client.get_access(self.world.key.token()).visible:
            pass

    def test_connections_to_stripe_are_reused(self) -> None:
        self.client.create_session(self.world.key.token())
        before = self.world.stripe.count_connections()
        for _ in range(20):
            self.assertEqual(self.client.create_session(self.world.key.token()).reason, "OK")
        self.assertLessEqual(self.world.stripe.count_connections() - before, 2)


class ServiceTest(Table, unittest.TestCase):
    @classmethod
    def start(cls) -> str:
        return cls.world.start()


class PeerTable(Table):
    FOLDER = ""

    @classmethod
    def start(cls) -> str:
        path = lambda name: str(cls.world.folder / name)
        return cls.world.start_program([str(ROOT / "benches/peers" / cls.FOLDER / "run")], os.environ | {
            "LISTEN": "127.0.0.1:0", "PRINCIPAL_JWKS": path("jwks.json"), "PRINCIPAL_ISSUER": ISSUER,
            "PRINCIPAL_AUDIENCE": "billing-portal", "RETURN_URL_ORIGINS": "https://app.example.com,http://127.0.0.1:3000",
            "DATABASE_FILE": path("directory.db"), "FLAGS_FILE": path("flags.json"),
            "STRIPE_SECRET_KEY_FILE": path("stripe.key"), "STRIPE_MODE": "test",
            "STRIPE_API_BASE": cls.world.stripe.origin, "STRIPE_SESSION_HOSTS": cls.world.stripe.origin,
            "AUDIT_FILE": path("audit.jsonl"),
        })


class NodeTest(PeerTable, unittest.TestCase):
    FOLDER = "node"


class GoTest(PeerTable, unittest.TestCase):
    FOLDER = "go"
