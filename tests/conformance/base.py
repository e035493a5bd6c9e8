"""The base class of all tests: each class has its own world and its own process of the service."""

import atexit
import pathlib
import unittest

from client import Client, Result
from service import World


class ServiceTest(unittest.TestCase):
    SETTINGS: dict[str, str | None] = {}
    cases = 0
    world: World
    client: Client

    @classmethod
    def setUpClass(cls) -> None:
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        cls.client = Client(cls.world.start(cls.SETTINGS))
        cls.addClassCleanup(cls.client.close)

    def setUp(self) -> None:
        self.world.reset()

    def expect(self, case: object, result: Result, code: str, reason: str, stripe_requests: int = 0) -> Result:
        """Checks the code and reason of a result, and the number of requests to Stripe. Counts as one case."""
        ServiceTest.cases += 1
        with self.subTest(case=case):
            self.assertEqual(result.code_and_reason, (code, reason))
            self.assertEqual(self.world.stripe.count_requests(), stripe_requests)
            if code != "OK":
                self.assertTrue(result.request_id)
                is_retryable = code == "UNAVAILABLE" or reason == "RATE_LIMITED"
                self.assertEqual(result.retry_delay is not None, is_retryable)
        self.world.stripe.reset()
        return result

    def expect_session(self, case: object, result: Result, stripe_requests: int = 2) -> Result:
        return self.expect(case, result, "OK", "OK", stripe_requests)

    def path(self, name: str) -> pathlib.Path:
        return self.world.folder / name


atexit.register(lambda: print(f"conformance: {ServiceTest.cases} cases"))
