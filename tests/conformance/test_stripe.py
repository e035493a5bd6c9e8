"""Stripe: what each of its answers means, what is released, and how often it is asked."""

from typing import Callable

from base import Group
from stripe import Answer, Asked

SESSIONS, CUSTOMER = "/v1/billing_portal/sessions", "/v1/customers/cus_A"
REJECTED, PROTOCOL = ("INTERNAL", "STRIPE_RESPONSE_REJECTED"), ("INTERNAL", "STRIPE_PROTOCOL")
CREDENTIALS, UNAVAILABLE = ("INTERNAL", "STRIPE_CREDENTIALS"), ("UNAVAILABLE", "STRIPE_UNAVAILABLE")
GONE = ("FAILED_PRECONDITION", "BILLING_ACCOUNT_MISSING_AT_STRIPE")
NO_PROOF = ("FAILED_PRECONDITION", "TENANT_PROOF_MISSING")


def on(path: str, change: Callable[[Answer], Answer | None]) -> Callable[[Asked, Answer], Answer | None]:
    return lambda asked, answer: change(answer) if asked.path == path else answer


def member(name: str, value: object) -> Callable[[Answer], Answer]:
    return lambda answer: Answer(answer.status, answer.body | {name: value}, answer.headers)


def without(name: str) -> Callable[[Answer], Answer]:
    return lambda answer: Answer(answer.status, {k: v for k, v in answer.body.items() if k != name}, answer.headers)


def error(status: int, code: str | None = None, param: str | None = None, message: str = "x", **headers: str):
    body = {"error": {"code": code, "param": param, "message": message, "type": "invalid_request_error"}}
    return lambda _: Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def body(raw: bytes, status: int = 200, **headers: str) -> Callable[[Answer], Answer]:
    return lambda _: Answer(status, raw, headers)


