"""The steps, in the order in which an operator would take them, each with what must hold at its end."""

import time

from lab.cluster import Watch
from lab.timeline import Step
from lab.words import commands, typed

ROUTES = {
    "virtualService": ("networking.istio.io/v1/namespaces/billing/virtualservices", "Route, VirtualService"),
    "grpcRoute": ("gateway.networking.k8s.io/v1/namespaces/billing/grpcroutes", "Route, GRPCRoute"),
}

BUTTON, PORTAL = "the button", "the portal of Acme Robotics"
UNAVAILABLE = "Billing is unavailable right now."
NOT_REACHED = "Billing can't be reached right now. Please try again in a few minutes."
JUST_OFF = "Billing has just been switched off for this workspace. Nothing was changed."
NOT_YET = "Billing is not available for this workspace yet."


class Steps:
    """Makes a change, finds out when it was taken, and watches page and calls for a while."""

    def __init__(self, mesh, browser):
        self.mesh, self.browser, self._number = mesh, browser, 0
        path, self.route_words = ROUTES[mesh.route]
        self._route, self._deployment = Watch(f"/apis/{path}"), Watch("/apis/apps/v1/namespaces/billing/deployments")

    def by_route(self, name, how, before, change, seconds=6):
        """A change whose moment is the API server's taking of the route."""
        stale = self._stale()
        asked = time.time()
        change()
        taken = self._route.taken("billing-portal", asked)
        return self._watched(Step(name, how, before, "the API server took the route", asked, taken), stale, seconds)

    def by_release(self, name, how, before, change):
        """A change of the pods, whose moment is the API server's taking of the Deployment."""
        stale = self._stale()
        asked = time.time()
        change()
        taken = self._deployment.taken("billing-portal", asked)
        self.mesh.stable.roll()
        return self._watched(Step(name, how, before, "the API server took the pods", asked, taken), stale, 12)

    def by_flag(self, name, before, command):
        """A change whose moment is the flag file's in the pod, because when a kubelet writes it is the kubelet's affair."""
        stale = self._stale()
        asked = time.time()
        typed(command)
        taken = max(self.mesh.stable.sync())
        how = "kubectl replace, kubectl annotate"
        return self._watched(Step(name, how, before, "the flag file changed", asked, taken), stale, 6)

    def by_stripe(self, name, how, before, change):
        """Not a change of ours: Stripe goes away, or comes back."""
        stale = self._stale()
        asked = time.time()
        change()
        return self._watched(Step(name, how, before, "it was so", asked, time.time()), stale, 8)

    def deploy_meanwhile(self):
        """A deployment while the route is off by hand; where the operator's patch and helm contradict, helm must fail."""
        code, said = self.mesh.upgrade("v2", "mesh.traffic=on", fails=True)
        if not code or "conflict" not in said:
            raise RuntimeError(f"a deployment undid what was switched off by hand: {said}")

    def _stale(self):
        self._number += 1
        return self.browser.settings(f"{self._number:02}-a-before") == BUTTON

    def _watched(self, step, stale, seconds):
        # A person is not as fast as the load.
        time.sleep(1.5)
        picture = f"{self._number:02}"
        if stale:
            step.page.append(("a page from before, clicked", self.browser.open(f"{picture}-b-clicked")))
        said = self.browser.settings(f"{picture}-c-settings")
        step.page.append(("the settings then", said))
        if said == BUTTON and not stale:
            step.page.append(("clicked", self.browser.open(f"{picture}-d-clicked")))
        time.sleep(max(0.0, step.taken + seconds - time.time()))
        step.until = time.time()
        return step


