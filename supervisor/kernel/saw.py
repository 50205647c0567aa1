"""What a rule saw when it decided: its readings, as a person would read them off a display.

Rules
* Looked up only when somebody is told, never in a quiet cycle.
* A reading that is missing, old or doubtful is shown as that; there is no last good value here.
"""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.question import Image
from supervisor.kernel.signal import Quality, Reading, Signal, shown

SIGNALS_MAX = 12  # of one rule; more is a page and not a reason
Saw = tuple[tuple[str, str], ...]


def saw(plan: Plan, rule: str, image: Image, mode: int, now_ms: int) -> Saw:
    """(signal, what it says now) of the rule ``rule``; the mode of the house where that is what it looks at."""
    if any(row.id == rule for row in plan.mode_rules):
        return (("house", MODES[mode]),)
    indices = list(dict.fromkeys(i for i in signals_of(plan, rule) if i < len(image)))[:SIGNALS_MAX]
    return tuple((plan.signals[i].id, said(plan.signals[i], image[i], now_ms)) for i in indices)


def signals_of(plan: Plan, rule: str) -> Iterator[int]:
    """The signals that a rule looks at, in its own order. A part of a rule is called ``rule.part``."""
    for row in plan.rules:
        if row.id == rule:
            yield from row.question.signals()
    for cap in plan.caps:
        if cap.id == rule:
            yield cap.source.signal
    for circuit in plan.circuits:
        if rule == circuit.id or rule.startswith(f"{circuit.id}."):
            for phase in circuit.phases:
                yield phase.current.signal
                if phase.power is not None:
                    yield phase.power.signal
    yield from _of_grid(plan, rule)
    for changeover in plan.changeovers:
        if changeover.id == rule:
            yield from (flow.current.signal for flow in changeover.flows)
    conditions = [(need.id, need.question) for need in plan.needs]
    conditions += [(ban.id, ban.question) for ban in plan.bans]
    conditions += [(permission.id, permission.only_while) for permission in plan.permissions]
    for name, question in conditions:
        if name == rule and question is not None:
            yield from question.signals()


def _of_grid(plan: Plan, rule: str) -> Iterator[int]:
    export, dimming = (plan.grid.export, plan.grid.dimming) if plan.grid is not None else (None, None)
    if export is not None and (rule == export.id or rule.startswith(f"{export.id}.")):
        yield from (source.signal for source in export.meter)
        yield from (target.produced.signal for target in export.targets if target.produced is not None)
    if dimming is not None and rule == dimming.id:
        yield from (source.signal for source in (dimming.value, dimming.beat) if source is not None)
        for question in (dimming.contact, dimming.active):
            yield from question.signals() if question is not None else ()
        yield from (source.signal for source in dimming.meter)


def said(signal: Signal, reading: Reading, now_ms: int) -> str:
    """A reading with its age, such as ``36.2 A, 0.4 s old``."""
    if reading.quality is Quality.MISSING or reading.value is None:
        return "nothing yet" if reading.quality is Quality.MISSING else "no value"
    age_ms = now_ms - reading.at_ms
    age = f"{age_ms // 1000}.{age_ms % 1000 // 100} s old"
    doubt = "" if reading.quality is Quality.GOOD else f", {reading.quality.name.lower()}"
    late = ", too old" if age_ms > signal.max_age_ms else ""
    return f"{shown(reading.value, signal.unit)}, {age}{late}{doubt}"
