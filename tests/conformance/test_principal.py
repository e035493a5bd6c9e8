"""The principal: which tokens are acceptable, and which are not; and the key set behind them."""

import json
import time

from base import Group
from client import bearer
from tokens import Key, b64, claims


class Tokens(Group):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.key = cls.world.key
        cls.others = [Key("ES256", "es"), Key("RS256", "rs"), Key("PS256", "ps")]
        cls.world.keys([key.jwk() for key in [cls.key, *cls.others]] + [Key("EdDSA", "enc").jwk(use="enc")])
        while cls.client.ask(cls.others[0].token()).reason == "TOKEN_INVALID":
            pass

    def test_each_algorithm(self) -> None:
        for key in [self.key, *self.others]:
            self.opens(key.alg, self.client.open(key.token()))

    def test_how_the_header_stands(self) -> None:
        good = self.key.token()
        self.tell("absent", self.client.open(None), "UNAUTHENTICATED", "TOKEN_MISSING")
        self.tell("under another name", self.client.open(None, (("authorization-bin", good.encode()),)),
                  "UNAUTHENTICATED", "TOKEN_MISSING")
        for case, metadata in {
            "twice": bearer(good) * 2,
            "comma-joined": (("authorization", f"Bearer {good}, Bearer {good}"),),
            "Basic": (("authorization", f"Basic {good}"),),
            "bare": (("authorization", good),),
            "lower case": (("authorization", f"bearer {good}"),),
            "two blanks": (("authorization", f"Bearer  {good}"),),
            "two segments": bearer(good.rsplit(".", 1)[0]),
            "four segments": bearer(f"{good}.x"),
            "five segments, as a JWE": bearer(f"{good}.x.y"),
            "over 8 KiB": bearer(self.key.token(padding="x" * 8_000)),
            "empty": bearer(""),
        }.items():
            self.tell(case, self.client.open(None, metadata), "UNAUTHENTICATED", "TOKEN_INVALID")

    def test_headers(self) -> None:
        for members in [
            {"alg": "none"}, {"alg": "None"}, {"alg": "ES384"}, {"alg": "ES256"}, {"alg": None}, {"alg": 7},
            {"kid": "unknown"}, {"kid": "../key-1"}, {"kid": "' OR '1'='1"}, {"kid": None}, {"kid": ["key-1"]}, {"kid": "enc"},
            {"typ": "JWT"}, {"typ": None}, {"typ": "Principal+JWT"}, {"typ": "application/principal+jwt"},
            {"crit": ["exp"]}, {"jku": "https://evil.example/"}, {"x5u": "x"}, {"x5c": []}, {"jwk": {}}, {"act": {}},
        ]:
            token = self.key.compact(self.key.header(**members), claims())
            self.tell(members, self.client.open(token), "UNAUTHENTICATED", "TOKEN_INVALID")
        self.tell("HS256", self.client.open(self.others[1].with_hmac()), "UNAUTHENTICATED", "TOKEN_INVALID")

    def test_signatures(self) -> None:
        good = self.key.token()
        message, signature = good.rsplit(".", 1)
        zero = self.others[0].token().rsplit(".", 1)[0]
        flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
        for case, token in {
            "a flipped bit": f"{message}.{flipped}",
            "empty": f"{message}.",
            "padded": f"{good}=",
            "not canonical": good[:-1] + chr(ord(good[-1]) + 1),
            "all zero": f"{zero}.{b64(bytes(64))}",
            "of another token": f"{message}.{self.key.token(user='greta').rsplit('.', 1)[1]}",
        }.items():
            self.tell(case, self.client.open(token), "UNAUTHENTICATED", "TOKEN_INVALID")

    def test_claims(self) -> None:
        now = int(time.time())
        for members in [
            {"iss": None}, {"iss": ["https://login.example.com"]}, {"iss": "https://login.example.com/"},
            {"iss": "https://LOGIN.example.com"}, {"aud": None}, {"aud": ["billing-portal"]}, {"aud": "billing-portal-2"},
            {"sub": None}, {"sub": ""}, {"sub": "a b"}, {"sub": 7}, {"sub": "x" * 256}, {"sub": "ü"},
            {"tenant": None}, {"tenant": ""}, {"tenant": {"id": "acme"}}, {"tenant": "x" * 256},
            {"role": None}, {"role": ""}, {"role": ["owner"]}, {"role": 1},
            {"iat": None}, {"iat": str(now)}, {"iat": -1}, {"iat": now + 60}, {"iat": 1.5},
            {"exp": None}, {"exp": str(now + 60)}, {"exp": -1}, {"exp": 1e18}, {"exp": now + 400}, {"iat": now, "exp": now},
            {"nbf": now + 60}, {"nbf": "soon"}, {"act": {"sub": "robot"}}, {"crit": []},
        ]:
            token = self.key.compact(self.key.header(), claims() | members)
            self.tell(members, self.client.open(token), "UNAUTHENTICATED", "TOKEN_INVALID")
        for members in [{"nbf": now - 10}, {"jti": "x"}, {"email": "o@example.com"}, {"nbf": now + 3}, {"iat": now + 3}]:
            self.opens(members, self.client.open(self.key.token(**members)))
        expired = self.key.token(iat=now - 100, exp=now - 6)
        self.tell("expired", self.client.open(expired), "UNAUTHENTICATED", "TOKEN_EXPIRED")
        self.opens("expired within the tolerance", self.client.open(self.key.token(iat=now - 100, exp=now - 1)))

    def test_members_that_stand_twice(self) -> None:
        header, payload = json.dumps(self.key.header()), json.dumps(claims())
        for case, parts in {
            "header": (header[:-1] + ', "kid": "key-1"}', payload),
            "claim": (header, payload[:-1] + ', "tenant": "acme"}'),
            "escaped claim": (header, payload[:-1] + ', "\\u0074enant": "globex"}'),
            "nothing": ("", payload),
            "no object": (header, "[]"),
            "trailing text": (header, payload + "x"),
        }.items():
            self.tell(case, self.client.open(self.key.compact(*parts)), "UNAUTHENTICATED", "TOKEN_INVALID")

    def test_roles(self) -> None:
        for role in ["admin", "member", "Owner", "OWNER", "owner ", "owner,admin", "оwner"]:
            told = self.client.open(self.key.token(role=role))
            self.tell(role, told, "PERMISSION_DENIED", "NOT_OWNER")
            self.assertEqual(self.client.ask(self.key.token(role=role)).reason, "REASON_NOT_OWNER")


