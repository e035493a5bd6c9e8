"""Reads the rollback commands from the on-call runbook, docs/operate.md, and runs them exactly as written."""

from lab import cluster
from lab.programs import ROOT, WORK, environment, run

RUNBOOK = ROOT / "docs/operate.md"


def read_commands(heading):
    """Returns the indented code blocks below `### heading`, in their order. The heading is a part of `## Rollback`."""
    section = _section(_section(RUNBOOK.read_text(), "##", "Rollback"), "###", heading)
    blocks, block = [], []
    for line in [*section.splitlines(), ""]:
        if line.startswith("    "):
            block.append(line.removeprefix("    "))
        elif block:
            blocks.append("\n".join(block))
            block = []
    return blocks


def _section(text, level, heading):
    """Returns the text between a heading and the next one of the same level."""
    _, found, rest = text.partition(f"\n{level} {heading}\n")
    if not found:
        raise ValueError(f"{RUNBOOK}: heading not found: {level} {heading}")
    return rest.split(f"\n{level} ", 1)[0]


def run_as_operator(command):
    """Runs a command in a shell like an operator's. `helm` is Helm 4."""
    run("bash", "-euo", "pipefail", "-c", command, env=operator_environment())


def operator_environment():
    """Returns the environment of the operator's shell."""
    programs = WORK / "bin"
    if not programs.exists():
        programs.mkdir()
        (programs / "helm").symlink_to(run("bash", "-c", "realpath $(command -v helm4)").strip())
    variables = environment(KUBECONFIG=str(cluster.KUBECONFIG), HELM_CACHE_HOME=str(WORK / "helm"))
    return {**variables, "PATH": f"{programs}:{variables['PATH']}"}
