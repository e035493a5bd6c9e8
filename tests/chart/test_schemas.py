"""That everything which is rendered is declared, and that a field which nobody declared is refused: no schema is a formality."""

import unittest

from chart import everything
from schemas import refusal


class Schemas(unittest.TestCase):
    def test_declare_everything_that_is_rendered(self):
        for path, settings, rendered in everything():
            for item in rendered:
                self.assertIsNone(refusal(item), f"{path.name} {settings} {item['kind']} {item['metadata']['name']}")

    def test_refuse_a_field_that_they_do_not_know(self):
        kinds = {(item["apiVersion"], item["kind"]): item for _, _, rendered in everything() for item in rendered}
        self.assertGreater(len(kinds), 20)
        for kind, item in kinds.items():
            inside = {"spec": item["spec"] | {"unheardOf": 1}} if "spec" in item else {"unheardOf": 1}
            self.assertIn("unheardOf", refusal(item | inside) or "", kind)


if __name__ == "__main__":
    unittest.main()
