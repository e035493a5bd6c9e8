"""Stripe: the reason for each response, what is released, and the number of requests."""

from typing import Callable

from base import ServiceTest
from stripe import Hook, Request, Response

SESSIONS, CUSTOMER = "/v1/billing_portal/sessions", "/v1/customers/cus_A"
REJECTED, PROTOCOL = ("INTERNAL", "STRIPE_RESPONSE_REJECTED"), ("INTERNAL", "STRIPE_PROTOCOL")
CREDENTIALS, UNAVAILABLE = ("INTERNAL", "STRIPE_CREDENTIALS"), ("UNAVAILABLE", "STRIPE_UNAVAILABLE")
ACCOUNT_MISSING = ("FAILED_PRECONDITION", "BILLING_ACCOUNT_MISSING_AT_STRIPE")
NO_PROOF = ("FAILED_PRECONDITION", "TENANT_PROOF_MISSING")
NO_DEFAULT_CONFIGURATION = "No configuration provided and your test mode default configuration has not been created."
NOT_CONFIGURED = ("FAILED_PRECONDITION", "PORTAL_NOT_CONFIGURED")


Change = Callable[[Response], Response | None]


def on(path: str, change: Change) -> Hook:
    return lambda request, response: change(response) if request.path == path else response


def with_member(name: str, value: object) -> Change:
    return lambda response: Response(response.status, response.body | {name: value}, response.headers)


def without_member(name: str) -> Change:
    return lambda response: Response(
        response.status, {k: v for k, v in response.body.items() if k != name}, response.headers
    )


