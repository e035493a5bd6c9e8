"""Sends requests that gRPC libraries cannot send: one HTTP/2 request per connection."""

import base64
import socket

import h2.config
import h2.connection
import h2.events
import h2.settings

from client import Result, parse_refusal

CREATE_SESSION = "/billing.portal.v1.BillingPortal/CreatePortalSession"


def frame(message: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


def send(
    address: str, headers: list[tuple[str, str]], body: bytes, path: str = CREATE_SESSION, method: str = "POST"
) -> dict[str, str]:
    """Sends a request and returns the response's headers and trailers. Validation is off, to allow invalid requests."""
    config = h2.config.H2Configuration(
        header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False
    )
    connection = h2.connection.H2Connection(config)
    host, port = address.rsplit(":", 1)
    received: dict[str, str] = {}
    with socket.create_connection((host, int(port)), timeout=20) as stream:
        connection.initiate_connection()
        pseudo = [(":method", method), (":path", path), (":scheme", "http"), (":authority", address)]
        connection.send_headers(1, pseudo + headers)
        for start in range(0, len(body), 16_000):
            connection.send_data(1, body[start:start + 16_000])
        connection.end_stream(1)
        stream.sendall(connection.data_to_send())
        while data := stream.recv(65_536):
            for event in connection.receive_data(data):
                if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                    received |= dict(event.headers)
                elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                    return received
            stream.sendall(connection.data_to_send())
    return received


CODES = ["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
         "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
         "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"]


def call(address: str, token: str, body: bytes, *headers: tuple[str, str], path: str = CREATE_SESSION) -> Result:
    """Makes a gRPC call with a body of framed messages and returns its result."""
    grpc_headers = [("content-type", "application/grpc"), ("te", "trailers"), ("authorization", f"Bearer {token}")]
    received = send(address, grpc_headers + list(headers), body, path)
    code = CODES[int(received["grpc-status"])]
    if code == "OK":
        return Result()
    details = received["grpc-status-details-bin"]
    padded = details + "=" * (-len(details) % 4)
    return parse_refusal(code, received.get("grpc-message", ""), base64.b64decode(padded))
