"""The directory: the tenant's customer, and whether the user is a current owner. Both RPCs agree on every row."""

from base import ServiceTest
from tokens import Key

CASES = [
    ("one row", [("acme", "cus_A")], "OK", ""),
    ("no row", [("globex", "cus_A")], "NO_BILLING_ACCOUNT", ""),
    ("NULL", [("acme", None)], "NO_BILLING_ACCOUNT", ""),
    ("empty", [("acme", "")], "NO_BILLING_ACCOUNT", ""),
    ("different case", [("ACME", "cus_A")], "NO_BILLING_ACCOUNT", ""),
    ("two rows", [("acme", "cus_A"), ("acme", "cus_B")], "MAPPING_INTEGRITY", "two_rows"),
    ("duplicate row", [("acme", "cus_A"), ("acme", "cus_A")], "MAPPING_INTEGRITY", "two_rows"),
    ("a shared customer", [("acme", "cus_A"), ("globex", "cus_A")], "MAPPING_INTEGRITY", "shared_customer"),
    ("trailing space", [("acme", "cus_A ")], "MAPPING_INTEGRITY", "malformed_customer"),
    ("not a customer id", [("acme", "sub_1")], "MAPPING_INTEGRITY", "malformed_customer"),
    ("a path", [("acme", "cus_A/../cus_B")], "MAPPING_INTEGRITY", "malformed_customer"),
    ("a blob", [("acme", b"cus_A")], "MAPPING_INTEGRITY", "malformed_customer"),
    ("over 255 characters", [("acme", "cus_" + "a" * 252)], "MAPPING_INTEGRITY", "malformed_customer"),
]
CODES = {"NO_BILLING_ACCOUNT": "FAILED_PRECONDITION", "MAPPING_INTEGRITY": "INTERNAL", "OK": "OK"}


class DirectoryTest(ServiceTest):
    def test_rows_decide_session_and_access(self) -> None:
        for case, rows, reason, detail in CASES:
            self.world.set_tenants(rows)
            result = self.client.create_session(self.world.key.token())
            self.expect(case, result, CODES[reason], reason, stripe_requests=2 if reason == "OK" else 0)
            self.assertEqual(self.world.read_audit()[-1].get("detail", ""), detail, case)
            access = self.client.get_access(self.world.key.token())
            expected = {"OK": "REASON_ALLOWED", "NO_BILLING_ACCOUNT": "REASON_NO_BILLING_ACCOUNT"}.get(reason, reason)
            self.assertEqual((access.reason, access.visible or False), (expected, reason == "OK"), case)

    def test_membership_is_checked_before_mapping(self) -> None:
        for case, rows, _, _ in CASES:
            self.world.set_tenants(rows)
            self.world.set_owners([("acme", "OLIVIA"), ("globex", "olivia")])
            self.expect(case, self.client.create_session(self.world.key.token()), "PERMISSION_DENIED", "NOT_OWNER")
            self.assertEqual(self.client.get_access(self.world.key.token()).reason, "REASON_NOT_OWNER", case)

    def test_failed_query_is_not_reported_as_no_account(self) -> None:
        for statement, revert in [
            ("ALTER TABLE billing_portal_tenants RENAME TO gone", "ALTER TABLE gone RENAME TO billing_portal_tenants"),
            ("ALTER TABLE billing_portal_owners RENAME COLUMN user_id TO x",
             "ALTER TABLE billing_portal_owners RENAME COLUMN x TO user_id"),
        ]:
            self.world.database.execute(statement)
            result = self.client.create_session(self.world.key.token())
            access = self.client.get_access(self.world.key.token())
            self.world.database.execute(revert)
            self.expect(statement, result, "UNAVAILABLE", "DATABASE_UNAVAILABLE")
            self.expect(statement, access, "UNAVAILABLE", "DATABASE_UNAVAILABLE")

    def test_flag_is_checked_before_directory(self) -> None:
        dora = self.world.key.token("dora", "dark")
        self.world.set_owners([])
        self.expect("off", self.client.create_session(dora), "FAILED_PRECONDITION", "FEATURE_DISABLED")
        self.assertEqual(self.client.get_access(dora).reason, "REASON_FEATURE_DISABLED")


class TokenOwnershipTest(ServiceTest):
    SETTINGS = {"ownership": "token"}

    def test_owners_are_not_queried(self) -> None:
        self.world.set_owners([])
        self.expect_session("no owners", self.client.create_session(self.world.key.token()))


class OrderOfChecksTest(ServiceTest):
    """A call with several faults: the earliest check refuses it, and later checks have no effects."""

    SETTINGS = {"caller-identity": "istio", "allowed-callers": "spiffe://cluster.local/ns/web/sa/settings"}
    CALLER = (("x-forwarded-client-cert", "By=x;URI=spiffe://cluster.local/ns/web/sa/settings"),)

    def test_earliest_check_refuses_the_call(self) -> None:
        self.world.database.execute("ALTER TABLE billing_portal_tenants RENAME TO gone")
        member, dark = self.world.key.token(role="member"), self.world.key.token("dora", "dark")
        invalid = {"return_url": "https://evil.example/", "displayed_tenant_id": "globex", "locale": "x"}
        for case, result, code, reason in [
            ("caller", self.client.create_session("garbage", (), **invalid), "PERMISSION_DENIED", "CALLER_NOT_ALLOWED"),
            ("token", self.client.create_session(Key("EdDSA", "key-1").token(role="member"), self.CALLER, **invalid),
             "UNAUTHENTICATED", "TOKEN_INVALID"),
            ("role", self.client.create_session(member, self.CALLER, **invalid), "PERMISSION_DENIED", "NOT_OWNER"),
            ("fields", self.client.create_session(dark, self.CALLER, **invalid),
             "INVALID_ARGUMENT", "RETURN_URL_NOT_ALLOWED"),
            ("displayed tenant", self.client.create_session(dark, self.CALLER, displayed_tenant_id="globex"),
             "FAILED_PRECONDITION", "TENANT_MISMATCH"),
            ("flag", self.client.create_session(dark, self.CALLER), "FAILED_PRECONDITION", "FEATURE_DISABLED"),
            ("directory", self.client.create_session(self.world.key.token(), self.CALLER),
             "UNAVAILABLE", "DATABASE_UNAVAILABLE"),
        ]:
            self.expect(case, result, code, reason)
        # GetPortalAccess checks the displayed tenant before the role.
        result = self.client.get_access(member, self.CALLER, displayed_tenant="globex")
        self.expect("GetPortalAccess", result, "FAILED_PRECONDITION", "TENANT_MISMATCH")
        self.assertEqual(self.client.get_access(member, self.CALLER).reason, "REASON_NOT_OWNER")
        self.world.database.execute("ALTER TABLE gone RENAME TO billing_portal_tenants")
