"""Callers that must not get in: each says by whom it was refused."""

from lab.cluster import parsed
from lab.load import call, channel
from lab.mesh import BILLING, HOST
from lab.programs import ROOT, WORK, run, until
from lab.timeline import answered_by
from lab.words import shell

AUTHORITY = f"{HOST}:50051"
SETTINGS = "spiffe://cluster.local/ns/web/sa/settings"
FORGED = ("x-forwarded-client-cert", f"By=spiffe://cluster.local/ns/billing/sa/billing-portal;URI={SETTINGS}")
EVIL = ("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/evil/sa/evil")
BY_MESH = ("PERMISSION_DENIED", "", "RBAC: access denied")


def refusals(mesh):
    """Each attempt in words, and whether it went as it must."""
    token, pod = mesh.backend.token(), mesh.stable.pods[0].address + ":50051"

    def one(address, *headers):
        with channel(address, AUTHORITY) as connection:
            return call(connection, token, mesh.backend.return_url, headers, timeout=5)

    for name, headers in (("plain text", ()), ("plain text with a forged client certificate header", (FORGED,))):
        made = one(pod, *headers)
        yield f"{name}: {made.outcome}: {made.text}", made.code == "UNAVAILABLE" and "reset by peer" in made.text
    for name, headers in (("another workload", ()), ("another workload with the header forged", (FORGED,))):
        made = one(mesh.other.address, *headers)
        yield f"{name}: {made.outcome}: {made.text}", (made.code, made.reason, made.text) == BY_MESH
    made = one(mesh.settings.address, EVIL)
    caller = answered_by([mesh.stable])[made.trace][0][3]
    good = made.session and caller == SETTINGS
    yield f"the page's backend with another's header: {made.outcome}, and the audit names {caller}", good
    yield _script("the smoke identity", mesh.smoke.address, "--expect-refused")
    yield _helm_test(mesh)
    arguments = ("--calls-only", "--token-file", "-", "--return-url", mesh.backend.return_url)
    yield _script("the page's backend", mesh.settings.address, *arguments, stdin=token)
    # Where the mesh's policy is missing, the service is the second lock.
    mesh.kubectl("delete", "authorizationpolicy", "billing-portal")
    for name, headers in (("another workload", ()), ("another workload with the header forged", (FORGED,))):
        made = until("the policy to be gone", lambda: (last := one(mesh.other.address, *headers)).reason and last)
        yield f"without the mesh's policy, {name}: {made.outcome}", made.reason == "CALLER_NOT_ALLOWED"


def _helm_test(mesh):
    """The program of the chart's own test pod, where its sidecar is."""
    hooks = run("helm", "-n", BILLING, "get", "hooks", "billing-portal", env=shell())
    (pod,) = [item for item in parsed(hooks) if item["kind"] == "Pod"]
    (container,) = pod["spec"]["containers"]
    folder = WORK / "test"
    folder.mkdir()
    command = [part.replace("/scratch", str(folder)) for part in [*container["command"], *container["args"]]]
    code, said = run(*command, env=shell(), fails=True)
    return "helm test:\n      " + said.strip().replace("\n", "\n      "), code == 0


def _script(name, address, *arguments, stdin=None):
    code, said = run(ROOT / "tests/smoke", address, "--authority", AUTHORITY, *arguments, stdin=stdin, fails=True)
    return f"tests/smoke as {name}:\n      " + said.strip().replace("\n", "\n      "), code == 0
