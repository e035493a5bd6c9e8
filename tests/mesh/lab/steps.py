"""The steps of the drill in the order in which an operator takes them, each with its expected result."""

import time

from lab.cluster import Watch
from lab.runbook import read_commands, run_as_operator
from lab.timeline import Step

ROUTES = {
    "virtualService": ("networking.istio.io/v1/namespaces/billing/virtualservices", "Route, VirtualService"),
    "grpcRoute": ("gateway.networking.k8s.io/v1/namespaces/billing/grpcroutes", "Route, GRPCRoute"),
}

BUTTON, PORTAL = "the button", "the portal of Acme Robotics"
UNAVAILABLE = "Billing is unavailable right now. Please try again in a few minutes."
SWITCHED_OFF = "Billing is not available for this workspace right now. Please contact support if you need it."


class Changes:
    """Makes a change, finds out when it became effective, and observes the page and the calls for a while."""

    def __init__(self, mesh, browser):
        self.mesh, self.browser, self._number = mesh, browser, 0
        path, self.runbook_heading = ROUTES[mesh.route]
        self._route, self._deployment = Watch(f"/apis/{path}"), Watch("/apis/apps/v1/namespaces/billing/deployments")

    def by_route(self, name, method, before, change, seconds=6):
        """Makes a change that is effective when the API server accepts the route."""
        has_button = self._load_page()
        requested = time.time()
        change()
        effective = self._route.wait_for_change("billing-portal", requested)
        step = Step(name, method, before, "API server accepted the route", requested, effective)
        return self._observe(step, has_button, seconds)

    def by_release(self, name, method, before, change):
        """Makes a change of the pods that is effective when the API server accepts the Deployment."""
        has_button = self._load_page()
        requested = time.time()
        change()
        effective = self._deployment.wait_for_change("billing-portal", requested)
        self.mesh.stable.roll_out()
        step = Step(name, method, before, "API server accepted the pods", requested, effective)
        return self._observe(step, has_button, 12)

    def by_flag(self, name, before, command):
        """Makes a change that is effective when the flag file in the pod changes.

        The time from the ConfigMap to the file is not measured, because it depends on the kubelet.
        """
        has_button = self._load_page()
        requested = time.time()
        run_as_operator(command)
        effective = max(self.mesh.stable.sync())
        step = Step(name, "kubectl replace, kubectl annotate", before, "flag file changed", requested, effective)
        return self._observe(step, has_button, 6)

    def by_stripe(self, name, method, before, change):
        """Makes Stripe unreachable, or reachable again."""
        has_button = self._load_page()
        requested = time.time()
        change()
        step = Step(name, method, before, "connections changed", requested, time.time())
        return self._observe(step, has_button, 8)

    def deploy_meanwhile(self):
        """Deploys while the route is off by hand, and checks that Helm reports a conflict with the manual change."""
        code, output = self.mesh.upgrade("v2", "mesh.traffic=on", may_fail=True)
        if not code or "conflict" not in output:
            raise RuntimeError(f"the deployment did not report a conflict with the manual change: {output}")

    def _load_page(self):
        """Loads the page before the change. Returns whether it has the button."""
        self._number += 1
        return self.browser.load_settings(f"{self._number:02}-a-before") == BUTTON

    def _observe(self, step, has_button, seconds):
        # A user is slower than the load.
        time.sleep(1.5)
        screenshot = f"{self._number:02}"
        if has_button:
            step.page.append(("click on the page already open", self.browser.click_button(f"{screenshot}-b-clicked")))
        text = self.browser.load_settings(f"{screenshot}-c-settings")
        step.page.append(("settings page, loaded again", text))
        if text == BUTTON and not has_button:
            step.page.append(("click", self.browser.click_button(f"{screenshot}-d-clicked")))
        time.sleep(max(0.0, step.effective_at + seconds - time.time()))
        step.ended_at = time.time()
        return step


