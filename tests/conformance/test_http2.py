"""HTTP/2: h2spec finds only the deviations that README.md explains, and this tests what it skips."""

import concurrent.futures
import socket
import struct
import subprocess
import tempfile
import xml.etree.ElementTree

import hpack

from base import ServiceTest
from certificates import Relay, mutual_tls
from client import pb
from documented import rows
from raw import CREATE_SESSION, frame
from service import RETURN_URL, World

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE, REFUSED_STREAM = 4, 7


# How often a case is repeated that fails without an explanation. A deviation fails each time, and a race does not.
REPETITIONS = 20


def h2spec(world: World, address: str, case: str = "") -> tuple[int, dict[str, str]]:
    """Runs one or every case. Returns their number, and the result of each case that has not passed."""
    with tempfile.NamedTemporaryFile(dir=world.folder, suffix=".xml") as report:
        host, port = address.rsplit(":", 1)
        # A case that fails because it waits for something else takes all of the timeout.
        command = ["h2spec", "--strict", "--timeout=5", f"--host={host}", f"--port={port}", f"--junit-report={report.name}"]
        subprocess.run(command + [case] * bool(case), capture_output=True, timeout=300)
        suites = list(xml.etree.ElementTree.parse(report.name).iter("testsuite"))
    count, results = 0, {}
    for suite in suites:
        for number, element in enumerate(suite.iter("testcase"), 1):
            count += 1
            if len(element):
                name = case or f"{suite.get('package')}/{number}"
                results[name] = "skips" if element[0].tag == "skipped" else "fails"
    return count, results


def is_race(world: World, address: str, case: str) -> bool:
    """Returns whether a case that has failed passes when it is repeated."""
    return any(h2spec(world, address, case) == (1, {}) for _ in range(REPETITIONS))


class H2specTest(ServiceTest):
    def test_every_deviation_is_explained(self) -> None:
        settings, caller = mutual_tls(self.world)
        relay = Relay(self.world.start(settings), caller)
        self.addCleanup(relay.close)
        addresses = {"plain text": self.client.address, "mutual TLS": relay.address}
        with concurrent.futures.ThreadPoolExecutor() as pool:
            runs = {name: pool.submit(h2spec, self.world, address) for name, address in addresses.items()}
        for name, run in runs.items():
            count, results = run.result()
            self.assertGreaterEqual(count, 146)
            for row in rows("case"):
                result = results.pop(row["case"], "passes")
                expected = ("passes", "fails") if row[name] == "may fail" else (row[name],)
                self.assertIn(result, expected, (row["case"], name))
            races = {case for case, result in results.items()
                     if result == "fails" and is_race(self.world, addresses[name], case)}
            self.assertEqual({case: results[case] for case in results.keys() - races}, {}, f"not explained, {name}")
            print(f"h2spec, {name}: {count} cases")
            ServiceTest.cases += count


class Connection:
    """A connection that writes and reads frames by itself."""

    def __init__(self, address: str, settings: list[tuple[int, int]]) -> None:
        host, port = address.rsplit(":", 1)
        self.stream = socket.create_connection((host, int(port)), timeout=20)
        self.received = self.stream.makefile("rb")
        self.stream.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.change_settings(settings)
        self.body = b""

    def send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self.stream.sendall(len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload)

    def change_settings(self, settings: list[tuple[int, int]]) -> None:
        self.send(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *setting) for setting in settings))

    def call(self, stream: int, token: str) -> None:
        headers = [(":method", "POST"), (":scheme", "http"), (":path", CREATE_SESSION), (":authority", "x"),
                   ("content-type", "application/grpc"), ("te", "trailers"), ("authorization", f"Bearer {token}")]
        # An encoder of its own, because a frame that the service does not read would change a shared one.
        self.send(HEADERS, END_HEADERS, stream, hpack.Encoder().encode(headers))
        message = pb.CreatePortalSessionRequest(return_url=RETURN_URL).SerializeToString()
        self.send(DATA, END_STREAM, stream, frame(message))

    def read(self, *kinds: int) -> tuple[int, int, bytes]:
        """Reads up to a frame of one of these kinds, and returns its kind, flags and payload. Keeps the data of responses."""
        while True:
            head = self.received.read(9)
            payload = self.received.read(int.from_bytes(head[:3]))
            if head[3] == DATA:
                self.body += payload
            if head[3] in kinds:
                return head[3], head[4], payload

    def read_body(self, length: int) -> None:
        while len(self.body) < length:
            self.read(DATA)

    def read_what_may_be_sent(self) -> None:
        """Reads what the service sends without a change of the window: it answers two pings afterwards."""
        for _ in range(2):
            self.send(PING, 0, 0, bytes(8))
            while self.read(PING)[1] != ACK:
                pass

    def close(self) -> None:
        self.received.close()
        self.stream.close()


class UntestedCasesTest(ServiceTest):
    """What h2spec tests only with a page that has a body."""

    def connect(self, settings: list[tuple[int, int]]) -> Connection:
        connection = Connection(self.client.address, settings)
        self.addCleanup(connection.close)
        return connection

    def test_response_respects_each_change_of_the_initial_window(self) -> None:
        connection = self.connect([(INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 1)])
        connection.call(1, self.world.key.token())
        connection.read_body(1)
        connection.read_what_may_be_sent()
        self.assertEqual(len(connection.body), 1)
        connection.change_settings([(INITIAL_WINDOW_SIZE, 3)])
        connection.read_body(3)
        # The window becomes -2.
        connection.change_settings([(INITIAL_WINDOW_SIZE, 1)])
        connection.read_what_may_be_sent()
        connection.send(WINDOW_UPDATE, 0, 1, (2).to_bytes(4))
        connection.read_what_may_be_sent()
        self.assertEqual(len(connection.body), 3)
        connection.send(WINDOW_UPDATE, 0, 1, (1).to_bytes(4))
        connection.read_body(4)
        connection.read_what_may_be_sent()
        self.assertEqual(len(connection.body), 4)
        ServiceTest.cases += 4

    def test_101st_open_stream_is_refused(self) -> None:
        # Without a window, a response cannot end.
        connection = self.connect([(INITIAL_WINDOW_SIZE, 0)])
        for number in range(100):
            connection.call(2 * number + 1, self.world.key.token())
            self.assertEqual(connection.read(HEADERS, RST_STREAM, GOAWAY)[0], HEADERS)
        connection.call(201, self.world.key.token())
        kind, _, payload = connection.read(HEADERS, RST_STREAM, GOAWAY)
        self.assertEqual((kind, int.from_bytes(payload)), (RST_STREAM, REFUSED_STREAM))
        ServiceTest.cases += 1