class Stripe(Group):
    def told(self, case: object, change, code: str, reason: str, stripe: int = 2) -> None:
        self.world.stripe.change = change
        told = self.client.open(self.world.key.token())
        last = self.world.audit()[-1]
        self.assertEqual((last["reason"], last["released"]), (told.reason, False), case)
        self.tell(case, told, code, reason, stripe)

    def test_the_proof(self) -> None:
        integrity = ("INTERNAL", "MAPPING_INTEGRITY")
        for case, change, told in [
            ("another tenant", member("metadata", {"tenant_id": "globex"}), integrity),
            ("another case", member("metadata", {"tenant_id": "ACME"}), integrity),
            ("empty", member("metadata", {"tenant_id": ""}), NO_PROOF), ("no key", member("metadata", {}), NO_PROOF),
            ("no text", member("metadata", {"tenant_id": 7}), NO_PROOF), ("no metadata", without("metadata"), NO_PROOF),
            ("metadata null", member("metadata", None), NO_PROOF), ("deleted", member("deleted", True), GONE),
            ("another customer", member("id", "cus_B"), REJECTED), ("another object", member("object", "x"), REJECTED),
            ("another mode", member("livemode", True), REJECTED), ("no mode", without("livemode"), PROTOCOL),
            ("missing", error(404, "resource_missing", "id"), GONE), ("404", error(404), PROTOCOL),
        ]:
            self.told(case, on(CUSTOMER, change), *told)

    def test_the_proof_wins_over_the_session(self) -> None:
        def both(asked: Asked, answer: Answer) -> Answer:
            return member("metadata", {})(answer) if asked.path == CUSTOMER else error(401)(answer)

        self.told("both fail", both, *NO_PROOF)
        self.assertNotIn("session", self.world.audit()[-1])
        self.told("the session was made", on(CUSTOMER, member("metadata", {})), *NO_PROOF)
        self.assertEqual(self.world.audit()[-1]["session"], "bps_conformance")

    def test_answers_to_another_question(self) -> None:
        flow = {"type": "payment_method_update", "after_completion": {"type": "portal_homepage"}}
        for name, value in [
            ("object", "checkout.session"), ("id", "cs_1"), ("customer", "cus_B"), ("livemode", True),
            ("return_url", "https://evil.example/"), ("on_behalf_of", "acct_1"), ("after_expiration", {}), ("flow", flow),
            ("url", ""), ("url", "https://evil.example/"), ("url", "https://billing.stripe.com/x"), ("url", "/x"),
            ("url", f"{self.world.stripe.origin}@evil.example/"), ("url", "http://u@127.0.0.1/"), ("url", "javascript:x"),
        ]:
            self.told((name, value), on(SESSIONS, member(name, value)), *REJECTED)
        self.told("replayed", on(SESSIONS, lambda answer: Answer(200, answer.body, {"idempotent-replayed": "true"})), *REJECTED)

    def test_no_answer_of_stripes(self) -> None:
        for name in ["object", "id", "customer", "livemode", "return_url", "url"]:
            self.told(name, on(SESSIONS, without(name)), *PROTOCOL)
        for raw in [b"<html>", b"", b"[]", b"null", b'{"id":', b"{}{}", b" " * 65_537]:
            self.told(raw[:9], on(SESSIONS, body(raw)), *PROTOCOL)
            self.told(raw[:9], on(CUSTOMER, body(raw)), *PROTOCOL)
        self.told("redirect", on(SESSIONS, body(b"", 302, location="https://evil.example/")), *PROTOCOL)
        self.told("402", on(SESSIONS, error(402)), *PROTOCOL)

    def test_refusals(self) -> None:
        for case, change, told, stripe in [
            ("401", error(401), CREDENTIALS, 2), ("403", error(403), CREDENTIALS, 2),
            ("other mode", error(400, "livemode_mismatch"), CREDENTIALS, 2),
            ("customer", error(400, "resource_missing", "customer"), GONE, 2),
            ("configuration", error(400, "resource_missing", "configuration"), ("FAILED_PRECONDITION", "PORTAL_NOT_CONFIGURED"), 2),
            ("no default", error(400, message="No configuration provided and your test mode default configuration has not been created."),
             ("FAILED_PRECONDITION", "PORTAL_NOT_CONFIGURED"), 2),
            ("return URL", error(400, "url_invalid", "return_url", "configuration"), ("INVALID_ARGUMENT", "RETURN_URL_NOT_ALLOWED"), 2),
            ("locale", error(400, None, "locale"), ("INVALID_ARGUMENT", "LOCALE_INVALID"), 2),
            ("429", error(429, "rate_limit"), ("UNAVAILABLE", "STRIPE_RATE_LIMITED"), 2),
            ("429 locked, told not to", error(429, "lock_timeout", stripe_should_retry="false"), ("UNAVAILABLE", "STRIPE_CONFLICT"), 2),
            ("500", error(500), UNAVAILABLE, 2), ("503, told not to", error(503, stripe_should_retry="false"), UNAVAILABLE, 2),
        ]:
            self.told(case, on(SESSIONS, change), *told, stripe=stripe)

    def test_flows_that_stripe_refuses(self) -> None:
        for status in [400, 404]:
            self.world.stripe.change = on(SESSIONS, error(status, "resource_missing", "flow_data[subscription_cancel][subscription]"))
            told = self.client.open(self.world.key.token(), subscription_cancel={"subscription_id": "sub_B"})
            self.tell(status, told, "INVALID_ARGUMENT", "FLOW_INVALID", 2)
        self.world.stripe.change = on(SESSIONS, member("flow", None))
        told = self.client.open(self.world.key.token(), payment_method_update={})
        self.tell("no flow where one was asked for", told, *REJECTED, 2)

    def test_attempts(self) -> None:
        for case, change, posts in [
            ("409", error(409), 3), ("502", error(502), 3), ("503", error(503), 3), ("504", error(504), 3),
            ("429 locked", error(429, "lock_timeout"), 3), ("500, told to", error(500, stripe_should_retry="true"), 3),
            ("cut off", lambda _: None, 3), ("400, told to", error(400, stripe_should_retry="true"), 3),
        ]:
            self.world.stripe.change = on(SESSIONS, change)
            told = self.client.open(self.world.key.token())
            asked = [asked for asked in self.world.stripe.asked if asked.method == "POST"]
            with self.subTest(case):
                Group.cases += 1
                self.assertNotEqual(told.code, "OK")
                # Fewer where the retry budget is used up by the cases before.
                self.assertIn(len(asked), range(1, posts + 1))
                self.assertEqual(len({(post.headers["idempotency-key"], post.body) for post in asked}), 1)
            self.world.stripe.forget()
        keys = set()
        for _ in range(3):
            self.client.open(self.world.key.token())
            keys |= {asked.headers.get("idempotency-key") for asked in self.world.stripe.asked if asked.method == "POST"}
        self.assertEqual(len(keys), 3)
