"""A client made from the proto alone, and what it is told."""

import pathlib
import sys
import tempfile
from dataclasses import dataclass

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2
from grpc_tools import protoc

from service import ROOT, RETURN_URL

_stubs = tempfile.TemporaryDirectory(prefix="billing-portal-stubs-")
PROTO = "billing/portal/v1/billing_portal.proto"
_arguments = ["protoc", f"-I{ROOT / 'proto'}", f"--python_out={_stubs.name}", f"--grpc_python_out={_stubs.name}", PROTO]
assert protoc.main(_arguments) == 0
sys.path.insert(0, _stubs.name)

from billing.portal.v1 import billing_portal_pb2 as pb  # noqa: E402
from billing.portal.v1 import billing_portal_pb2_grpc as rpc  # noqa: E402


@dataclass
class Told:
    """OK with a URL or an access, or a refusal."""

    code: str = "OK"
    reason: str = "OK"
    url: str = ""
    request_id: str = ""
    field: str = ""
    retry: float | None = None
    text: str = ""
    visible: bool | None = None

    @property
    def pair(self) -> tuple[str, str]:
        return self.code, self.reason


def refusal(error: grpc.RpcError) -> Told:
    raw = dict(error.trailing_metadata()).get("grpc-status-details-bin")
    assert raw, f"no details: {error.code()} {error.details()}"
    return refused(error.code().name, error.details(), raw)


def refused(code: str, text: str, raw: bytes) -> Told:
    status = status_pb2.Status.FromString(raw)
    told = Told(code, reason="", text=text)
    for detail in status.details:
        read(detail, told)
    return told


def read(detail: Any, told: Told) -> None:
    info, retry, bad = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo(), error_details_pb2.BadRequest()
    if detail.Unpack(info):
        assert info.domain == "billing.portal.v1", info
        told.reason, told.request_id = info.reason, info.metadata["request_id"]
    elif detail.Unpack(retry):
        told.retry = retry.retry_delay.ToTimedelta().total_seconds()
    elif detail.Unpack(bad):
        told.field = bad.field_violations[0].field


class Client:
    def __init__(self, address: str) -> None:
        self.address = address
        self.channel = grpc.insecure_channel(address, options=[("grpc.enable_retries", 0)])
        self.portal, self.access = rpc.BillingPortalStub(self.channel), rpc.PortalAccessStub(self.channel)

    def open(self, token: str | None, metadata: tuple = (), timeout: float | None = None, **fields: object) -> Told:
        fields = {"return_url": RETURN_URL} | fields
        try:
            answer = self.portal.CreatePortalSession(
                pb.CreatePortalSessionRequest(**fields), metadata=(*bearer(token), *metadata), timeout=timeout)
            return Told(url=answer.url)
        except grpc.RpcError as error:
            return refusal(error)

    def ask(self, token: str | None, metadata: tuple = (), displayed: str = "") -> Told:
        try:
            message = pb.GetPortalAccessRequest(displayed_tenant_id=displayed)
            answer = self.access.GetPortalAccess(message, metadata=(*bearer(token), *metadata))
            return Told(visible=answer.visible, reason=pb.Reason.Name(answer.reason))
        except grpc.RpcError as error:
            return refusal(error)

    def close(self) -> None:
        self.channel.close()


def bearer(token: str | None) -> tuple:
    return (("authorization", f"Bearer {token}"),) if token is not None else ()
