"""What operators rely on: the flag, the audit log, settings and a clean exit."""

import json
import os

from base import ServiceTest
from client import Client
from service import FLAG
from tokens import Key


class FlagTest(ServiceTest):
    def is_on(self) -> bool:
        return self.client.get_access(self.world.key.token()).visible or False

    def wait_until(self, case: object, on: bool) -> None:
        while self.is_on() != on:
            pass
        ServiceTest.cases += 1
        result = self.client.create_session(self.world.key.token())
        self.assertEqual(result.reason, "OK" if on else "FEATURE_DISABLED", case)

    def test_file_is_reloaded_and_invalid_file_keeps_the_last_good_flag(self) -> None:
        target = {"var": "targetingKey"}
        for case, flag, on in [
            ("disabled", FLAG | {"state": "DISABLED"}, False), ("on", FLAG, True), ("absent", None, False),
            ("in", FLAG | {"targeting": {"if": [{"in": [target, ["acme"]]}, "on", "off"]}}, True),
            ("off by default", FLAG | {"defaultVariant": "off", "targeting": {}}, False),
            ("starts_with", FLAG | {"targeting": {"if": [{"starts_with": [target, "ac"]}, "on", "off"]}}, True),
            ("not a boolean", FLAG | {"variants": {"on": "yes", "off": "no"}, "targeting": {}}, False),
            ("fractional", FLAG | {"targeting": {"fractional": [target, ["on", 100], ["off", 0]]}}, True),
        ]:
            self.world.write_flag(flag)
            self.wait_until(case, on)
        self.world.write("flags.json", "{")
        # When a key that is written later is accepted, the service has had time to read the invalid flag file.
        new = Key("EdDSA", "new")
        self.world.write_keys([self.world.key.jwk(), new.jwk()])
        while self.client.get_access(new.token()).reason == "TOKEN_INVALID":
            pass
        self.assertTrue(self.is_on())
        other = self.world.write("other.json", json.dumps({"flags": {"billing-portal": FLAG | {"state": "DISABLED"}}}))
        os.symlink(other, self.path("link"))
        os.replace(self.path("link"), self.path("flags.json"))
        self.wait_until("symlink swap", False)
        self.path("flags.json").unlink()
        self.world.write_flag(FLAG)
        self.wait_until("file created again", True)


class AuditTest(ServiceTest):
    def test_every_call_has_an_outcome_and_only_stripe_calls_have_an_intent(self) -> None:
        key, world = self.world.key, self.world
        for call, reason, count in [
            (lambda: self.client.create_session(key.token(), subscription_cancel={"subscription_id": "sub_1"}), "OK", 2),
            (lambda: self.client.create_session("garbage"), "TOKEN_INVALID", 1),
            (lambda: self.client.create_session(key.token(role="member")), "NOT_OWNER", 1),
            (lambda: self.client.create_session(key.token("ines", "initech")), "NO_BILLING_ACCOUNT", 1),
        ]:
            before, result = len(world.read_audit()), call()
            entries = world.read_audit()[before:]
            self.assertEqual([entry["event"] for entry in entries], ["intent", "outcome"][-count:], reason)
            self.assertEqual((entries[-1]["reason"], entries[-1]["released"]), (reason, reason == "OK"))
            if reason != "OK":
                self.assertEqual(entries[-1]["request_id"], result.request_id)
            ServiceTest.cases += 1
        length = len(world.read_audit())
        self.client.get_access(key.token())
        self.assertEqual(len(world.read_audit()), length, "GetPortalAccess must not write audit entries")
        intent, outcome = [entry for entry in world.read_audit() if entry.get("flow") == "subscription_cancel"]
        expected = {
            "rpc": "CreatePortalSession", "subject": "olivia", "tenant": "acme", "role": "owner", "customer": "cus_A",
        }
        for entry in (intent, outcome):
            self.assertEqual({name: entry[name] for name in expected}, expected)
        self.assertEqual((outcome["session"], outcome["stripe_request_id"]), ("bps_conformance", "req_conformance"))
        text = self.path("audit.jsonl").read_text() + json.dumps(self.world.log)
        for secret in ["sk_test_conformance", "/p/session/", key.token()[:40], "Bearer"]:
            self.assertNotIn(secret, text)

    def test_unwritable_audit_log_refuses_sessions(self) -> None:
        client = Client(self.world.start({"audit": "file:/dev/full"}))
        self.addCleanup(client.close)
        self.expect("disk full", client.create_session(self.world.key.token()), "UNAVAILABLE", "AUDIT_UNAVAILABLE")
        result = client.create_session(self.world.key.token(role="member"))
        self.expect("other refusals keep their reason", result, "PERMISSION_DENIED", "NOT_OWNER")


