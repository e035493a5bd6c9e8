"""Signs principal tokens, valid and invalid, with keys of all four algorithms."""

import base64
import hashlib
import hmac
import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUER = "https://login.example.com"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encode_integer(value: int, length: int | None = None) -> str:
    return base64url(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


class Key:
    """A key pair with its `kid` and its algorithm."""

    def __init__(self, alg: str, kid: str, bits: int = 2048) -> None:
        self.alg, self.kid = alg, kid
        if alg == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        elif alg == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
        else:
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    def jwk(self, **members: object) -> dict:
        public = self.private.public_key()
        jwk: dict = {"kid": self.kid, "alg": self.alg, "use": "sig"}
        if self.alg == "EdDSA":
            jwk |= {"kty": "OKP", "crv": "Ed25519", "x": base64url(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}
        elif self.alg == "ES256":
            point = public.public_numbers()
            jwk |= {"kty": "EC", "crv": "P-256", "x": encode_integer(point.x, 32), "y": encode_integer(point.y, 32)}
        else:
            numbers = public.public_numbers()
            jwk |= {"kty": "RSA", "n": encode_integer(numbers.n), "e": encode_integer(numbers.e)}
        return jwk | members

    def sign(self, message: bytes) -> bytes:
        if self.alg == "EdDSA":
            return self.private.sign(message)
        if self.alg == "ES256":
            r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if self.alg == "RS256":
            return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256().digest_size)
        return self.private.sign(message, pss, hashes.SHA256())

    def header(self, **members: object) -> dict:
        return drop_none({"alg": self.alg, "typ": "principal+jwt", "kid": self.kid} | members)

    def token(self, user: str = "olivia", tenant: str = "acme", role: str = "owner", **members: object) -> str:
        return self.sign_compact(self.header(), claims(user, tenant, role) | members)

    def sign_compact(self, header: dict | str, payload: dict | str) -> str:
        parts = [part if isinstance(part, str) else json.dumps(drop_none(part)) for part in (header, payload)]
        message = ".".join(base64url(part.encode()) for part in parts)
        return f"{message}.{base64url(self.sign(message.encode()))}"

    def token_signed_with_hmac(self) -> str:
        """Returns a token signed with HS256, with the public key in PEM as the secret."""
        message = f"{base64url(json.dumps(self.header(alg='HS256')).encode())}.{base64url(json.dumps(claims()).encode())}"
        secret = self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return f"{message}.{base64url(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"


def claims(user: str = "olivia", tenant: str = "acme", role: str = "owner") -> dict:
    now = int(time.time())
    return {
        "iss": ISSUER, "aud": "billing-portal", "sub": user, "tenant": tenant, "role": role,
        "iat": now, "exp": now + 300,
    }


def drop_none(members: dict) -> dict:
    return {name: value for name, value in members.items() if value is not None}