def error(
    status: int, code: str | None = None, param: str | None = None, message: str = "x", **headers: str
) -> Change:
    body = {"error": {"code": code, "param": param, "message": message, "type": "invalid_request_error"}}
    return lambda _: Response(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def with_body(raw: bytes, status: int = 200, **headers: str) -> Change:
    return lambda _: Response(status, raw, headers)


class StripeTest(ServiceTest):
    def expect_refusal(self, case: object, hook: Hook, code: str, reason: str, stripe_requests: int = 2) -> None:
        self.world.stripe.hook = hook
        result = self.client.create_session(self.world.key.token())
        outcome = self.world.read_audit()[-1]
        self.assertEqual((outcome["reason"], outcome["released"]), (result.reason, False), case)
        self.expect(case, result, code, reason, stripe_requests)

    def session_requests(self) -> list[Request]:
        return [request for request in self.world.stripe.requests if request.method == "POST"]

    def test_customer_must_be_verified_for_the_tenant(self) -> None:
        integrity = ("INTERNAL", "MAPPING_INTEGRITY")
        for case, change, expected in [
            ("another tenant", with_member("metadata", {"tenant_id": "globex"}), integrity),
            ("different case", with_member("metadata", {"tenant_id": "ACME"}), integrity),
            ("empty", with_member("metadata", {"tenant_id": ""}), NO_PROOF),
            ("no key", with_member("metadata", {}), NO_PROOF),
            ("not a string", with_member("metadata", {"tenant_id": 7}), NO_PROOF),
            ("no metadata", without_member("metadata"), NO_PROOF),
            ("metadata null", with_member("metadata", None), NO_PROOF),
            ("deleted", with_member("deleted", True), ACCOUNT_MISSING),
            ("another customer", with_member("id", "cus_B"), REJECTED),
            ("another object", with_member("object", "x"), REJECTED),
            ("another mode", with_member("livemode", True), REJECTED), ("no mode", without_member("livemode"), PROTOCOL),
            ("missing", error(404, "resource_missing", "id"), ACCOUNT_MISSING), ("404", error(404), PROTOCOL),
        ]:
            self.expect_refusal(case, on(CUSTOMER, change), *expected)

    def test_verification_failure_overrides_session_failure(self) -> None:
        def both_fail(request: Request, response: Response) -> Response | None:
            return with_member("metadata", {})(response) if request.path == CUSTOMER else error(401)(response)

        self.expect_refusal("both fail", both_fail, *NO_PROOF)
        self.assertNotIn("session", self.world.read_audit()[-1])
        self.expect_refusal("session created", on(CUSTOMER, with_member("metadata", {})), *NO_PROOF)
        self.assertEqual(self.world.read_audit()[-1]["session"], "bps_conformance")

    def test_responses_that_do_not_match_the_request_are_rejected(self) -> None:
        flow = {"type": "payment_method_update", "after_completion": {"type": "portal_homepage"}}
        for name, value in [
            ("object", "checkout.session"), ("id", "cs_1"), ("customer", "cus_B"), ("livemode", True),
            ("return_url", "https://evil.example/"), ("on_behalf_of", "acct_1"), ("after_expiration", {}), ("flow", flow),
            ("url", ""), ("url", "https://evil.example/"), ("url", "https://billing.stripe.com/x"), ("url", "/x"),
            ("url", f"{self.world.stripe.origin}@evil.example/"), ("url", "http://u@127.0.0.1/"), ("url", "javascript:x"),
        ]:
            self.expect_refusal((name, value), on(SESSIONS, with_member(name, value)), *REJECTED)
        replayed = on(SESSIONS, lambda response: Response(200, response.body, {"idempotent-replayed": "true"}))
        self.expect_refusal("replayed", replayed, *REJECTED)

    def test_responses_that_are_not_from_stripes_api_are_protocol_errors(self) -> None:
        for name in ["object", "id", "customer", "livemode", "return_url", "url"]:
            self.expect_refusal(name, on(SESSIONS, without_member(name)), *PROTOCOL)
        for raw in [b"<html>", b"", b"[]", b"null", b'{"id":', b"{}{}", b" " * 65_537]:
            self.expect_refusal(raw[:9], on(SESSIONS, with_body(raw)), *PROTOCOL)
            self.expect_refusal(raw[:9], on(CUSTOMER, with_body(raw)), *PROTOCOL)
        self.expect_refusal("redirect", on(SESSIONS, with_body(b"", 302, location="https://evil.example/")), *PROTOCOL)
        self.expect_refusal("402", on(SESSIONS, error(402)), *PROTOCOL)

    def test_stripe_errors_map_to_reasons(self) -> None:
        for case, change, expected in [
            ("401", error(401), CREDENTIALS), ("403", error(403), CREDENTIALS),
            ("other mode", error(400, "livemode_mismatch"), CREDENTIALS),
            ("customer", error(400, "resource_missing", "customer"), ACCOUNT_MISSING),
            ("configuration", error(400, "resource_missing", "configuration"), NOT_CONFIGURED),
            ("no default configuration", error(400, message=NO_DEFAULT_CONFIGURATION), NOT_CONFIGURED),
            ("return URL", error(400, "url_invalid", "return_url", "configuration"),
             ("INVALID_ARGUMENT", "RETURN_URL_NOT_ALLOWED")),
            ("locale", error(400, None, "locale"), ("INVALID_ARGUMENT", "LOCALE_INVALID")),
            ("429", error(429, "rate_limit"), ("UNAVAILABLE", "STRIPE_RATE_LIMITED")),
            ("429 lock_timeout, retry false", error(429, "lock_timeout", stripe_should_retry="false"),
             ("UNAVAILABLE", "STRIPE_CONFLICT")),
            ("500", error(500), UNAVAILABLE),
            ("503, retry false", error(503, stripe_should_retry="false"), UNAVAILABLE),
        ]:
            self.expect_refusal(case, on(SESSIONS, change), *expected)

    def test_flows_that_stripe_refuses_are_invalid(self) -> None:
        parameter, flow = "flow_data[subscription_cancel][subscription]", {"subscription_id": "sub_B"}
        for status in [400, 404]:
            self.world.stripe.hook = on(SESSIONS, error(status, "resource_missing", parameter))
            result = self.client.create_session(self.world.key.token(), subscription_cancel=flow)
            self.expect(status, result, "INVALID_ARGUMENT", "FLOW_INVALID", 2)
        self.world.stripe.hook = on(SESSIONS, with_member("flow", None))
        result = self.client.create_session(self.world.key.token(), payment_method_update={})
        self.expect("session without the requested flow", result, *REJECTED, 2)

    def test_retries_use_the_same_idempotency_key_and_body(self) -> None:
        for case, change, max_attempts in [
            ("409", error(409), 3), ("502", error(502), 3), ("503", error(503), 3), ("504", error(504), 3),
            ("429 lock_timeout", error(429, "lock_timeout"), 3),
            ("500, retry true", error(500, stripe_should_retry="true"), 3),
            # One more than the attempts: the loss of a used connection does not count.
            ("connection closed", lambda _: None, 4), ("400, retry true", error(400, stripe_should_retry="true"), 3),
        ]:
            self.world.stripe.hook = on(SESSIONS, change)
            result = self.client.create_session(self.world.key.token())
            attempts = self.session_requests()
            with self.subTest(case):
                ServiceTest.cases += 1
                self.assertNotEqual(result.code, "OK")
                # Fewer if earlier cases have exhausted the retry budget.
                self.assertIn(len(attempts), range(1, max_attempts + 1))
                self.assertEqual(len({(post.headers["idempotency-key"], post.body) for post in attempts}), 1)
            self.world.stripe.reset()
        keys = set()
        for _ in range(3):
            self.client.create_session(self.world.key.token())
            keys |= {request.headers.get("idempotency-key") for request in self.session_requests()}
        self.assertEqual(len(keys), 3)
