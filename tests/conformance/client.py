"""A client that is generated from the proto, and the results of its calls."""

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
class Result:
    """The result of a call: a URL, an access decision, or a refusal."""

    code: str = "OK"
    reason: str = "OK"
    url: str = ""
    request_id: str = ""
    field: str = ""
    retry_delay: float | None = None
    text: str = ""
    visible: bool | None = None

    @property
    def code_and_reason(self) -> tuple[str, str]:
        return self.code, self.reason


def refusal_from_error(error: grpc.RpcError) -> Result:
    details = dict(error.trailing_metadata()).get("grpc-status-details-bin")
    assert details, f"status without details: {error.code()} {error.details()}"
    return parse_refusal(error.code().name, error.details(), details)


def parse_refusal(code: str, text: str, details: bytes) -> Result:
    status = status_pb2.Status.FromString(details)
    result = Result(code, reason="", text=text)
    for detail in status.details:
        add_detail(detail, result)
    return result


def add_detail(detail: Any, result: Result) -> None:
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    bad_request = error_details_pb2.BadRequest()
    if detail.Unpack(info):
        assert info.domain == "billing.portal.v1", info
        result.reason, result.request_id = info.reason, info.metadata["request_id"]
    elif detail.Unpack(retry):
        result.retry_delay = retry.retry_delay.ToTimedelta().total_seconds()
    elif detail.Unpack(bad_request):
        result.field = bad_request.field_violations[0].field


class Client:
    def __init__(self, address: str) -> None:
        self.address = address
        self.channel = grpc.insecure_channel(address, options=[("grpc.enable_retries", 0)])
        self.portal, self.access = rpc.BillingPortalStub(self.channel), rpc.PortalAccessStub(self.channel)

    def create_session(
        self, token: str | None, metadata: tuple = (), timeout: float | None = None, **fields: object
    ) -> Result:
        fields = {"return_url": RETURN_URL} | fields
        try:
            response = self.portal.CreatePortalSession(
                pb.CreatePortalSessionRequest(**fields), metadata=(*bearer(token), *metadata), timeout=timeout)
            return Result(url=response.url)
        except grpc.RpcError as error:
            return refusal_from_error(error)

    def get_access(self, token: str | None, metadata: tuple = (), displayed_tenant: str = "") -> Result:
        try:
            message = pb.GetPortalAccessRequest(displayed_tenant_id=displayed_tenant)
            response = self.access.GetPortalAccess(message, metadata=(*bearer(token), *metadata))
            return Result(visible=response.visible, reason=pb.Reason.Name(response.reason))
        except grpc.RpcError as error:
            return refusal_from_error(error)

    def close(self) -> None:
        self.channel.close()


def bearer(token: str | None) -> tuple:
    return (("authorization", f"Bearer {token}"),) if token is not None else ()
