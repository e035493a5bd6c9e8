"""The principal token: which tokens are accepted, and the key set that verifies them."""

import json
import time

from base import ServiceTest
from client import bearer
from tokens import Key, base64url, claims


class TokensTest(ServiceTest):
    key: Key
    others: list[Key]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.key = cls.world.key
        cls.others = [Key("ES256", "es"), Key("RS256", "rs"), Key("PS256", "ps")]
        cls.world.write_keys([key.jwk() for key in [cls.key, *cls.others]] + [Key("EdDSA", "enc").jwk(use="enc")])
        while cls.client.get_access(cls.others[0].token()).reason == "TOKEN_INVALID":
            pass

    def test_every_algorithm_is_accepted(self) -> None:
        for key in [self.key, *self.others]:
            self.expect_session(key.alg, self.client.create_session(key.token()))

    def test_malformed_authorization_headers_are_refused(self) -> None:
        good = self.key.token()
        self.expect("missing", self.client.create_session(None), "UNAUTHENTICATED", "TOKEN_MISSING")
        self.expect("under another name", self.client.create_session(None, (("authorization-bin", good.encode()),)),
                  "UNAUTHENTICATED", "TOKEN_MISSING")
        for case, metadata in {
            "duplicate header": bearer(good) * 2,
            "comma-joined": (("authorization", f"Bearer {good}, Bearer {good}"),),
            "Basic": (("authorization", f"Basic {good}"),),
            "without scheme": (("authorization", good),),
            "lower case": (("authorization", f"bearer {good}"),),
            "two spaces": (("authorization", f"Bearer  {good}"),),
            "two segments": bearer(good.rsplit(".", 1)[0]),
            "four segments": bearer(f"{good}.x"),
            "five segments, like a JWE": bearer(f"{good}.x.y"),
            "over 8 KiB": bearer(self.key.token(padding="x" * 8_000)),
            "empty": bearer(""),
        }.items():
            self.expect(case, self.client.create_session(None, metadata), "UNAUTHENTICATED", "TOKEN_INVALID")

    def test_invalid_token_headers_are_refused(self) -> None:
        for members in [
            {"alg": "none"}, {"alg": "None"}, {"alg": "ES384"}, {"alg": "ES256"}, {"alg": None}, {"alg": 7},
            {"kid": "unknown"}, {"kid": "../key-1"}, {"kid": "' OR '1'='1"}, {"kid": None}, {"kid": ["key-1"]}, {"kid": "enc"},
            {"typ": "JWT"}, {"typ": None}, {"typ": "Principal+JWT"}, {"typ": "application/principal+jwt"},
            {"crit": ["exp"]}, {"jku": "https://evil.example/"}, {"x5u": "x"}, {"x5c": []}, {"jwk": {}}, {"act": {}},
        ]:
            token = self.key.sign_compact(self.key.header(**members), claims())
            self.expect(members, self.client.create_session(token), "UNAUTHENTICATED", "TOKEN_INVALID")
        token = self.others[1].token_signed_with_hmac()
        self.expect("HS256", self.client.create_session(token), "UNAUTHENTICATED", "TOKEN_INVALID")

    def test_invalid_signatures_are_refused(self) -> None:
        good = self.key.token()
        message, signature = good.rsplit(".", 1)
        zero = self.others[0].token().rsplit(".", 1)[0]
        flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
        for case, token in {
            "flipped bit": f"{message}.{flipped}",
            "empty": f"{message}.",
            "padded": f"{good}=",
            "not canonical base64url": good[:-1] + chr(ord(good[-1]) + 1),
            "all zeros": f"{zero}.{base64url(bytes(64))}",
            "of another token": f"{message}.{self.key.token(user='greta').rsplit('.', 1)[1]}",
        }.items():
            self.expect(case, self.client.create_session(token), "UNAUTHENTICATED", "TOKEN_INVALID")

    def test_invalid_claims_are_refused(self) -> None:
        now = int(time.time())
        for members in [
            {"iss": None}, {"iss": ["https://login.example.com"]}, {"iss": "https://login.example.com/"},
            {"iss": "https://LOGIN.example.com"}, {"aud": None}, {"aud": ["billing-portal", "x"]}, {"aud": "billing-portal-2"},
            {"sub": None}, {"sub": ""}, {"sub": "a b"}, {"sub": 7}, {"sub": "x" * 256}, {"sub": "ü"},
            {"tenant": None}, {"tenant": ""}, {"tenant": {"id": "acme"}}, {"tenant": "x" * 256},
            {"role": None}, {"role": ""}, {"role": ["owner"]}, {"role": 1},
            {"iat": None}, {"iat": str(now)}, {"iat": -1}, {"iat": now + 60}, {"iat": 1.5},
            {"exp": None}, {"exp": str(now + 60)}, {"exp": -1}, {"exp": 1e18}, {"exp": now + 400}, {"iat": now, "exp": now},
            {"nbf": now + 60}, {"nbf": "soon"}, {"act": {"sub": "robot"}}, {"crit": []},
        ]:
            token = self.key.sign_compact(self.key.header(), claims() | members)
            self.expect(members, self.client.create_session(token), "UNAUTHENTICATED", "TOKEN_INVALID")
        for members in [{"nbf": now - 10}, {"jti": "x"}, {"email": "o@example.com"}, {"nbf": now + 3}, {"iat": now + 3}]:
            self.expect_session(members, self.client.create_session(self.key.token(**members)))
        expired = self.key.token(iat=now - 100, exp=now - 6)
        self.expect("expired", self.client.create_session(expired), "UNAUTHENTICATED", "TOKEN_EXPIRED")
        expired = self.key.token(iat=now - 100, exp=now - 1)
        self.expect_session("expired within the clock skew tolerance", self.client.create_session(expired))

    def test_duplicate_members_and_malformed_json_are_refused(self) -> None:
        header, payload = json.dumps(self.key.header()), json.dumps(claims())
        for case, parts in {
            "duplicate header member": (header[:-1] + ', "kid": "key-1"}', payload),
            "duplicate claim": (header, payload[:-1] + ', "tenant": "acme"}'),
            "duplicate claim with an escape": (header, payload[:-1] + ', "\\u0074enant": "globex"}'),
            "empty header": ("", payload),
            "payload not an object": (header, "[]"),
            "trailing text": (header, payload + "x"),
        }.items():
            token = self.key.sign_compact(*parts)
            self.expect(case, self.client.create_session(token), "UNAUTHENTICATED", "TOKEN_INVALID")

    def test_other_roles_are_not_owner(self) -> None:
        for role in ["admin", "member", "Owner", "OWNER", "owner ", "owner,admin", "оwner"]:
            result = self.client.create_session(self.key.token(role=role))
            self.expect(role, result, "PERMISSION_DENIED", "NOT_OWNER")
            self.assertEqual(self.client.get_access(self.key.token(role=role)).reason, "REASON_NOT_OWNER")


