"""The edge: sizes, encodings, deadlines, limits, and callers."""

import concurrent.futures
import gzip
import threading

from base import Group
from client import pb
from raw import frame, grpc, send
from service import RETURN_URL

SETTINGS = "spiffe://cluster.local/ns/web/sa/settings"
XFCC, L5D = "x-forwarded-client-cert", "l5d-client-id"
LINKERD = "settings.web.serviceaccount.identity.linkerd.cluster.local"
GOOD = pb.CreatePortalSessionRequest(return_url=RETURN_URL).SerializeToString()


class Wire(Group):
    def raw(self, body: bytes, *headers: tuple[str, str], **options: str):
        return grpc(self.client.address, self.world.key.token(), body, *headers, **options)

    def test_messages(self) -> None:
        self.opens("good", self.raw(frame(GOOD)))
        for case, body in {
            "truncated": frame(GOOD[:-1]), "wrong wire type": frame(b"\x08\x01"), "no UTF-8": frame(b"\x0a\x01\xff"),
            "overlong varint": frame(b"\x0a" + b"\xff" * 10 + b"\x01"), "no message": b"", "half a frame": frame(GOOD)[:4],
            "a length that lies": frame(GOOD)[:5] + GOOD[:-3], "compressed without saying so": frame(GOOD, 1),
        }.items():
            self.tell(case, self.raw(body), "INVALID_ARGUMENT", "MESSAGE_INVALID")
        large = pb.CreatePortalSessionRequest(return_url=RETURN_URL, displayed_tenant_id="x" * 16_400).SerializeToString()
        self.tell("over 16 KiB", self.raw(frame(large)), "RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
        unknown = GOOD + b"\x9a\x06\x06globex"
        self.opens("a tenant in an unknown field", self.raw(frame(unknown)))
        for encoding in ["gzip", "deflate", "x"]:
            told = self.raw(frame(gzip.compress(GOOD), 1), ("grpc-encoding", encoding))
            self.tell(encoding, told, "UNIMPLEMENTED", "ENCODING_UNSUPPORTED")
        self.opens("identity", self.raw(frame(GOOD), ("grpc-encoding", "identity")))

    def test_deadlines(self) -> None:
        for value in ["", "1", "S", "1x", "1s", "-1S", "+1S", "1.5S", "100000000S", "1 S"]:
            told = self.raw(frame(GOOD), ("grpc-timeout", value))
            self.tell(value, told, "INVALID_ARGUMENT", "DEADLINE_INVALID")
        told = self.raw(frame(GOOD), ("grpc-timeout", "1S"), ("grpc-timeout", "1S"))
        self.tell("twice", told, "INVALID_ARGUMENT", "DEADLINE_INVALID")
        for value in ["0S", "0n"]:
            self.tell(value, self.raw(frame(GOOD), ("grpc-timeout", value)), "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")
        for value in ["99999999H", "10M", "5S", "5000m"]:
            self.opens(value, self.raw(frame(GOOD), ("grpc-timeout", value)))

    def test_methods(self) -> None:
        token = self.world.key.token
        for path, held, code, reason in [
            ("BillingPortal/Other", token(), "UNIMPLEMENTED", "METHOD_UNKNOWN"),
            ("BillingPortal/Other", token(role="member"), "PERMISSION_DENIED", "NOT_OWNER"),
            ("BillingPortal/Other", "garbage", "UNAUTHENTICATED", "TOKEN_INVALID"),
            ("PortalAccess/Other", token(role="member"), "UNIMPLEMENTED", "METHOD_UNKNOWN"),
            ("PortalAccess/Other", "garbage", "UNAUTHENTICATED", "TOKEN_INVALID"),
        ]:
            told = grpc(self.client.address, held, frame(b""), path=f"/billing.portal.v1.{path}")
            self.tell((path, reason), told, code, reason)

    def test_what_is_not_grpc(self) -> None:
        for status, method, kind in [("405", "GET", ""), ("415", "POST", "application/json"), ("415", "POST", "application/grpcx")]:
            told = send(self.client.address, [("content-type", kind)], b"", method=method)
            self.assertEqual(told[":status"], status)
        told = send(self.client.address, [("content-type", "application/grpc")] + [(f"x-{i}", "y" * 4_000) for i in range(9)], b"")
        self.assertEqual(told[":status"], "431")
        Group.cases += 4

    def test_no_header_chooses_the_tenant(self) -> None:
        self.opens("x-tenant-id", self.client.open(self.world.key.token(), (("x-tenant-id", "globex"), ("baggage", "tenant=globex"))))
        self.client.open(self.world.key.token(), (("x-tenant-id", "globex"),))
        self.assertEqual({asked.path for asked in self.world.stripe.asked if asked.method == "GET"}, {"/v1/customers/cus_A"})


class Limits(Group):
    SETTINGS = {"max-in-flight": "1", "session-rate": "3", "stripe-attempt-timeout": "200ms", "deadline": "700ms"}

    def test_one_call_at_once(self) -> None:
        asked, release = threading.Event(), threading.Event()

        def hold(_, answer):
            asked.set()
            release.wait(10)
            return answer

        self.world.stripe.change = hold
        with concurrent.futures.ThreadPoolExecutor() as pool:
            first = pool.submit(self.client.open, self.world.key.token("greta", "globex"))
            asked.wait(10)
            second = self.client.open(self.world.key.token())
            release.set()
            first.result()
        self.assertEqual((second.pair, second.retry is not None), (("UNAVAILABLE", "OVERLOADED"), True))
        Group.cases += 1

    def test_a_persons_rate(self) -> None:
        token = self.world.key.token("ines", "initech")
        for _ in range(3):
            self.tell("within", self.client.open(token), "FAILED_PRECONDITION", "NO_BILLING_ACCOUNT")
        told = self.tell("over", self.client.open(token), "RESOURCE_EXHAUSTED", "RATE_LIMITED")
        self.assertTrue(10 < told.retry <= 20, told)
        self.assertEqual(self.client.ask(token).reason, "REASON_NO_BILLING_ACCOUNT")

    def test_a_stripe_that_hangs(self) -> None:
        never = threading.Event()
        self.world.stripe.change = lambda _, answer: answer if never.wait(5) else answer
        told = self.client.open(self.world.key.token())
        self.assertIn(told.pair, [("UNAVAILABLE", "STRIPE_UNAVAILABLE"), ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")])
        never.set()
        Group.cases += 1


class Istio(Group):
    SETTINGS = {"caller-identity": "istio", "allowed-callers": SETTINGS}

    def test_callers(self) -> None:
        element = lambda uri: f'By=spiffe://td/b;Hash=0a;Subject="CN=a,O=\\"b";URI={uri}'
        token = self.world.key.token()
        for case, metadata in {
            "right": ((XFCC, element(SETTINGS)),), "key in capitals": ((XFCC, f"uri={SETTINGS}"),),
            "last of two": ((XFCC, f"{element('spiffe://td/x')},{element(SETTINGS)}"),),
        }.items():
            self.opens(case, self.client.open(token, metadata))
            self.assertEqual(self.world.audit()[-1]["caller"], SETTINGS)
        for case, metadata in {
            "none": (), "another": ((XFCC, element("spiffe://cluster.local/ns/web/sa/other")),),
            "a prefix": ((XFCC, element(SETTINGS[:-1])),), "a suffix": ((XFCC, element(SETTINGS + "2")),),
            "another trust domain": ((XFCC, element(SETTINGS.replace("cluster.local", "evil"))),),
            "forged first": ((XFCC, f"{element(SETTINGS)},{element('spiffe://td/x')}"),),
            "two URIs": ((XFCC, f"{element(SETTINGS)};URI={SETTINGS}"),), "no URI": ((XFCC, "By=x"),),
            "an open quote": ((XFCC, f'URI={SETTINGS};Subject="'),), "twice": ((XFCC, element(SETTINGS)),) * 2,
            "the other mesh": ((L5D, LINKERD),), "both": ((XFCC, element(SETTINGS)), (L5D, LINKERD)),
        }.items():
            self.tell(case, self.client.open(token, metadata), "PERMISSION_DENIED", "CALLER_NOT_ALLOWED")
            self.tell(case, self.client.ask(token, metadata), "PERMISSION_DENIED", "CALLER_NOT_ALLOWED")
        self.tell("no principal", self.client.open(None, ((XFCC, element(SETTINGS)),)), "UNAUTHENTICATED", "TOKEN_MISSING")


class Linkerd(Group):
    SETTINGS = {"caller-identity": "linkerd", "allowed-callers": LINKERD}

    def test_callers(self) -> None:
        token = self.world.key.token()
        self.opens("right", self.client.open(token, ((L5D, LINKERD),)))
        for case, metadata in {
            "none": (), "another": ((L5D, f"x{LINKERD}"),), "twice": ((L5D, LINKERD),) * 2,
            "the other mesh": ((XFCC, f"URI={SETTINGS}"),), "both": ((L5D, LINKERD), (XFCC, f"URI={SETTINGS}")),
        }.items():
            self.tell(case, self.client.open(token, metadata), "PERMISSION_DENIED", "CALLER_NOT_ALLOWED")
