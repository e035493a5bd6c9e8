"""The commands that docs/rollback.md tells an operator to type, typed as they stand there."""

from lab import cluster
from lab.programs import ROOT, WORK, environment, run


def commands(heading):
    """The indented blocks below a heading, in their order."""
    page = (ROOT / "docs/rollback.md").read_text()
    section = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    blocks, block = [], []
    for line in [*section.splitlines(), ""]:
        if line.startswith("    "):
            block.append(line.removeprefix("    "))
        elif block:
            blocks.append("\n".join(block))
            block = []
    return blocks


def typed(command):
    """Runs it as an operator's shell does. `helm` is helm 4."""
    run("bash", "-euo", "pipefail", "-c", command, env=shell())


def shell():
    """The environment of that shell."""
    programs = WORK / "bin"
    if not programs.exists():
        programs.mkdir()
        (programs / "helm").symlink_to(run("bash", "-c", "realpath $(command -v helm4)").strip())
    known = environment(KUBECONFIG=str(cluster.KUBECONFIG), HELM_CACHE_HOME=str(WORK / "helm"))
    return {**known, "PATH": f"{programs}:{known['PATH']}"}
