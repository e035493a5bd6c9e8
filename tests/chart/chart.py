"""Renders the chart, for the tests beside this file."""

import functools
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).parents[2]
CHART = ROOT / "helm/billing-portal"
EXAMPLES = sorted((ROOT / "helm/examples").glob("*.yaml"))

# What one may want of any example: other times, the switch off, a canary without calls, with a share and with everything.
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


def set_by(settings):
    """The flags that set values: a list, which --set can't spell, as JSON."""
    return [part for one in settings for part in ("--set-json" if one.endswith("]") else "--set", one)]


def template(example, *settings):
    return helm("template", "release", CHART, "--namespace", "billing", "--values", example, *set_by(settings))


@functools.cache
def text(example, *settings):
    rendered = template(example, *settings)
    assert rendered.returncode == 0, f"{example.name} {settings}: {rendered.stderr}"
    return rendered.stdout


def objects(example, *settings, kind=None):
    """What is rendered, or the objects of one kind."""
    found = [document for document in yaml.safe_load_all(text(example, *settings)) if document]
    return [document for document in found if kind in (None, document["kind"])]


def values(example):
    return yaml.safe_load(example.read_text())


def example(name):
    return ROOT / f"helm/examples/{name}.yaml"


@functools.cache
def everything():
    """Each example in each variant that it takes: its path, the settings and the objects."""
    found = []
    for path in EXAMPLES:
        has_policies = values(path)["mesh"].get("createPolicies", True)
        for settings in VARIANTS if has_policies else VARIANTS[:2]:
            found.append((path, settings, objects(path, *settings)))
    return found


def selects(selector, labels):
    """Whether the labels are those that the selector asks for; one that asks for nothing selects everything."""
    return selector.items() <= labels.items()
