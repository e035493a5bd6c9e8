"""Tests that objectives, alerts and dashboard use the metrics of the service, under the names that a collector exports."""

import json
import re
import unittest

import yaml

from chart import CHART, ROOT

RULES = yaml.safe_load((CHART / "objectives.yaml").read_text())
ALERTS = yaml.safe_load((CHART / "alerts.yaml").read_text())
DASHBOARD = json.loads((CHART / "dashboard.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
METRICS = "".join((ROOT / "src/telemetry" / name).read_text() for name in ["metrics.rs", "metrics/observed.rs"])
SUFFIXES = {
    "f64_histogram": ("_seconds_bucket", "_seconds_count", "_seconds_sum"),
    "u64_counter": ("_total",),
    "u64_gauge": ("_ratio",),
    "i64_up_down_counter": ("",),
    "u64_observable_gauge": ("",),
}
UNITS = {"1": "_ratio", "s": "_seconds"}


def emitted_metrics():
    """Returns the names in Prometheus: dots become underscores; the unit and the suffix of the instrument are appended."""
    names = ["rpc.server.call.duration", *re.findall(r'"(billing_portal\.[a-z_.]+)"', METRICS)]
    # The metrics of a source are registered by a function of their own, by constant and unit.
    constants = dict(re.findall(r'const ([A-Z_]+): &str = "(billing_portal\.[a-z_.]+)";', METRICS))
    sources = {constants[name]: UNITS[unit] for name, unit in re.findall(r'observe\(([A-Z_]+), "(\w+)"', METRICS)}
    kinds = re.findall(rf"\.({'|'.join(SUFFIXES)})\(", METRICS)
    pairs = list(zip([name for name in names if name not in sources], kinds, strict=True))
    suffixed = [(name, suffix) for name, kind in pairs for suffix in SUFFIXES[kind]] + list(sources.items())
    return {name.replace(".", "_") + suffix for name, suffix in suffixed}


def queried_metrics(expression):
    """Returns the metrics in a PromQL expression, recorded ones included, without its labels."""
    without_labels = re.sub(r"\b(by|on|ignoring) *\([^)]*\)|\{[^}]*\}", "", expression)
    return set(re.findall(r"\b(?:billing_portal:[a-z_:0-9]+|(?:billing_portal|rpc)_[a-z_]+)\b", without_labels))


class Queries(unittest.TestCase):
    def test_use_emitted_metrics_only_and_all_of_them(self):
        known = emitted_metrics() | {rule["record"] for rule in RULES}
        used = set()
        for expression in [*QUERIES, *(rule["expr"] for rule in RULES + ALERTS)]:
            metrics = queried_metrics(expression)
            self.assertTrue(metrics, expression)
            self.assertLessEqual(metrics, known, expression)
            used |= metrics
        # Nothing needs the mean of a duration.
        self.assertEqual({name for name in known - used if not name.endswith("_duration_seconds_sum")}, set())

    def test_rules_of_an_objective_differ_in_their_window_only(self):
        patterns = {}
        for rule in RULES:
            name, window = rule["record"].rsplit(":", 1)
            expression = rule["expr"].replace(f"[{window}]", "[WINDOW]")
            self.assertNotRegex(expression, r"\[\d")
            patterns.setdefault((name, *rule.get("labels", {}).values()), set()).add(expression)
        self.assertEqual([len(expressions) for expressions in patterns.values()], [1] * 5, patterns)

    def test_use_existing_reasons_only(self):
        reasons = set(re.findall(r"[A-Z][A-Z_]{2,}", (ROOT / "docs/contract.md").read_text()))
        alerts = (CHART / "alerts.yaml").read_text()
        queried = {reason for group in re.findall(r'reason=~?"([^"]+)"', alerts) for reason in group.split("|")}
        self.assertGreater(len(queried), 5)
        self.assertLessEqual(queried, reasons)


if __name__ == "__main__":
    unittest.main()