class KeySets(Group):
    def test_a_bad_set_stops_the_start(self) -> None:
        good, world = self.world.key.jwk(), self.world
        for case, text in {
            "no JSON": "{", "no keys": "{}", "an array": "[]", "none usable": json.dumps({"keys": []}),
            "no kid": keys(good | {"kid": ""}), "no alg": keys({k: v for k, v in good.items() if k != "alg"}),
            "a kid twice": keys(good, good), "private": keys(good, Key("EdDSA", "p").jwk(d="AAAA")),
            "symmetric": keys(good, {"kty": "oct", "k": "AAAA", "alg": "HS256", "kid": "h"}),
            "short RSA": keys(good, Key("RS256", "short", bits=1024).jwk()),
            "over 64 KiB": keys(good) + " " * 65_536, "another use alone": keys(good | {"use": "enc"}),
        }.items():
            world.write("bad.json", text)
            ended = world.run({"principal-jwks": str(self.path("bad.json"))})
            with self.subTest(case):
                Group.cases += 1
                self.assertEqual((ended.returncode, len(ended.stderr.splitlines())), (64, 1), ended.stderr)
                self.assertIn("--principal-jwks", ended.stderr)

    def test_a_later_bad_set_keeps_the_last_good_one_and_a_new_key_counts_within_two_seconds(self) -> None:
        new = Key("EdDSA", "new")
        self.world.write("jwks.json", "{")
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            self.assertTrue(self.client.ask(self.world.key.token()).visible)
        self.world.keys([new.jwk()])
        until = time.monotonic() + 2
        while self.client.ask(new.token()).reason == "TOKEN_INVALID":
            self.assertLess(time.monotonic(), until)
        Group.cases += 2
        self.tell("a key that is gone", self.client.open(self.world.key.token()), "UNAUTHENTICATED", "TOKEN_INVALID")


def keys(*members: dict) -> str:
    return json.dumps({"keys": list(members)})