class SettingsTest(ServiceTest):
    def test_invalid_or_unsafe_settings_prevent_startup(self) -> None:
        for name, value, setting in [
            ("listen", "0.0.0.0:0", "--caller-identity"), ("caller-identity", "istio", "--allowed-callers"),
            ("allowed-callers", "spiffe://td/x", "--allowed-callers"), ("return-url-origins", "*", "--return-url-origins"),
            ("return-url-origins", "https://*.example.com", "--return-url-origins"),
            ("return-url-origins", "http://app.example.com", "--return-url-origins"),
            ("return-url-origins", "https://app.example.com/", "--return-url-origins"),
            ("stripe-mode", "live", "--stripe-secret-key-file"), ("stripe-api-base", "http://api.stripe.com", "--stripe-api-base"),
            ("stripe-session-hosts", "*", "--stripe-session-hosts"), ("stripe-attempt-timeout", "11s", "--stripe-attempt-timeout"),
            ("deadline", "0s", "--deadline"), ("max-in-flight", "0", "--max-in-flight"), ("session-rate", "0", "--session-rate"),
            ("stripe-rate", "0", "--stripe-rate"), ("principal-clock-skew", "6s", "--principal-clock-skew"),
            ("principal-jwks", "http://login.example.com/jwks", "--principal-jwks"), ("audit", "file:/nowhere/x", "--audit"),
            ("database-url", "postgres://u:p@db.example.com/app?sslmode=verify-full", "DATABASE_URL"),
            ("database-url", "postgres://u@db.example.com/app?sslmode=prefer", "DATABASE_URL"),
            ("database-url", "postgres://u@db.example.com/app", "DATABASE_URL"), ("nonsense", "1", "--nonsense"),
            ("stripe-secret-key-file", "sk_test_conformance", "--stripe-secret-key-file"),
            ("principal-issuer", None, "--principal-issuer"), ("stripe-mode", None, "--stripe-mode"),
        ]:
            process = self.world.run({name: value})
            ServiceTest.cases += 1
            with self.subTest(name, value=value):
                self.assertEqual((process.returncode, len(process.stderr.splitlines())), (64, 1), process.stderr)
                self.assertIn(setting, process.stderr)
                self.assertNotIn("sk_test_conformance", process.stderr)
        process = self.world.run({}, BILLING_PORTAL_UNKNOWN="x")
        self.assertEqual(process.returncode, 64)

    def test_flag_overrides_variable_and_service_variables_are_ignored(self) -> None:
        injected = {"BILLING_PORTAL_SERVICE_HOST": "10.0.0.1", "BILLING_PORTAL_PORT": "tcp://10.0.0.1:50051",
                    "BILLING_PORTAL_PORT_50051_TCP_ADDR": "10.0.0.1", "BILLING_PORTAL_SERVICE_PORT_GRPC": "50051"}
        address = self.world.start({}, BILLING_PORTAL_LISTEN="127.0.0.1:1", **injected)
        self.assertFalse(address.endswith(":1"))
        self.assertEqual(self.world.stop(), 0)

    def test_missing_flag_file_or_database_does_not_prevent_startup(self) -> None:
        settings = {"flags-file": str(self.path("later.json")), "database-url": "sqlite:/nowhere/x.db"}
        client = Client(self.world.start(settings))
        self.addCleanup(client.close)
        result = client.create_session(self.world.key.token())
        self.expect("no flag file", result, "FAILED_PRECONDITION", "FEATURE_DISABLED")
        self.world.write("later.json", self.path("flags.json").read_text())
        while (result := client.create_session(self.world.key.token())).reason == "FEATURE_DISABLED":
            pass
        self.expect("no database", result, "UNAVAILABLE", "DATABASE_UNAVAILABLE")
        self.assertEqual(self.world.stop(), 0)
