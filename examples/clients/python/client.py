"""Opens the billing portal once, with a client that was generated from the descriptor set."""

import os
import pathlib
import sys
import urllib.parse

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status

sys.path.append(str(pathlib.Path(__file__).parent / "gen"))
from billing.portal.v1.billing_portal_pb2 import CreatePortalSessionRequest  # noqa: E402
from billing.portal.v1.billing_portal_pb2_grpc import BillingPortalStub  # noqa: E402

# The mesh encrypts and identifies the caller, so the connection itself is plain text.
channel = grpc.insecure_channel(os.environ["SERVICE"], options=[("grpc.enable_retries", 0)])
metadata = [("authorization", f"Bearer {os.environ['PRINCIPAL_TOKEN']}")]
request = CreatePortalSessionRequest(return_url=os.environ["RETURN_URL"])

try:
    response = BillingPortalStub(channel).CreatePortalSession(request, metadata=metadata, timeout=12)
except grpc.RpcError as error:
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        if detail.Unpack(info := ErrorInfo()):
            print("refused:", info.domain, info.reason, info.metadata["request_id"])
        elif detail.Unpack(invalid := BadRequest()):
            print("field:", invalid.field_violations[0].field, invalid.field_violations[0].description)
        elif detail.Unpack(retry := RetryInfo()):
            print("retry after:", retry.retry_delay.ToTimedelta().total_seconds(), "s")
    sys.exit(f"{error.code().name}: {error.details()}")
# The URL grants access to anyone who has it, so only its origin is printed.
session = urllib.parse.urlsplit(response.url)
print(f"opened: {session.scheme}://{session.netloc}")
