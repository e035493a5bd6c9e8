"""Callers that must be refused, each with the component that refuses it."""

from lab.cluster import parse_manifests
from lab.load import create_session, open_channel
from lab.mesh import BILLING, HOST
from lab.programs import ROOT, WORK, run, wait_for
from lab.runbook import operator_environment
from lab.timeline import read_outcomes

AUTHORITY = f"{HOST}:50051"
SETTINGS = "spiffe://cluster.local/ns/web/sa/settings"
FORGED = ("x-forwarded-client-cert", f"By=spiffe://cluster.local/ns/billing/sa/billing-portal;URI={SETTINGS}")
OTHER_IDENTITY = ("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/evil/sa/evil")
REFUSED_BY_MESH = ("PERMISSION_DENIED", "", "RBAC: access denied")


def check_refusals(mesh):
    """Yields a description of each attempt and whether its result is as expected."""
    token, pod = mesh.backend.token(), mesh.stable.pods[0].address + ":50051"

    def attempt(address, *headers):
        with open_channel(address, AUTHORITY) as channel:
            return create_session(channel, token, mesh.backend.return_url, headers, timeout=5)

    for name, headers in (("plain text", ()), ("plain text with a forged client certificate header", (FORGED,))):
        call = attempt(pod, *headers)
        yield f"{name}: {call.outcome}: {call.text}", call.code == "UNAVAILABLE" and "reset by peer" in call.text
    for name, headers in (("another workload", ()), ("another workload with a forged header", (FORGED,))):
        call = attempt(mesh.other.address, *headers)
        yield f"{name}: {call.outcome}: {call.text}", (call.code, call.reason, call.text) == REFUSED_BY_MESH
    call = attempt(mesh.settings.address, OTHER_IDENTITY)
    caller = read_outcomes([mesh.stable])[call.trace][0][3]
    description = f"settings backend with the header of another identity: {call.outcome}, caller in the audit log: {caller}"
    yield description, call.is_ok and caller == SETTINGS
    yield _run_smoke("smoke identity", mesh.smoke.address, "--expect-refused")
    yield _run_helm_test(mesh)
    arguments = ("--calls-only", "--token-file", "-", "--return-url", mesh.backend.return_url)
    yield _run_smoke("settings backend", mesh.settings.address, *arguments, stdin=token)
    # Without the mesh's policy, the service itself refuses the caller.
    mesh.kubectl("delete", "authorizationpolicy", "billing-portal")
    for name, headers in (("another workload", ()), ("another workload with a forged header", (FORGED,))):
        call = wait_for(
            "the policy to be removed", lambda: (last := attempt(mesh.other.address, *headers)).reason and last
        )
        yield f"without the mesh's policy, {name}: {call.outcome}", call.reason == "CALLER_NOT_ALLOWED"


def _run_helm_test(mesh):
    """Runs the program of the chart's test pod beside the smoke identity's sidecar."""
    hooks = run("helm", "-n", BILLING, "get", "hooks", "billing-portal", env=operator_environment())
    (pod,) = [item for item in parse_manifests(hooks) if item["kind"] == "Pod"]
    (container,) = pod["spec"]["containers"]
    folder = WORK / "test"
    folder.mkdir()
    command = [part.replace("/scratch", str(folder)) for part in [*container["command"], *container["args"]]]
    code, output = run(*command, env=operator_environment(), may_fail=True)
    return "helm test:\n      " + output.strip().replace("\n", "\n      "), code == 0


def _run_smoke(name, address, *arguments, stdin=None):
    command = (ROOT / "tests/smoke", address, "--authority", AUTHORITY, *arguments)
    code, output = run(*command, stdin=stdin, may_fail=True)
    return f"tests/smoke as {name}:\n      " + output.strip().replace("\n", "\n      "), code == 0
