"""Certificates for a listener with mutual TLS, and a relay that presents the caller's: h2spec cannot present one."""

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from service import World

CALLER = "spiffe://example.org/settings"


class Authority:
    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CA")])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self.certificate = self.sign(self.name, self.key, constraints)

    def sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        hour = datetime.timedelta(hours=1)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - hour).not_valid_after(now + hour)
        return builder.add_extension(extension, critical=True).sign(self.key, hashes.SHA256())

    def issue(self, world: World, name: str, subject: x509.GeneralName) -> tuple[str, str]:
        """Writes a certificate and its key into the folder of the world, and returns their paths."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.sign(x509.Name([]), key, x509.SubjectAlternativeName([subject]))
        key_format = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return (str(world.write(f"{name}.crt", pem(certificate))),
                str(world.write(f"{name}.key", key.private_bytes(serialization.Encoding.PEM, *key_format).decode())))


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def mutual_tls(world: World) -> tuple[dict[str, str], ssl.SSLContext]:
    """Returns the settings of a listener with mutual TLS, and the context of a caller that it allows."""
    authority = Authority()
    ca = str(world.write("ca.crt", pem(authority.certificate)))
    certificate, key = authority.issue(world, "service", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(*authority.issue(world, "caller", x509.UniformResourceIdentifier(CALLER)))
    context.set_alpn_protocols(["h2"])
    return {"caller-identity": "mtls", "allowed-callers": CALLER, "tls-client-ca-file": ca,
            "tls-certificate-file": certificate, "tls-private-key-file": key}, context


class Relay:
    """Listens without TLS, and forwards each connection over TLS, in a thread."""

    def __init__(self, address: str, context: ssl.SSLContext) -> None:
        self.host, self.port = address.rsplit(":", 1)
        self.context = context
        started = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.serve(started)))
        self.thread.start()
        started.wait()

    async def serve(self, started: threading.Event) -> None:
        self.loop, self.closed = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self.forward, "127.0.0.1", 0)
        self.address = "127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        started.set()
        await self.closed.wait()
        server.close()

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_service, to_service = await asyncio.open_connection(self.host, int(self.port), ssl=self.context)
        copies = [asyncio.create_task(copy(reader, to_service)), asyncio.create_task(copy(from_service, writer))]
        try:
            # The end of either direction ends the connection.
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in copies:
                task.cancel()
            to_service.transport.abort()
            # Sends what was written before.
            writer.close()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.closed.set)
        self.thread.join()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
