"""The behaviors of gRPC's interoperability tests that a unary service can show, with grpcio and grpc-go: README.md."""

import base64
import concurrent.futures
import contextlib
import pathlib
import subprocess
import threading
import time
from collections.abc import Callable

import grpc

from base import ServiceTest
from client import bearer, pb, refusal_from_error
from documented import rows
from raw import CREATE_SESSION, frame, send
from service import RETURN_URL

ACCESS = "/billing.portal.v1.PortalAccess/GetPortalAccess"
# The text of the specification.
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"


def field(number: int, content: bytes) -> bytes:
    """Encodes a field of the type bytes."""
    def varint(value: int) -> bytes:
        return bytes([value]) if value < 128 else bytes([value % 128 + 128]) + varint(value // 128)
    return varint(number * 8 + 2) + varint(len(content)) + content


VALID = pb.CreatePortalSessionRequest(return_url=RETURN_URL).SerializeToString()
MESSAGES = {
    "VALID": VALID,
    # The service ignores a field that it does not know.
    "LARGEST": VALID + field(100, bytes(16_384 - len(VALID) - 5)),
    "TOO_LARGE": VALID + field(100, bytes(271_828 - len(VALID) - 6)),
    "SPECIAL": pb.CreatePortalSessionRequest(return_url=SPECIAL).SerializeToString(),
    # file_containing_symbol of a ServerReflectionRequest.
    "SYMBOL": field(4, SPECIAL.encode()),
}
TEXTS = {
    # Metadata of the caller that is in the response.
    "custom_metadata": "0",
    "status_code_and_message": "principal token is missing",
    "special_status_message": "return URL is not allowed",
    "special_status_message, reflection": f"symbol '{SPECIAL}' not found",
}


class Python:
    """The behaviors with grpcio."""

    def __init__(self, address: str, token: str) -> None:
        self.address, self.metadata = address, bearer(token)
        self.channel = self.connect()

    def connect(self) -> grpc.Channel:
        return grpc.insecure_channel(self.address, options=[("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)])

    def session(self, message: str = "VALID", metadata: tuple = (), **options: object) -> tuple[str, str]:
        call = self.channel.unary_unary(CREATE_SESSION)
        return result(lambda: call(MESSAGES[message], metadata=(*self.metadata, *metadata), **options))

    def access(self, channel: grpc.Channel | None = None, path: str = ACCESS) -> str:
        return result(lambda: (channel or self.channel).unary_unary(path)(b"", metadata=self.metadata))[0]

    def reflect(self) -> tuple[str, str]:
        stream = self.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        return result(lambda: next(stream(iter([MESSAGES["SYMBOL"]]))))

    def cancel(self, received: threading.Event) -> str:
        call = self.channel.unary_unary(CREATE_SESSION).future(MESSAGES["VALID"], metadata=self.metadata)
        received.wait(20)
        call.cancel()
        return call.code().name

    def echo(self) -> tuple[str, str]:
        sent = (("x-grpc-test-echo-initial", "test_initial_metadata_value"), ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"))
        call = self.channel.unary_unary(CREATE_SESSION)
        _, call = call.with_call(MESSAGES["VALID"], metadata=(*self.metadata, *sent))
        returned = {name for name, _ in (*call.initial_metadata(), *call.trailing_metadata())}
        return call.code().name, str(len(returned & {name for name, _ in sent}))

    def soak_channels(self) -> str:
        results = set()
        for _ in range(20):
            with self.connect() as channel:
                results.add(self.access(channel))
        return ", ".join(results)

    def run(self, name: str, received: threading.Event) -> tuple[str, str]:
        behaviors: dict[str, Callable[[], str | tuple[str, str]]] = {
            "empty_unary": self.access,
            "large_unary": lambda: self.session("LARGEST")[0],
            "large_unary, 271,828 bytes": lambda: self.session("TOO_LARGE")[0],
            "client_compressed_unary": lambda: self.session(compression=grpc.Compression.Gzip)[0],
            "server_compressed_unary": self.session,
            "custom_metadata": self.echo,
            "status_code_and_message": lambda: result(lambda: self.channel.unary_unary(CREATE_SESSION)(VALID)),
            "special_status_message": lambda: self.session("SPECIAL"),
            "special_status_message, reflection": self.reflect,
            "unimplemented_method": lambda: self.access(path="/billing.portal.v1.PortalAccess/UnimplementedCall"),
            "unimplemented_service": lambda: self.access(path="/grpc.testing.UnimplementedService/UnimplementedCall"),
            "cancel_after_begin": lambda: self.cancel(received),
            # Whether the client or the service notices first is a race. Only the latter names a reason.
            "timeout_on_sleeping_server": lambda: self.session(timeout=0.3)[0].split(" ")[0],
            "concurrent_large_unary": self.soak_concurrently,
            "rpc_soak": lambda: ", ".join({self.access() for _ in range(100)}),
            "channel_soak": self.soak_channels,
        }
        outcome = behaviors[name]()
        return (outcome, "") if isinstance(outcome, str) else outcome

    def soak_concurrently(self) -> str:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            return ", ".join({outcome for outcome, _ in pool.map(self.session, ["LARGEST"] * 16)})

    def close(self) -> None:
        self.channel.close()


class Go:
    """The behaviors with grpc-go, in a process that reads their names."""

    def __init__(self, address: str, token: str, folder: pathlib.Path) -> None:
        source = pathlib.Path(__file__).with_name("go")
        subprocess.run(["go", "build", "-C", source, "-o", folder / "interop", "."], check=True)
        for name, message in MESSAGES.items():
            (folder / name).write_bytes(message)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([folder / "interop", address, token, folder], **pipes)

    def write(self, line: str) -> None:
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def run(self, name: str, received: threading.Event) -> tuple[str, str]:
        self.write(name)
        if name == "cancel_after_begin":
            received.wait(20)
            self.write("cancel")
        outcome, text = self.process.stdout.readline().rstrip("\n").split("\t")
        return outcome, base64.b64decode(text).decode()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def result(call: Callable[[], object]) -> tuple[str, str]:
    """Returns the code and reason of a call, and the text of its status."""
    try:
        call()
        return "OK", ""
    except grpc.RpcError as error:
        if not dict(error.trailing_metadata() or ()).get("grpc-status-details-bin"):
            return error.code().name, error.details()
        return " ".join(refusal_from_error(error).code_and_reason), error.details()


class InteropTest(ServiceTest):
    @contextlib.contextmanager
    def held_stripe(self, held: bool):
        """Makes Stripe hold its responses until the end of the block. Yields what is set when it receives a request."""
        received, release = threading.Event(), threading.Event()

        def hold(_, response):
            received.set()
            release.wait(20)
            return response

        self.world.stripe.hook = hold if held else None
        yield received
        release.set()
        self.world.stripe.hook = None

    def outcomes(self) -> list[str]:
        return [entry["reason"] for entry in self.world.read_audit() if entry["event"] == "outcome"]

    def test_both_clients_show_each_behavior(self) -> None:
        token = self.world.key.token()
        clients = {"Go": Go(self.client.address, token, self.world.folder), "Python": Python(self.client.address, token)}
        for client in clients.values():
            self.addCleanup(client.close)
        for row in rows("behavior"):
            name = row["behavior"]
            for language, client in clients.items():
                before = len(self.outcomes())
                with self.subTest(behavior=name, language=language):
                    with self.held_stripe(name in ("cancel_after_begin", "timeout_on_sleeping_server")) as received:
                        outcome, text = client.run(name, received)
                        self.assertEqual(outcome, row["result"])
                        self.assertEqual((row[language], text), ("yes", TEXTS.get(name, text)))
                    if name == "cancel_after_begin":
                        self.wait_for_outcome(before, {"CANCELLED"})
                    elif name == "timeout_on_sleeping_server":
                        self.wait_for_outcome(before, {"CANCELLED", "DEADLINE_EXCEEDED"})
                ServiceTest.cases += 1
        print(f"gRPC interoperability: {len(rows('behavior'))} behaviors, each with {' and '.join(clients)}")

    def wait_for_outcome(self, before: int, expected: set[str]) -> None:
        """The client does not wait for the service."""
        end = time.monotonic() + 20
        while len(self.outcomes()) == before and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(len(self.outcomes()), before + 1)
        self.assertIn(self.outcomes()[-1], expected)

    def test_responses_are_not_compressed_and_refusal_names_what_is_accepted(self) -> None:
        headers = [("content-type", "application/grpc"), ("te", "trailers"), *bearer(self.world.key.token())]
        accepted = send(self.client.address, [*headers, ("grpc-accept-encoding", "gzip, identity")], frame(VALID))
        self.assertEqual((accepted["grpc-status"], accepted.get("grpc-encoding", "identity")), ("0", "identity"))
        refused = send(self.client.address, [*headers, ("grpc-encoding", "gzip")], frame(VALID))
        self.assertEqual((refused["grpc-status"], refused.get("grpc-accept-encoding")), ("12", "identity"))
        ServiceTest.cases += 2
