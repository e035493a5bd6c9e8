"""Measures the effect of a change on the calls around it, and which process handled each call."""

import json
from collections import Counter
from dataclasses import dataclass, field

# Calls that start in the last seconds of a step must all have an outcome of the new state.
SETTLED_SECONDS = 2.0


@dataclass
class Step:
    """A change and the time for which its effect was observed. Times are Unix times in seconds."""

    name: str
    method: str
    # The prefix of outcomes in the previous state. Identifies the last call with such an outcome.
    before: str
    # The event at `effective_at`: calls cannot change before it.
    event: str
    requested_at: float
    effective_at: float
    ended_at: float = 0.0
    page: list = field(default_factory=list)


def read_outcomes(tracks):
    """Returns the outcomes in the audit logs by trace id: version, pod, reason and caller of each."""
    outcomes = {}
    for pod in (pod for track in tracks for pod in track.all_pods):
        for line in pod.audit.read_text().splitlines():
            entry = json.loads(line)
            if entry["event"] == "outcome" and "trace_id" in entry:
                outcome = (pod.version, pod.name, entry["reason"], entry.get("caller"))
                outcomes.setdefault(entry["trace_id"], []).append(outcome)
    return outcomes


def classify(call, outcomes):
    """Returns the version that created the session, or the refusal."""
    if not call.is_ok:
        return call.outcome
    return f"session by {'+'.join(version for version, *_ in outcomes.get(call.trace, [])) or 'nobody'}"


def find_mismatches(calls, outcomes):
    """Returns the calls without exactly one audit outcome that matches the response.

    A call that the mesh refuses does not reach a process and must not have an audit outcome.
    """
    mismatches = []
    for call in calls:
        expected = ["OK"] if call.is_ok else [call.reason] if call.reason else []
        audited = [reason for _, _, reason, _ in outcomes.get(call.trace, [])]
        if audited != expected:
            mismatches.append(f"{call.outcome} to the caller, {audited or 'nothing'} in the audit logs")
    return mismatches


def measure(step, calls, outcomes):
    """Returns the figures of a step, for the calls that started after the change became effective."""
    after = (call for call in calls if step.effective_at <= call.started < step.ended_at)
    kinds = [
        (call.started - step.effective_at, classify(call, outcomes))
        for call in sorted(after, key=lambda call: call.started)
    ]
    old = [when for when, kind in kinds if kind.startswith(step.before)]
    new = [when for when, kind in kinds if not kind.startswith(step.before)]
    settled_from = step.ended_at - step.effective_at - SETTLED_SECONDS
    # With a canary, a share of the calls keeps the previous outcome, so that there is no last one.
    persists = bool(old) and max(old) >= settled_from
    return {
        "step": step.name,
        "method": step.method,
        "before": step.before,
        "event": step.event,
        "delay": step.effective_at - step.requested_at,
        "last_before": None if persists else max(old, default=None),
        "persists": persists,
        "first_after": min(new, default=None),
        "calls": Counter(kind for _, kind in kinds).most_common(),
        "settled": Counter(kind for when, kind in kinds if when >= settled_from).most_common(),
        "page": step.page,
    }


def _milliseconds(seconds):
    return "none" if seconds is None else f"{seconds * 1000:.0f} ms"


def _counts(counts):
    return ", ".join(f"{count} {kind}" for kind, count in counts) or "none"


def format_step(figures, start):
    """Formats a step as lines of the timeline."""
    lines = [f"{figures['step']}: {figures['method']}"]
    lines.append(f"    {figures['event']:<36}{figures['delay']:.2f} s after the command was started")
    if not figures["persists"]:
        lines.append(f"    {'last ' + figures['before'] + ' started':<36}{_milliseconds(figures['last_before'])} after the change")
    lines.append(f"    {'first other call started':<36}{_milliseconds(figures['first_after'])} after the change")
    lines.append(f"    {'calls started since':<36}{_counts(figures['calls'])}")
    lines += [f"    {label:<36}{text}" for label, text in figures["page"]]
    return f"{start:6.1f} s  " + "\n          ".join(lines)