def _expect(kinds, page, share=None):
    """At the end of a step only these kinds of calls are left, and the page said these things."""

    def check(figures):
        settled, wrong = dict(figures["settled"]), []
        if not settled or any(not what.startswith(tuple(kinds)) for what in settled):
            wrong.append(f"{figures['step']}: at its end {settled}, not {kinds} only")
        if [said for _, said in figures["page"]] != page:
            wrong.append(f"{figures['step']}: the page said {figures['page']}")
        if share:
            calls = dict(figures["calls"])
            part = calls.get("session by v2", 0) / max(1, sum(calls.values()))
            if not share[0] <= part <= share[1]:
                wrong.append(f"{figures['step']}: {part:.0%} went to the new version")
        return wrong

    return check


def steps(mesh, browser):
    """Each step as it was taken, with what must hold of its figures."""
    take, beside = Steps(mesh, browser), ("canary.enabled=true", "canary.image.tag=v2")
    portal, (plain, forced) = [PORTAL, BUTTON], commands("Release")
    # The API server fills in what helm left out of a GRPCRoute, so what a hand put back is not what helm would write.
    rollback = forced if mesh.route == "grpcRoute" else plain

    def deploy(traffic="on"):
        mesh.upgrade("v2", f"mesh.traffic={traffic}")

    # The canary's pods first, then calls for them.
    mesh.upgrade("v1", *beside)
    mesh.canary.roll()
    # Two versions share Stripe's rate, so the first one's pods are new, too.
    mesh.stable.roll()
    time.sleep(4)
    yield (
        take.by_route(
            "canary 10 %",
            "helm upgrade --set mesh.traffic=canary",
            "session by v1",
            lambda: mesh.upgrade("v1", "mesh.traffic=canary", "mesh.canaryWeight=10", *beside),
            seconds=20,
        ),
        _expect(["session"], portal, share=(0.04, 0.18)),
    )
    yield (
        take.by_release("full", "helm upgrade --set image.tag=v2", "session by v1", lambda: mesh.upgrade("v2", *beside)),
        _expect(["session by v2"], portal),
    )
    off, back = commands(take.route_words)
    by_mesh, unavailable = ["UNAVAILABLE (by the mesh)"], [UNAVAILABLE, UNAVAILABLE]

    def without_canary():
        # The upgrade took its Deployment away, and gave the other all of the rate.
        mesh.canary.remove()
        mesh.stable.roll()

    # By the chart's value, and then by what is typed in the middle of the night.
    for how, switch_off, meanwhile, switch_on in (
        ("helm upgrade --set mesh.traffic", lambda: deploy("off"), without_canary, lambda: deploy("on")),
        ("kubectl patch", lambda: typed(off), take.deploy_meanwhile, lambda: typed(back)),
    ):
        yield take.by_route("off by route", how, "session", switch_off), _expect(by_mesh, unavailable)
        meanwhile()
        yield take.by_route("back", how, "UNAVAILABLE", switch_on), _expect(["session by v2"], [BUTTON, PORTAL])
    off, back = commands("Flag")
    disabled = _expect(["FAILED_PRECONDITION FEATURE_DISABLED"], [JUST_OFF, NOT_YET])
    yield take.by_flag("off by flag", "session", off), disabled
    yield take.by_flag("back", "FAILED_PRECONDITION", back), _expect(["session by v2"], [BUTTON, PORTAL])
    down = take.by_stripe("Stripe is down", "its connections are cut, and refused", "session", mesh.stripe.close)
    yield down, _expect(["UNAVAILABLE STRIPE_UNAVAILABLE"], [NOT_REACHED, BUTTON])
    up = take.by_stripe("Stripe is back", "connections are taken again", "UNAVAILABLE", mesh.stripe.open)
    yield up, _expect(["session by v2"], portal)
    # The sixth is the second version with all of the calls and without a canary.
    for name, revision, old, new in (("previous version", "1", "v2", "v1"), ("and back", "6", "v1", "v2")):
        step = take.by_release(
            name,
            "helm rollback",
            f"session by {old}",
            lambda: typed(rollback.replace("REVISION", revision)),
        )
        yield step, _expect([f"session by {new}"], portal)
