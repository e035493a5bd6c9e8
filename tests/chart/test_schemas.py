"""Tests that all rendered objects conform to their schemas, and that each schema rejects an undeclared field."""

import unittest

from chart import all_renders
from schemas import validation_error


class Schemas(unittest.TestCase):
    def test_accept_all_rendered_objects(self):
        for path, settings, rendered in all_renders():
            for item in rendered:
                self.assertIsNone(validation_error(item), f"{path.name} {settings} {item['kind']} {item['metadata']['name']}")

    def test_reject_undeclared_field(self):
        kinds = {(item["apiVersion"], item["kind"]): item for _, _, rendered in all_renders() for item in rendered}
        self.assertGreater(len(kinds), 20)
        for kind, item in kinds.items():
            with_unknown_field = {"spec": item["spec"] | {"unknownField": 1}} if "spec" in item else {"unknownField": 1}
            self.assertIn("unknownField", validation_error(item | with_unknown_field) or "", kind)


if __name__ == "__main__":
    unittest.main()
