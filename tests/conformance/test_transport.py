"""The transport: sizes, encodings, deadlines, limits and caller identities."""

import concurrent.futures
import gzip
import threading

from base import ServiceTest
from client import pb
from raw import call, frame, send
from service import RETURN_URL

SETTINGS = "spiffe://cluster.local/ns/web/sa/settings"
XFCC, L5D = "x-forwarded-client-cert", "l5d-client-id"
LINKERD = "settings.web.serviceaccount.identity.linkerd.cluster.local"
VALID = pb.CreatePortalSessionRequest(return_url=RETURN_URL).SerializeToString()


class TransportTest(ServiceTest):
    def call(self, body: bytes, *headers: tuple[str, str], **options: str):
        return call(self.client.address, self.world.key.token(), body, *headers, **options)

    def test_malformed_and_oversized_messages_are_refused(self) -> None:
        self.expect_session("valid", self.call(frame(VALID)))
        for case, body in {
            "truncated": frame(VALID[:-1]), "wrong wire type": frame(b"\x08\x01"),
            "invalid UTF-8": frame(b"\x0a\x01\xff"), "overlong varint": frame(b"\x0a" + b"\xff" * 10 + b"\x01"),
            "empty body": b"", "half a frame": frame(VALID)[:4],
            "wrong length": frame(VALID)[:5] + VALID[:-3], "compressed flag without header": frame(VALID, 1),
        }.items():
            self.expect(case, self.call(body), "INVALID_ARGUMENT", "MESSAGE_INVALID")
        large = pb.CreatePortalSessionRequest(return_url=RETURN_URL, displayed_tenant_id="x" * 16_400).SerializeToString()
        self.expect("over 16 KiB", self.call(frame(large)), "RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
        unknown = VALID + b"\x9a\x06\x06globex"
        self.expect_session("a tenant in an unknown field", self.call(frame(unknown)))
        for encoding in ["gzip", "deflate", "x"]:
            result = self.call(frame(gzip.compress(VALID), 1), ("grpc-encoding", encoding))
            self.expect(encoding, result, "UNIMPLEMENTED", "ENCODING_UNSUPPORTED")
        self.expect_session("identity", self.call(frame(VALID), ("grpc-encoding", "identity")))

    def test_malformed_and_expired_deadlines_are_refused(self) -> None:
        for value in ["", "1", "S", "1x", "1s", "-1S", "+1S", "1.5S", "100000000S", "1 S"]:
            result = self.call(frame(VALID), ("grpc-timeout", value))
            self.expect(value, result, "INVALID_ARGUMENT", "DEADLINE_INVALID")
        result = self.call(frame(VALID), ("grpc-timeout", "1S"), ("grpc-timeout", "1S"))
        self.expect("duplicate header", result, "INVALID_ARGUMENT", "DEADLINE_INVALID")
        for value in ["0S", "0n"]:
            self.expect(value, self.call(frame(VALID), ("grpc-timeout", value)), "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")
        for value in ["99999999H", "10M", "5S", "5000m"]:
            self.expect_session(value, self.call(frame(VALID), ("grpc-timeout", value)))

    def test_unknown_methods_are_refused_after_token_and_role(self) -> None:
        token = self.world.key.token
        for path, bearer_token, code, reason in [
            ("BillingPortal/Other", token(), "UNIMPLEMENTED", "METHOD_UNKNOWN"),
            ("BillingPortal/Other", token(role="member"), "PERMISSION_DENIED", "NOT_OWNER"),
            ("BillingPortal/Other", "garbage", "UNAUTHENTICATED", "TOKEN_INVALID"),
            ("PortalAccess/Other", token(role="member"), "UNIMPLEMENTED", "METHOD_UNKNOWN"),
            ("PortalAccess/Other", "garbage", "UNAUTHENTICATED", "TOKEN_INVALID"),
        ]:
            result = call(self.client.address, bearer_token, frame(b""), path=f"/billing.portal.v1.{path}")
            self.expect((path, reason), result, code, reason)

    def test_requests_that_are_not_grpc_get_http_errors(self) -> None:
        for status, method, content_type in [
            ("405", "GET", ""), ("415", "POST", "application/json"), ("415", "POST", "application/grpcx"),
        ]:
            received = send(self.client.address, [("content-type", content_type)], b"", method=method)
            self.assertEqual(received[":status"], status)
        large_headers = [(f"x-{i}", "y" * 4_000) for i in range(9)]
        received = send(self.client.address, [("content-type", "application/grpc"), *large_headers], b"")
        self.assertEqual(received[":status"], "431")
        ServiceTest.cases += 4

    def test_headers_do_not_select_the_tenant(self) -> None:
        metadata = (("x-tenant-id", "globex"), ("baggage", "tenant=globex"))
        self.expect_session("x-tenant-id", self.client.create_session(self.world.key.token(), metadata))
        self.client.create_session(self.world.key.token(), (("x-tenant-id", "globex"),))
        paths = {request.path for request in self.world.stripe.requests if request.method == "GET"}
        self.assertEqual(paths, {"/v1/customers/cus_A"})


class LimitsTest(ServiceTest):
    SETTINGS = {"max-in-flight": "1", "session-rate": "3", "stripe-attempt-timeout": "200ms", "deadline": "700ms"}

    def test_second_concurrent_call_is_refused_as_overload(self) -> None:
        received, release = threading.Event(), threading.Event()

        def hold(_, response):
            received.set()
            release.wait(10)
            return response

        self.world.stripe.hook = hold
        with concurrent.futures.ThreadPoolExecutor() as pool:
            first = pool.submit(self.client.create_session, self.world.key.token("greta", "globex"))
            received.wait(10)
            second = self.client.create_session(self.world.key.token())
            release.set()
            first.result()
        self.assertEqual((second.code_and_reason, second.retry_delay is not None), (("UNAVAILABLE", "OVERLOADED"), True))
        ServiceTest.cases += 1

    def test_session_rate_is_limited_per_user(self) -> None:
        token = self.world.key.token("ines", "initech")
        for _ in range(3):
            result = self.client.create_session(token)
            self.expect("within the limit", result, "FAILED_PRECONDITION", "NO_BILLING_ACCOUNT")
        result = self.expect("over the limit", self.client.create_session(token), "RESOURCE_EXHAUSTED", "RATE_LIMITED")
        self.assertTrue(10 < result.retry_delay <= 20, result)
        self.assertEqual(self.client.get_access(token).reason, "REASON_NO_BILLING_ACCOUNT")

    def test_hanging_stripe_is_unavailable_or_exceeds_the_deadline(self) -> None:
        release = threading.Event()
        self.world.stripe.hook = lambda _, response: response if release.wait(5) else response
        result = self.client.create_session(self.world.key.token())
        expected = [("UNAVAILABLE", "STRIPE_UNAVAILABLE"), ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")]
        self.assertIn(result.code_and_reason, expected)
        release.set()
        ServiceTest.cases += 1


class IstioTest(ServiceTest):
    SETTINGS = {"caller-identity": "istio", "allowed-callers": SETTINGS}

    def test_only_allowed_callers_are_served(self) -> None:
        element = lambda uri: f'By=spiffe://td/b;Hash=0a;Subject="CN=a,O=\\"b";URI={uri}'
        token = self.world.key.token()
        for case, metadata in {
            "allowed": ((XFCC, element(SETTINGS)),), "key in lower case": ((XFCC, f"uri={SETTINGS}"),),
            "last of two": ((XFCC, f"{element('spiffe://td/x')},{element(SETTINGS)}"),),
        }.items():
            self.expect_session(case, self.client.create_session(token, metadata))
            self.assertEqual(self.world.read_audit()[-1]["caller"], SETTINGS)
        for case, metadata in {
            "no header": (), "another caller": ((XFCC, element("spiffe://cluster.local/ns/web/sa/other")),),
            "a prefix": ((XFCC, element(SETTINGS[:-1])),), "a suffix": ((XFCC, element(SETTINGS + "2")),),
            "another trust domain": ((XFCC, element(SETTINGS.replace("cluster.local", "evil"))),),
            "forged element first": ((XFCC, f"{element(SETTINGS)},{element('spiffe://td/x')}"),),
            "two URIs": ((XFCC, f"{element(SETTINGS)};URI={SETTINGS}"),), "no URI": ((XFCC, "By=x"),),
            "unclosed quote": ((XFCC, f'URI={SETTINGS};Subject="'),),
            "duplicate header": ((XFCC, element(SETTINGS)),) * 2,
            "header of the other mesh": ((L5D, LINKERD),),
            "headers of both meshes": ((XFCC, element(SETTINGS)), (L5D, LINKERD)),
        }.items():
            self.expect(case, self.client.create_session(token, metadata), "PERMISSION_DENIED", "CALLER_NOT_ALLOWED")
            self.expect(case, self.client.get_access(token, metadata), "PERMISSION_DENIED", "CALLER_NOT_ALLOWED")
        result = self.client.create_session(None, ((XFCC, element(SETTINGS)),))
        self.expect("no token", result, "UNAUTHENTICATED", "TOKEN_MISSING")


class LinkerdTest(ServiceTest):
    SETTINGS = {"caller-identity": "linkerd", "allowed-callers": LINKERD}

    def test_only_allowed_callers_are_served(self) -> None:
        token = self.world.key.token()
        self.expect_session("allowed", self.client.create_session(token, ((L5D, LINKERD),)))
        for case, metadata in {
            "no header": (), "another caller": ((L5D, f"x{LINKERD}"),), "duplicate header": ((L5D, LINKERD),) * 2,
            "header of the other mesh": ((XFCC, f"URI={SETTINGS}"),),
            "headers of both meshes": ((L5D, LINKERD), (XFCC, f"URI={SETTINGS}")),
        }.items():
            self.expect(case, self.client.create_session(token, metadata), "PERMISSION_DENIED", "CALLER_NOT_ALLOWED")
