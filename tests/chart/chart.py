"""Renders the chart for the tests in this directory."""

import concurrent.futures
import functools
import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).parents[2]
CHART = ROOT / "helm/billing-portal"
EXAMPLES = sorted((ROOT / "helm/examples").glob("*.yaml"))

# Documents that must agree with the chart.
SETTINGS_PAGE = ROOT / "docs/settings.md"
ROLLBACK_PAGE = ROOT / "docs/operate.md"

# Parses with the C library, which is ten times as fast.
LOADER = yaml.CSafeLoader

# Settings that are combined with each example: other timeouts, the off switch, and a canary with no, some and all calls.
VARIANTS = [
    (),
    ("shutdown.preStopSeconds=60", "shutdown.drainSeconds=100", "limits.deadlineSeconds=40"),
    ("mesh.traffic=off",),
    ("mesh.traffic=on", "canary.enabled=true", "canary.image.tag=0.2.0"),
    ("mesh.traffic=canary", "canary.enabled=true", "canary.image.tag=0.2.0"),
    ("mesh.traffic=canary", "mesh.canaryWeight=100", "canary.enabled=true", "canary.image.tag=0.2.0", "canary.replicas=6"),
]


def helm(*arguments, **options):
    return subprocess.run(["helm4", *map(str, arguments)], capture_output=True, text=True, check=False, **options)


def set_flags(settings):
    """Returns the command line flags that set the values. Lists and empty maps need --set-json."""
    return [argument for each in settings for argument in ("--set-json" if each.endswith(("]", "}")) else "--set", each)]


def helm_template(example, *settings):
    return helm("template", "release", CHART, "--namespace", "billing", "--values", example, *set_flags(settings))


def in_parallel(function, cases):
    """Returns the results of the function for all cases, which are lists of arguments. The time is that of Helm's processes."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda case: function(*case), cases))


@functools.cache
def render(example, *settings):
    rendered = helm_template(example, *settings)
    assert rendered.returncode == 0, f"{example.name} {settings}: {rendered.stderr}"
    return rendered.stdout


def render_objects(example, *settings, kind=None):
    """Returns all rendered objects, or those of one kind."""
    rendered = [item for item in yaml.load_all(render(example, *settings), LOADER) if item]
    return [item for item in rendered if kind in (None, item["kind"])]


@functools.cache
def load_values(example):
    return yaml.load(example.read_text(), LOADER)


def has_route(path):
    """Returns whether the chart creates a route for the example."""
    mesh = load_values(path)["mesh"]
    return mesh["provider"] != "mtls" and mesh.get("createPolicies", True)


def example_path(name):
    return ROOT / f"helm/examples/{name}.yaml"


@functools.cache
def all_renders():
    """Returns each example in each variant that it supports, as its path, the settings and the objects."""
    cases = [(path, settings) for path in EXAMPLES for settings in (VARIANTS if has_route(path) else VARIANTS[:2])]
    in_parallel(render, [(path, *settings) for path, settings in cases])
    return [(path, settings, render_objects(path, *settings)) for path, settings in cases]


def matches(selector, labels):
    """Returns whether a matchLabels selector matches the labels. An empty selector matches everything."""
    return selector.items() <= labels.items()
