"""What operators rely on: the flag, health, the audit, settings, and the end of a process."""

import json
import os

from base import Group
from client import Client
from service import FLAG
from tokens import Key


class Flag(Group):
    def on(self) -> bool:
        return self.client.ask(self.world.key.token()).visible or False

    def becomes(self, case: object, on: bool) -> None:
        while self.on() != on:
            pass
        Group.cases += 1
        told = self.client.open(self.world.key.token())
        self.assertEqual(told.reason, "OK" if on else "FEATURE_DISABLED", case)

    def test_it_is_hot_and_a_broken_file_keeps_the_last_good_one(self) -> None:
        target = {"var": "targetingKey"}
        for case, flag, on in [
            ("disabled", FLAG | {"state": "DISABLED"}, False), ("on", FLAG, True), ("absent", None, False),
            ("in", FLAG | {"targeting": {"if": [{"in": [target, ["acme"]]}, "on", "off"]}}, True),
            ("off by default", FLAG | {"defaultVariant": "off", "targeting": {}}, False),
            ("starts_with", FLAG | {"targeting": {"if": [{"starts_with": [target, "ac"]}, "on", "off"]}}, True),
            ("no boolean", FLAG | {"variants": {"on": "yes", "off": "no"}, "targeting": {}}, False),
            ("fractional", FLAG | {"targeting": {"fractional": [target, ["on", 100], ["off", 0]]}}, True),
        ]:
            self.world.flag(flag)
            self.becomes(case, on)
        self.world.write("flags.json", "{")
        new = Key("EdDSA", "seen")
        self.world.keys([self.world.key.jwk(), new.jwk()])
        while self.client.ask(new.token()).reason == "TOKEN_INVALID":
            pass
        self.assertTrue(self.on())
        other = self.world.write("other.json", json.dumps({"flags": {"billing-portal": FLAG | {"state": "DISABLED"}}}))
        os.symlink(other, self.path("link"))
        os.replace(self.path("link"), self.path("flags.json"))
        self.becomes("a symlink swap", False)
        self.path("flags.json").unlink()
        self.world.flag(FLAG)
        self.becomes("back", True)


class Audit(Group):
    def test_every_way_out_leaves_its_lines(self) -> None:
        key, world = self.world.key, self.world
        for call, reason, lines in [
            (lambda: self.client.open(key.token(), subscription_cancel={"subscription_id": "sub_1"}), "OK", 2),
            (lambda: self.client.open("garbage"), "TOKEN_INVALID", 1),
            (lambda: self.client.open(key.token(role="member")), "NOT_OWNER", 1),
            (lambda: self.client.open(key.token("ines", "initech")), "NO_BILLING_ACCOUNT", 1),
        ]:
            before, told = len(world.audit()), call()
            mine = world.audit()[before:]
            self.assertEqual([line["event"] for line in mine], ["intent", "outcome"][-lines:], reason)
            self.assertEqual((mine[-1]["reason"], mine[-1]["released"]), (reason, reason == "OK"))
            if reason != "OK":
                self.assertEqual(mine[-1]["request_id"], told.request_id)
            Group.cases += 1
        count = len(world.audit())
        self.client.ask(key.token())
        self.assertEqual(len(world.audit()), count, "the page's question leaves none")
        lines = world.audit()
        intent, outcome = [line for line in lines if line.get("flow") == "subscription_cancel"]
        expected = {"rpc": "CreatePortalSession", "subject": "olivia", "tenant": "acme", "role": "owner", "customer": "cus_A"}
        for line in (intent, outcome):
            self.assertEqual({name: line[name] for name in expected}, expected)
        self.assertEqual((outcome["session"], outcome["stripe_request_id"]), ("bps_conformance", "req_conformance"))
        text = self.path("audit.jsonl").read_text() + json.dumps(self.world.log)
        for secret in ["sk_test_conformance", "/p/session/", key.token()[:40], "Bearer"]:
            self.assertNotIn(secret, text)

    def test_a_log_that_can_not_be_written_opens_nothing(self) -> None:
        client = Client(self.world.serve({"audit": "file:/dev/full"}))
        self.addCleanup(client.close)
        self.tell("full", client.open(self.world.key.token()), "UNAVAILABLE", "AUDIT_UNAVAILABLE")
        told = client.open(self.world.key.token(role="member"))
        self.tell("a refusal stays what it was", told, "PERMISSION_DENIED", "NOT_OWNER")


class Settings(Group):
    def test_each_unsafe_one_stops_the_start(self) -> None:
        for name, value, named in [
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
            ended = self.world.run({name: value})
            Group.cases += 1
            with self.subTest(name, value=value):
                self.assertEqual((ended.returncode, len(ended.stderr.splitlines())), (64, 1), ended.stderr)
                self.assertIn(named, ended.stderr)
                self.assertNotIn("sk_test_conformance", ended.stderr)
        ended = self.world.run({}, BILLING_PORTAL_UNKNOWN="x")
        self.assertEqual(ended.returncode, 64)

    def test_a_flag_wins_over_its_variable_and_what_kubernetes_injects_is_no_setting(self) -> None:
        injected = {"BILLING_PORTAL_SERVICE_HOST": "10.0.0.1", "BILLING_PORTAL_PORT": "tcp://10.0.0.1:50051",
                    "BILLING_PORTAL_PORT_50051_TCP_ADDR": "10.0.0.1", "BILLING_PORTAL_SERVICE_PORT_GRPC": "50051"}
        address = self.world.serve({}, BILLING_PORTAL_LISTEN="127.0.0.1:1", **injected)
        self.assertFalse(address.endswith(":1"))
        self.assertEqual(self.world.stop(), 0)

    def test_a_flag_file_or_a_database_that_is_not_there_does_not_stop_the_start(self) -> None:
        client = Client(self.world.serve({"flags-file": str(self.path("later.json")), "database-url": "sqlite:/nowhere/x.db"}))
        self.addCleanup(client.close)
        self.tell("off", client.open(self.world.key.token()), "FAILED_PRECONDITION", "FEATURE_DISABLED")
        self.world.write("later.json", self.path("flags.json").read_text())
        while (told := client.open(self.world.key.token())).reason == "FEATURE_DISABLED":
            pass
        self.tell("down", told, "UNAVAILABLE", "DATABASE_UNAVAILABLE")
        self.assertEqual(self.world.stop(), 0)
