"""Calls CreatePortalSession without end, at a steady rate, and remembers each call."""

import itertools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2, status_pb2

OPEN = "/billing.portal.v1.BillingPortal/CreatePortalSession"
HEALTH = "/grpc.health.v1.Health/Check"
DOMAIN = "billing.portal.v1"


@dataclass
class Call:
    """What a caller knows of a call. The trace is its own, and stands in the audit line of whoever answered."""

    trace: str
    started: float
    ended: float = 0.0
    code: str = ""
    # The service's own, or none where something in between answered.
    reason: str = ""
    text: str = ""

    @property
    def session(self):
        return self.code == "OK"

    @property
    def outcome(self):
        return " ".join(filter(None, [self.code, self.reason or ("" if self.session else "(by the mesh)")]))


def _message(return_url):
    """A CreatePortalSessionRequest with its first field: short, so that its length is one byte."""
    text = return_url.encode()
    return bytes([0x0A, len(text)]) + text


def channel(address, authority=None):
    """A connection of its own. The service's authority is what the proxy routes by."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0)]
    options += [("grpc.max_reconnect_backoff_ms", 200), ("grpc.initial_reconnect_backoff_ms", 50)]
    if authority:
        options.append(("grpc.default_authority", authority))
    return grpc.insecure_channel(address, options)


def call(connection, token, return_url, headers=(), timeout=12):
    """One call, and what came of it. The session's URL is dropped: it lets anyone in."""
    trace = os.urandom(16).hex()
    metadata = [("traceparent", f"00-{trace}-{os.urandom(8).hex()}-01"), *headers]
    if token:
        metadata.append(("authorization", f"Bearer {token}"))
    made = Call(trace, time.time())
    try:
        connection.unary_unary(OPEN)(_message(return_url), timeout=timeout, metadata=metadata)
        made.code = "OK"
    except grpc.RpcError as error:
        made.code, made.text = error.code().name, error.details()
        made.reason = _reason(error)
    made.ended = time.time()
    return made


def _reason(error):
    """The ErrorInfo of the service, wherever the status carries one."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info) and info.domain == DOMAIN:
                    return info.reason
    return ""


def serving(address):
    """Whether health says SERVING."""
    with channel(address) as connection:
        try:
            return connection.unary_unary(HEALTH)(b"", timeout=1) == b"\x08\x01"
        except grpc.RpcError as error:
            raise OSError(error.details()) from error


class Load:
    """A caller that starts a call at each beat, whatever became of those before it."""

    def __init__(self, address, authority, token, return_url, rate):
        self._token, self._return_url, self._beat = token, return_url, 1 / rate
        self._channels = itertools.cycle([channel(address, authority) for _ in range(2)])
        self._callers, self._stop = ThreadPoolExecutor(64), threading.Event()
        self.calls = []
        self._thread = threading.Thread(target=self._run)

    def start(self):
        self._thread.start()
        return self

    def _run(self):
        beat = time.monotonic()
        while not self._stop.wait(max(0.0, beat - time.monotonic())):
            self._callers.submit(self._one, next(self._channels))
            beat += self._beat

    def _one(self, connection):
        self.calls.append(call(connection, self._token(), self._return_url))

    def stop(self):
        self._stop.set()
        self._thread.join()
        self._callers.shutdown()
