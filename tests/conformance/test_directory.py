"""The directory: whose customer, and whether the person is a present owner. Page and server agree on every row."""

from base import Group
from tokens import Key

CASES = [
    ("one row", [("acme", "cus_A")], "OK", ""),
    ("no row", [("globex", "cus_A")], "NO_BILLING_ACCOUNT", ""),
    ("NULL", [("acme", None)], "NO_BILLING_ACCOUNT", ""),
    ("empty", [("acme", "")], "NO_BILLING_ACCOUNT", ""),
    ("another case", [("ACME", "cus_A")], "NO_BILLING_ACCOUNT", ""),
    ("two rows", [("acme", "cus_A"), ("acme", "cus_B")], "MAPPING_INTEGRITY", "two_rows"),
    ("the same row twice", [("acme", "cus_A"), ("acme", "cus_A")], "MAPPING_INTEGRITY", "two_rows"),
    ("a shared customer", [("acme", "cus_A"), ("globex", "cus_A")], "MAPPING_INTEGRITY", "shared_customer"),
    ("white space", [("acme", "cus_A ")], "MAPPING_INTEGRITY", "malformed_customer"),
    ("no customer's id", [("acme", "sub_1")], "MAPPING_INTEGRITY", "malformed_customer"),
    ("a path", [("acme", "cus_A/../cus_B")], "MAPPING_INTEGRITY", "malformed_customer"),
    ("a blob", [("acme", b"cus_A")], "MAPPING_INTEGRITY", "malformed_customer"),
    ("over 255", [("acme", "cus_" + "a" * 252)], "MAPPING_INTEGRITY", "malformed_customer"),
]
CODES = {"NO_BILLING_ACCOUNT": "FAILED_PRECONDITION", "MAPPING_INTEGRITY": "INTERNAL", "OK": "OK"}


class Directory(Group):
    def test_each_kind_of_row(self) -> None:
        for case, rows, reason, detail in CASES:
            self.world.tenants(rows)
            told = self.client.open(self.world.key.token())
            self.tell(case, told, CODES[reason], reason, stripe=2 if reason == "OK" else 0)
            self.assertEqual(self.world.audit()[-1].get("detail", ""), detail, case)
            page = self.client.ask(self.world.key.token())
            expected = {"OK": "REASON_ALLOWED", "NO_BILLING_ACCOUNT": "REASON_NO_BILLING_ACCOUNT"}.get(reason, reason)
            self.assertEqual((page.reason, page.visible or False), (expected, reason == "OK"), case)

    def test_membership_wins_over_the_mapping(self) -> None:
        for case, rows, _, _ in CASES:
            self.world.tenants(rows)
            self.world.owners([("acme", "OLIVIA"), ("globex", "olivia")])
            self.tell(case, self.client.open(self.world.key.token()), "PERMISSION_DENIED", "NOT_OWNER")
            self.assertEqual(self.client.ask(self.world.key.token()).reason, "REASON_NOT_OWNER", case)

    def test_no_answer_is_never_no_account(self) -> None:
        for statement, mend in [
            ("ALTER TABLE billing_portal_tenants RENAME TO gone", "ALTER TABLE gone RENAME TO billing_portal_tenants"),
            ("ALTER TABLE billing_portal_owners RENAME COLUMN user_id TO x",
             "ALTER TABLE billing_portal_owners RENAME COLUMN x TO user_id"),
        ]:
            self.world.database.execute(statement)
            told = self.client.open(self.world.key.token())
            page = self.client.ask(self.world.key.token())
            self.world.database.execute(mend)
            self.tell(statement, told, "UNAVAILABLE", "DATABASE_UNAVAILABLE")
            self.tell(statement, page, "UNAVAILABLE", "DATABASE_UNAVAILABLE")

    def test_the_flag_comes_before_the_directory(self) -> None:
        dora = self.world.key.token("dora", "dark")
        self.world.owners([])
        self.tell("off", self.client.open(dora), "FAILED_PRECONDITION", "FEATURE_DISABLED")
        self.assertEqual(self.client.ask(dora).reason, "REASON_FEATURE_DISABLED")


class TokenAlone(Group):
    SETTINGS = {"ownership": "token"}

    def test_the_owners_are_not_asked(self) -> None:
        self.world.owners([])
        self.opens("no owner", self.client.open(self.world.key.token()))


class Order(Group):
    """Two faults at once: the earlier one is told, and nothing behind it is touched."""

    SETTINGS = {"caller-identity": "istio", "allowed-callers": "spiffe://cluster.local/ns/web/sa/settings"}
    CALLER = (("x-forwarded-client-cert", "By=x;URI=spiffe://cluster.local/ns/web/sa/settings"),)

    def test_the_earlier_fault_is_told(self) -> None:
        self.world.database.execute("ALTER TABLE billing_portal_tenants RENAME TO gone")
        member, dark = self.world.key.token(role="member"), self.world.key.token("dora", "dark")
        bad = {"return_url": "https://evil.example/", "displayed_tenant_id": "globex", "locale": "xx"}
        for case, told, code, reason in [
            ("caller", self.client.open("garbage", (), **bad), "PERMISSION_DENIED", "CALLER_NOT_ALLOWED"),
            ("token", self.client.open(Key("EdDSA", "key-1").token(role="member"), self.CALLER, **bad),
             "UNAUTHENTICATED", "TOKEN_INVALID"),
            ("role", self.client.open(member, self.CALLER, **bad), "PERMISSION_DENIED", "NOT_OWNER"),
            ("fields", self.client.open(dark, self.CALLER, **bad), "INVALID_ARGUMENT", "RETURN_URL_NOT_ALLOWED"),
            ("displayed tenant", self.client.open(dark, self.CALLER, displayed_tenant_id="globex"),
             "FAILED_PRECONDITION", "TENANT_MISMATCH"),
            ("flag", self.client.open(dark, self.CALLER), "FAILED_PRECONDITION", "FEATURE_DISABLED"),
            ("directory", self.client.open(self.world.key.token(), self.CALLER), "UNAVAILABLE", "DATABASE_UNAVAILABLE"),
        ]:
            self.tell(case, told, code, reason)
        # The page's question meets the displayed tenant before the role.
        told = self.client.ask(member, self.CALLER, displayed="globex")
        self.tell("page", told, "FAILED_PRECONDITION", "TENANT_MISMATCH")
        self.assertEqual(self.client.ask(member, self.CALLER).reason, "REASON_NOT_OWNER")
        self.world.database.execute("ALTER TABLE gone RENAME TO billing_portal_tenants")
