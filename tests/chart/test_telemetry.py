"""That alerts and the dashboard ask for what the service counts, under the names that a collector gives it."""

import json
import re
import unittest

from chart import CHART, ROOT

METRICS = (ROOT / "src/telemetry/metrics.rs").read_text()
SUFFIXES = {
    "f64_histogram": ("_seconds_bucket", "_seconds_count", "_seconds_sum"),
    "u64_counter": ("_total",),
    "u64_gauge": ("_ratio",),
    "i64_up_down_counter": ("",),
    "u64_observable_gauge": ("",),
}


def emitted():
    """The names as Prometheus has them: dots as underscores, behind them the unit and what an instrument of that kind adds."""
    names = ["rpc.server.call.duration", *re.findall(r'"(billing_portal\.[a-z_.]+)"', METRICS)]
    kinds = re.findall(rf"\.({'|'.join(SUFFIXES)})\(", METRICS)
    pairs = list(zip(names, kinds, strict=True))
    return {name.replace(".", "_") + suffix for name, kind in pairs for suffix in SUFFIXES[kind]}


def asked(expression):
    """The metrics that an expression names, and none of its labels."""
    without_labels = re.sub(r"\b(by|on|ignoring) *\([^)]*\)|\{[^}]*\}", "", expression)
    return set(re.findall(r"\b(?:billing_portal|rpc)_[a-z_]+\b", without_labels))


class Names(unittest.TestCase):
    def test_are_those_that_the_service_emits(self):
        known = emitted()
        dashboard = json.loads((CHART / "dashboard.json").read_text())
        expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        seen = set()
        for expression in [*expressions, (CHART / "alerts.yaml").read_text()]:
            metrics = asked(expression)
            self.assertTrue(metrics, expression)
            self.assertLessEqual(metrics, known, expression)
            seen |= metrics
        self.assertEqual({re.sub("_(bucket|count|sum)$", "", name) for name in known - seen}, {"rpc_server_call_duration_seconds"})

    def test_of_reasons_are_the_services_own(self):
        reasons = set(re.findall(r"[A-Z][A-Z_]{2,}", (ROOT / "docs/contract.md").read_text()))
        alerts = (CHART / "alerts.yaml").read_text()
        asked_for = {reason for group in re.findall(r'reason=~?"([^"]+)"', alerts) for reason in group.split("|")}
        self.assertGreater(len(asked_for), 5)
        self.assertLessEqual(asked_for, reasons)


if __name__ == "__main__":
    unittest.main()
