"""Findings about who may ask for what, and about what happens when nobody asks.

Each function looks at one thing and yields the spots where it is so; table.py says what that means.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from supervisor.check.finding import Spot
from supervisor.check.survey import Survey
from supervisor.kernel import network
from supervisor.kernel.fit import fitted
from supervisor.kernel.outputs import rounded
from supervisor.kernel.permission import Layer
from supervisor.kernel.plan import MODES, Permission, Program
from supervisor.kernel.span import Span, clip
from supervisor.kernel.wish import ASKS

GUARDED = frozenset(MODES.index(mode) for mode in ("starting", "fault", "maintenance"))
NORMAL, STARTING, LOST = (MODES.index(mode) for mode in ("normal", "starting", "orchestrator_lost"))


# ---- what can be left at best ------------------------------------------------------------------------------------
def widest(survey: Survey, position: int, mode: int) -> Span:
    """The envelope of a target on the best of days in this mode: its rating, what a device's own limit can say at
    most, and the rules of the mode."""
    target = survey.plan.targets[position]
    span = target.rating
    for cap in survey.plan.caps:
        if cap.target == position:
            span = span.narrow(None, survey.plan.signals[cap.source.signal].hi, cap.id)
    for rule in survey.plan.mode_rules:
        if rule.target == position and mode in rule.modes:
            span = span.narrow(rule.lo, rule.hi, rule.id)
    return span


def barrier(survey: Survey, permission: Permission, holder: int, mode: int) -> str:
    """Who stands in the way of ever granting more than the safe value of this to ``holder`` in this mode; "" nobody."""
    target, span = survey.plan.targets[permission.target], widest(survey, permission.target, mode)
    if holder not in survey.remote and target.changeover is None:  # a hand is granted all, and gets what is left
        left = rounded(target, clip(permission.hi, span, target.safe, target.bands))
        return _named(span) if left == target.safe != permission.hi else ""
    for ban in survey.plan.bans:
        covers = ban.target == permission.target and ban.lo <= permission.lo and permission.hi <= ban.hi
        if covers and ban.question is None and holder in ban.identities and mode in ban.modes:
            return ban.id
    if holder in survey.remote:
        farthest = permission.hi if permission.hi != target.safe else permission.lo
        if (barred := network.barrier(survey.plan, permission.target, farthest)) is not None:
            return barred.by
        span = span if target.changeover is not None else network.within(survey.plan, permission.target, span)
    covered = _layers(survey, permission, holder, mode)
    if isinstance(covered, str):
        return covered
    if target.changeover is not None or permission.lo == permission.hi == target.safe:
        return "" if span.lo <= permission.lo <= span.hi else _named(span)
    fits = [fitted(target, end, span, covered) for end in {permission.lo, permission.hi}]
    if any(fit.value != target.safe and permission.lo <= fit.value <= permission.hi for fit in fits):
        return ""
    return next((fit.by for fit in fits if fit.by), permission.id)


def _layers(survey: Survey, permission: Permission, holder: int, mode: int) -> list[Layer] | str:
    """What each document permits of this target in this mode; or a permission of one that permits nothing of it."""
    layers: dict[int, list[Permission]] = {}
    for other in survey.plan.permissions:
        if other.target == permission.target and holder in other.identities:
            layers.setdefault(other.layer, []).append(other)
    place = survey.plan.targets[permission.target].changeover is not None
    found: list[Layer] = []
    for layer in layers.values():
        open_now = tuple(p for p in layer if mode in p.modes and (not place or p.lo <= permission.lo <= p.hi))
        if not open_now:
            return layer[0].id
        found.append(open_now)
    return found


def barriers(survey: Survey, permission: Permission, mode: int) -> list[str]:
    """Who stands in everybody's way in this mode; nobody as soon as somebody gets through."""
    by = [barrier(survey, permission, holder, mode) for holder in sorted(permission.identities)]
    return sorted(set(by)) if all(by) else []


def _barred(survey: Survey, permission: Permission) -> dict[int, list[str]]:
    """The modes in which it can never be granted, and who stands in the way."""
    found = {mode: barriers(survey, permission, mode) for mode in sorted(permission.modes)}
    return {mode: by for mode, by in found.items() if by}


# ---- permissions -------------------------------------------------------------------------------------------------
def permission_ungrantable(survey: Survey) -> Iterator[Spot]:
    for permission in survey.plan.permissions:
        if len(barred := _barred(survey, permission)) == len(permission.modes):
            target = survey.plan.targets[permission.target]
            band = f"{survey.said(permission.lo, target)} to {survey.said(permission.hi, target)}"
            by = sorted({name for names in barred.values() for name in names})
            yield Spot(
                survey.of_rule(permission.id),
                f"{band} of {target.id} can never be granted: nothing of it is left by {' and '.join(by)}",
            )


def _named(span: Span) -> str:
    return span.empty_by or (span.hi_by if span.hi_by != "rating" else span.lo_by)


def permission_stopped(survey: Survey) -> Iterator[Spot]:
    for permission in survey.plan.permissions:
        barred = _barred(survey, permission)
        if barred and len(barred) < len(permission.modes):
            modes = ", ".join(MODES[mode] for mode in barred)
            by = sorted({name for names in barred.values() for name in names})
            what = f"lists {modes}, where {' and '.join(by)} leaves nothing of it"
            yield Spot(survey.of_rule(permission.id, "in"), what)


def permission_guarded(survey: Survey) -> Iterator[Spot]:
    for permission in survey.plan.permissions:
        modes = [m for m in sorted(permission.modes & GUARDED) if not barriers(survey, permission, m)]
        if modes:
            names = ", ".join(MODES[mode] for mode in modes)
            yield Spot(survey.of_rule(permission.id, "in"), f"grants in {names}, when nothing new should flow")