class KeySetsTest(ServiceTest):
    def test_invalid_key_set_prevents_startup(self) -> None:
        good, world = self.world.key.jwk(), self.world
        for case, text in {
            "not JSON": "{", "no keys": "{}", "array": "[]", "no usable key": json.dumps({"keys": []}),
            "no kid": keys(good | {"kid": ""}), "duplicate kid": keys(good, good),
            "private, skipped": keys(good, {"kty": "unknown", "d": "AAAA"}), "private": keys(good, Key("EdDSA", "p").jwk(d="AAAA")),
            "symmetric": keys(good, {"kty": "oct", "k": "AAAA", "alg": "HS256", "kid": "h"}),
            "short RSA": keys(Key("RS256", "short", bits=1024).jwk()),
            "over 64 KiB": keys(good) + " " * 65_536, "only another use": keys(good | {"use": "enc"}),
        }.items():
            world.write("invalid.json", text)
            process = world.run({"principal-jwks": str(self.path("invalid.json"))})
            with self.subTest(case):
                ServiceTest.cases += 1
                self.assertEqual((process.returncode, len(process.stderr.splitlines())), (64, 1), process.stderr)
                self.assertIn("--principal-jwks", process.stderr)

    def test_invalid_update_keeps_the_last_good_set_and_new_key_is_accepted_within_two_seconds(self) -> None:
        new = Key("EdDSA", "new")
        self.world.write("jwks.json", "{")
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            self.assertTrue(self.client.get_access(self.world.key.token()).visible)
        self.world.write_keys([new.jwk()])
        end = time.monotonic() + 2
        while self.client.get_access(new.token()).reason == "TOKEN_INVALID":
            self.assertLess(time.monotonic(), end)
        ServiceTest.cases += 2
        result = self.client.create_session(self.world.key.token())
        self.expect("removed key", result, "UNAUTHENTICATED", "TOKEN_INVALID")


def keys(*members: dict) -> str:
    return json.dumps({"keys": list(members)})
