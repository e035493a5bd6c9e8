"""What a change did to the calls around it, and which process answered each."""

import json
from collections import Counter
from dataclasses import dataclass, field

# At the end of a step nothing of the state before is left; this long is looked at.
LAST = 2.0


@dataclass
class Step:
    """A change, and how long it was watched."""

    name: str
    how: str
    # How the calls of the state before came out, so that the last one of them can be found.
    before: str
    # What the change waits for after it was taken, where calls can't change before that.
    then: str
    # When it was typed, when the API server (or a pod's file) had it, and when the step was over.
    asked: float
    taken: float
    until: float = 0.0
    page: list = field(default_factory=list)


def answered_by(tracks):
    """For each trace, the outcomes in the audit logs: which version, which pod, why, and for which caller."""
    found = {}
    for pod in (pod for track in tracks for pod in track.all):
        for line in pod.audit.read_text().splitlines():
            line = json.loads(line)
            if line["event"] == "outcome" and "trace_id" in line:
                found.setdefault(line["trace_id"], []).append((pod.version, pod.name, line["reason"], line.get("caller")))
    return found


def kind(call, answers):
    """What became of a call: which version's session, or which refusal."""
    if not call.session:
        return call.outcome
    return f"session by {'+'.join(version for version, *_ in answers.get(call.trace, [])) or 'nobody'}"


def mixtures(calls, answers):
    """Calls that were not answered by exactly one process as the caller was told. A mesh's own refusal reached none."""
    wrong = []
    for call in calls:
        expected = ["OK"] if call.session else [call.reason] if call.reason else []
        told = [reason for _, _, reason, _ in answers.get(call.trace, [])]
        if told != expected:
            wrong.append(f"{call.outcome} to the caller, {told or 'nothing'} in the audit logs")
    return wrong


def measure(step, calls, answers):
    """The figures of a step: of the calls that were started after the change was taken."""
    after = sorted((call for call in calls if step.taken <= call.started < step.until), key=lambda call: call.started)
    kinds = [(call.started - step.taken, kind(call, answers)) for call in after]
    old = [when for when, what in kinds if what.startswith(step.before)]
    new = [when for when, what in kinds if not what.startswith(step.before)]
    end = step.until - step.taken - LAST
    stays = bool(old) and max(old) >= end
    return {
        "step": step.name,
        "how": step.how,
        "before": step.before,
        "then": step.then,
        "taken": step.taken - step.asked,
        # Of a share of the calls there is no last one.
        "last_before": None if stays else max(old, default=None),
        "stays": stays,
        "first_after": min(new, default=None),
        "calls": Counter(what for _, what in kinds).most_common(),
        "settled": Counter(what for when, what in kinds if when >= end).most_common(),
        "page": step.page,
    }


def _told(seconds):
    return "none" if seconds is None else f"{seconds * 1000:.0f} ms"


def _list(counts):
    return ", ".join(f"{count} {what}" for what, count in counts) or "none"


def printed(figures, start):
    """A step as lines of the timeline."""
    lines = [f"{figures['step']}: {figures['how']}"]
    lines.append(f"    {figures['then']:<36}{figures['taken']:.2f} s after it was typed")
    if not figures["stays"]:
        lines.append(f"    {'last ' + figures['before'] + ' started':<36}{_told(figures['last_before'])} after that")
    lines.append(f"    {'first other call started':<36}{_told(figures['first_after'])} after that")
    lines.append(f"    {'calls started since':<36}{_list(figures['calls'])}")
    lines += [f"    {when:<36}{said}" for when, said in figures["page"]]
    return f"{start:6.1f} s  " + "\n          ".join(lines)