def identity_idle(survey: Survey) -> Iterator[Spot]:
    for holder in survey.remote:
        identity = survey.plan.identities[holder]
        permitted = any(holder in permission.identities for permission in survey.plan.permissions)
        if not permitted and identity.role == ASKS:
            yield Spot(survey.at("orchestrators", identity.name), f"no permission names {identity.name}")


def network_unbounded(survey: Survey) -> Iterator[Spot]:
    """Of everything that some identity of the network may raise."""
    remote = set(survey.remote)
    asked = {p.target for p in survey.plan.permissions if p.identities & remote}
    if asked and not survey.plan.network:
        names = ", ".join(survey.plan.targets[at].id for at in sorted(asked))
        what = f"nothing bounds what a captured gateway may ask of {names} but permissions, and it asks in every name"
        yield Spot(survey.at("orchestrators"), what)


def same_priority(survey: Survey) -> Iterator[Spot]:
    """Two that may ask for the same in the same mode, and neither goes before the other."""
    shared: dict[tuple[int, int], set[str]] = {}
    for a, b in combinations(survey.plan.permissions, 2):
        if a.target == b.target and a.modes & b.modes:
            for pair in ((x, y) for x in a.identities for y in b.identities if x != y):
                shared.setdefault((min(pair), max(pair)), set()).add(survey.plan.targets[a.target].id)
    for permission in survey.plan.permissions:
        for one, other in combinations(sorted(permission.identities), 2):
            shared.setdefault((one, other), set()).add(survey.plan.targets[permission.target].id)
    for (one, other), targets in sorted(shared.items()):
        first, second = survey.plan.identities[one], survey.plan.identities[other]
        if first.priority == second.priority and {one, other} <= set(survey.remote):
            names = f"{first.name} and {second.name} have the same priority {first.priority}"
            what = f"{names}, and both may ask for {', '.join(sorted(targets))}"
            yield Spot(survey.at("orchestrators", second.name, "priority"), what)


# ---- programs ----------------------------------------------------------------------------------------------------
def _clipped(survey: Survey, program: Program, mode: int) -> int:
    """What is left of a program's value in a mode on the best of days."""
    target, span = survey.plan.targets[program.target], widest(survey, program.target, mode)
    if target.changeover is not None:
        return program.value if span.lo <= program.value <= span.hi else target.safe
    return rounded(target, clip(program.value, span, target.safe, target.bands))


def program_stopped(survey: Survey) -> Iterator[Spot]:
    yield from _programs(survey, stopped=True)


def program_narrowed(survey: Survey) -> Iterator[Spot]:
    yield from _programs(survey, stopped=False)


def _programs(survey: Survey, stopped: bool) -> Iterator[Spot]:
    for program in survey.plan.programs:
        target = survey.plan.targets[program.target]
        for mode in sorted(program.modes):
            left = _clipped(survey, program, mode)
            if left == program.value or (left == target.safe) != stopped:
                continue
            by = _named(widest(survey, program.target, mode))
            words = f"wants {survey.said(program.value, target)} in {MODES[mode]}, and {by} always leaves only"
            yield Spot(survey.of_rule(program.id, "value"), f"{words} {survey.said(left, target)}")


def lost_without_program(survey: Survey) -> Iterator[Spot]:
    if any(LOST in program.modes for program in survey.plan.programs):
        return
    for identity in survey.plan.identities:
        if identity.expected:
            what = f"{identity.name} is expected, and no program says what the house does when it is lost"
            yield Spot(survey.at("orchestrators", identity.name, "expected"), what)


def target_unreachable(survey: Survey) -> Iterator[Spot]:
    """Per device, for a node has many coils."""
    used = {p.target for p in survey.plan.permissions} | {p.target for p in survey.plan.programs} | survey.moved
    for device in survey.devices.values():
        idle = [survey.plan.targets[place.index] for place in device.outputs if place.index not in used]
        if idle and not device.observe:
            names = ", ".join(target.id for target in idle)
            yield Spot(survey.at("devices", device.name), f"nobody may ask for {names}, and no program sets it")


def goes_dark(survey: Survey) -> Iterator[Spot]:
    """What somebody has switched on is off after a restart, for leases do not come back."""
    for position, target in enumerate(survey.plan.targets):
        asked = any(p.target == position and p.hi != target.safe for p in survey.plan.permissions)
        switch = position in survey.contactors and position not in survey.moved
        if not (asked and (switch or target.changeover is not None)):
            continue
        kept = [p for p in survey.plan.programs if p.target == position and NORMAL in p.modes]
        if not kept and survey.said(target.safe, target) in ("off", "open"):
            yield Spot(survey.of_target(position), f"{target.id} is open after every restart until somebody asks again")
        elif kept and switch and kept[0].value > 0 and widest(survey, position, STARTING).hi == 0:
            by = widest(survey, position, STARTING).hi_by
            yield Spot(
                survey.of_target(position), f"{target.id} opens at every restart, because {by} stops it meanwhile"
            )


def mode_never_comes(survey: Survey) -> Iterator[Spot]:
    modes_of = {row.id: row.modes for row in survey.plan.mode_rules}
    modes_of |= {row.id: row.modes for row in survey.plan.permissions}
    modes_of |= {row.id: row.modes for row in survey.plan.programs} | {row.id: row.modes for row in survey.plan.bans}
    for identity, modes in modes_of.items():
        if not modes & survey.modes:
            names = ", ".join(MODES[mode] for mode in sorted(modes))
            yield Spot(survey.of_rule(identity, "in"), f"this house is never in mode {names}")
