"""Calls CreatePortalSession at a steady rate and records each call."""

import itertools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2, status_pb2

CREATE_SESSION = "/billing.portal.v1.BillingPortal/CreatePortalSession"
HEALTH = "/grpc.health.v1.Health/Check"
DOMAIN = "billing.portal.v1"


@dataclass
class Call:
    """What the caller knows about a call. The audit entry of the process that handled it has the same trace id."""

    trace: str
    started: float
    ended: float = 0.0
    code: str = ""
    # The reason from the service; empty if the mesh responded instead.
    reason: str = ""
    text: str = ""

    @property
    def is_ok(self):
        return self.code == "OK"

    @property
    def outcome(self):
        return " ".join(filter(None, [self.code, self.reason or ("" if self.is_ok else "(by the mesh)")]))


def _message(return_url):
    """Encodes a CreatePortalSessionRequest with its first field. The text must be short enough for a length of one byte."""
    text = return_url.encode()
    return bytes([0x0A, len(text)]) + text


def open_channel(address, authority=None):
    """Opens a channel that does not share connections. The proxy routes by the authority."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0)]
    options += [("grpc.max_reconnect_backoff_ms", 200), ("grpc.initial_reconnect_backoff_ms", 50)]
    if authority:
        options.append(("grpc.default_authority", authority))
    return grpc.insecure_channel(address, options)


def create_session(channel, token, return_url, headers=(), timeout=12):
    """Makes one call. Discards the session URL, which is a bearer secret."""
    trace = os.urandom(16).hex()
    metadata = [("traceparent", f"00-{trace}-{os.urandom(8).hex()}-01"), *headers]
    if token:
        metadata.append(("authorization", f"Bearer {token}"))
    call = Call(trace, time.time())
    try:
        channel.unary_unary(CREATE_SESSION)(_message(return_url), timeout=timeout, metadata=metadata)
        call.code = "OK"
    except grpc.RpcError as error:
        call.code, call.text = error.code().name, error.details()
        call.reason = _reason(error)
    call.ended = time.time()
    return call


def _reason(error):
    """Returns the reason in the service's ErrorInfo, or an empty string if the status does not have one."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info) and info.domain == DOMAIN:
                    return info.reason
    return ""


def is_serving(address):
    """Returns whether the health service reports SERVING."""
    with open_channel(address) as channel:
        try:
            return channel.unary_unary(HEALTH)(b"", timeout=1) == b"\x08\x01"
        except grpc.RpcError as error:
            raise OSError(error.details()) from error


class Load:
    """A caller that starts calls at a fixed rate, even if earlier ones are still running."""

    def __init__(self, address, authority, token, return_url, rate):
        self._token, self._return_url, self._interval = token, return_url, 1 / rate
        self._channels = itertools.cycle([open_channel(address, authority) for _ in range(2)])
        self._callers, self._stop = ThreadPoolExecutor(64), threading.Event()
        self.calls = []
        self._thread = threading.Thread(target=self._run)

    def start(self):
        self._thread.start()
        return self

    def _run(self):
        next_start = time.monotonic()
        while not self._stop.wait(max(0.0, next_start - time.monotonic())):
            self._callers.submit(self._call, next(self._channels))
            next_start += self._interval

    def _call(self, channel):
        self.calls.append(create_session(channel, self._token(), self._return_url))

    def stop(self):
        self._stop.set()
        self._thread.join()
        self._callers.shutdown()
