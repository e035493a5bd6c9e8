"""What every group of cases shares: one world and one process of the service."""

import atexit
import pathlib
import unittest

from client import Client, Told
from service import World


class Group(unittest.TestCase):
    SETTINGS: dict[str, str | None] = {}
    cases = 0

    @classmethod
    def setUpClass(cls) -> None:
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        cls.client = Client(cls.world.serve(cls.SETTINGS))
        cls.addClassCleanup(cls.client.close)

    def setUp(self) -> None:
        self.world.reset()

    def tell(self, case: object, told: Told, code: str, reason: str, stripe: int = 0) -> Told:
        """One case: its code, its reason, and how often Stripe was asked."""
        Group.cases += 1
        with self.subTest(case=case):
            self.assertEqual(told.pair, (code, reason))
            self.assertEqual(self.world.stripe.count(), stripe)
            if code != "OK":
                self.assertTrue(told.request_id)
                retryable = code == "UNAVAILABLE" or reason == "RATE_LIMITED"
                self.assertEqual(told.retry is not None, retryable)
        self.world.stripe.forget()
        return told

    def opens(self, case: object, told: Told, stripe: int = 2) -> Told:
        return self.tell(case, told, "OK", "OK", stripe)

    def path(self, name: str) -> pathlib.Path:
        return self.world.folder / name


atexit.register(lambda: print(f"conformance: {Group.cases} cases"))
