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

# With a mesh, the connection is plain text: the mesh encrypts, and identifies this workload. Without a mesh, the
# certificate of this workload does.
FILES = ["SERVICE_CA_FILE", "SERVICE_PRIVATE_KEY_FILE", "SERVICE_CERTIFICATE_FILE"]
service, options = os.environ["SERVICE"], [("grpc.enable_retries", 0)]
if any(name in os.environ for name in FILES):
    ca, private_key, certificate = (pathlib.Path(os.environ[name]).read_bytes() for name in FILES)
    channel = grpc.secure_channel(service, grpc.ssl_channel_credentials(ca, private_key, certificate), options)
else:
    channel = grpc.insecure_channel(service, options)
metadata = [("authorization", f"Bearer {os.environ['PRINCIPAL_TOKEN']}")]
request = CreatePortalSessionRequest(return_url=os.environ["RETURN_URL"])
# The page for one task, which has a URL of its own to return to when the task is done.
if completed_url := os.environ.get("COMPLETED_URL"):
    request.payment_method_update.SetInParent()
    request.completed_url = completed_url

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