def _expect(kinds, page, canary_share=None):
    """Returns a check of a step's figures: all calls at its end are of these kinds, and the page showed these texts."""

    def check(figures):
        settled, failures = dict(figures["settled"]), []
        if not settled or any(not kind.startswith(tuple(kinds)) for kind in settled):
            failures.append(f"{figures['step']}: calls at the end: {settled}; expected only {kinds}")
        if [text for _, text in figures["page"]] != page:
            failures.append(f"{figures['step']}: the page showed {figures['page']}; expected {page}")
        if canary_share:
            calls = dict(figures["calls"])
            share = calls.get("session by v2", 0) / max(1, sum(calls.values()))
            if not canary_share[0] <= share <= canary_share[1]:
                failures.append(f"{figures['step']}: the new version received {share:.0%} of the calls")
        return failures

    return check


def run_steps(mesh, browser):
    """Runs the steps. Yields each step when it has ended, with a function that checks its figures."""
    changes, canary = Changes(mesh, browser), ("canary.enabled=true", "canary.image.tag=v2")
    portal, (plain, forced) = [PORTAL, BUTTON], read_commands("Release")
    # A GRPCRoute that was patched back differs from what Helm writes: the API server adds defaults that Helm leaves out.
    rollback = forced if mesh.route == "grpcRoute" else plain

    def deploy(traffic="on"):
        mesh.upgrade("v2", f"mesh.traffic={traffic}")

    # Starts the canary's pods before the route sends calls to them.
    mesh.upgrade("v1", *canary)
    mesh.canary.roll_out()
    # The two versions share Stripe's rate limit, so the pods of the first version also get a new template.
    mesh.stable.roll_out()
    time.sleep(4)
    yield (
        changes.by_route(
            "canary 10 %",
            "helm upgrade --set mesh.traffic=canary",
            "session by v1",
            lambda: mesh.upgrade("v1", "mesh.traffic=canary", "mesh.canaryWeight=10", *canary),
            seconds=20,
        ),
        _expect(["session"], portal, canary_share=(0.04, 0.18)),
    )
    upgrade = changes.by_release(
        "full", "helm upgrade --set image.tag=v2", "session by v1", lambda: mesh.upgrade("v2", *canary)
    )
    yield upgrade, _expect(["session by v2"], portal)
    off, back = read_commands(changes.runbook_heading)
    by_mesh, unavailable = ["UNAVAILABLE (by the mesh)"], [UNAVAILABLE, UNAVAILABLE]

    def remove_canary():
        # The upgrade deleted the canary's Deployment and assigned the whole rate limit to the other one.
        mesh.canary.remove()
        mesh.stable.roll_out()

    # First with the chart's value, then with the commands of the runbook.
    for method, switch_off, meanwhile, switch_on in (
        ("helm upgrade --set mesh.traffic", lambda: deploy("off"), remove_canary, lambda: deploy("on")),
        (
            "kubectl patch",
            lambda: run_as_operator(off),
            changes.deploy_meanwhile,
            lambda: run_as_operator(back),
        ),
    ):
        yield changes.by_route("off by route", method, "session", switch_off), _expect(by_mesh, unavailable)
        meanwhile()
        yield changes.by_route("back", method, "UNAVAILABLE", switch_on), _expect(["session by v2"], [BUTTON, PORTAL])
    off, back = read_commands("Flag")
    disabled = _expect(["FAILED_PRECONDITION FEATURE_DISABLED"], [SWITCHED_OFF, SWITCHED_OFF])
    yield changes.by_flag("off by flag", "session", off), disabled
    yield changes.by_flag("back", "FAILED_PRECONDITION", back), _expect(["session by v2"], [BUTTON, PORTAL])
    down = changes.by_stripe("Stripe is down", "connections closed and refused", "session", mesh.stripe.close)
    # All calls are those of one person, who may have 16 in flight. They take longer while Stripe is down.
    yield down, _expect(["UNAVAILABLE STRIPE_UNAVAILABLE", "UNAVAILABLE OVERLOADED"], [UNAVAILABLE, BUTTON])
    up = changes.by_stripe("Stripe is back", "connections accepted again", "UNAVAILABLE", mesh.stripe.open)
    yield up, _expect(["session by v2"], portal)
    # Revision 6 is the second version with all calls and without a canary.
    for name, revision, old, new in (("previous version", "1", "v2", "v1"), ("and back", "6", "v1", "v2")):
        step = changes.by_release(
            name,
            "helm rollback",
            f"session by {old}",
            lambda: run_as_operator(rollback.replace("REVISION", revision)),
        )
        yield step, _expect([f"session by {new}"], portal)
