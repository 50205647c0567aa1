"""Why a target does what it does: GET /v1/targets/{target}/why, from the newest picture and the rings.

The offline sibling is ``powerwarden explain``: it has the site and the journal and asks the kernel itself, so it knows
what would bind next and any time in the past. This knows what the guardian shows, and says so where that ends.

Rules
* What it does, in whose name, what binds at each edge and why, what acts, what was asked, what ends it, what can be
  done: always in this order, as data and as plain sentences of the same facts.
* A time is told only where the guardian told one. What nobody here can know is not guessed: it names where to ask.

This file must never suggest what only a hand in the house may do as if it could be asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from supervisor.gateway import records, shapes, units
from supervisor.gateway.history import History
from supervisor.gateway.link import View
from supervisor.gateway.shapes import Json
from supervisor.wire import LeaseInfo, TargetInfo, TargetState, TripInfo

DECISIONS_SHOWN = 5
EVENTS_SHOWN = 5
RATING = "rating"


@dataclass(frozen=True)
class Case:
    """One target at one moment."""

    view: View
    info: TargetInfo
    at: TargetState

    def says(self, value: int | None) -> str:
        return units.phrase(value, self.info.unit, self.info.codes)

    def because(self, rule: str) -> str:
        """A rule's name with its reason."""
        reason = dict(self.view.describe.rules).get(rule, "")
        return f"{rule}: {reason}" if reason else rule

    def left(self, ms: int) -> str:
        return lasting(max(0, ms - self.view.age_ms))

    def binding(self) -> list[str]:
        """The rules that narrow it, each once."""
        rules = dict.fromkeys((self.at.empty_by, self.at.lo_by, self.at.hi_by))
        return [rule for rule in rules if rule not in ("", RATING)]

    def trips(self) -> list[TripInfo]:
        """The rows that act and bind here."""
        return [trip for trip in self.view.snapshot.trips if trip.rule in self.binding()]


def account(view: View, info: TargetInfo, history: History, now_ms: int) -> Json:
    """Everything about one target now. ``text`` says the same as the rest."""
    case = Case(view, info, view.snapshot.targets[view.describe.targets.index(info)])
    said = shapes.targets(view, (info.id,))[info.id]
    asked = history.decisions.latest(DECISIONS_SHOWN, lambda made: records.concerns(made, info.id, ""))
    subjects = {*_machines(info), "house", info.id, *case.binding()}
    happened = history.events.latest(EVENTS_SHOWN, lambda what: what.event.subject in subjects)
    names = records.codes(view.describe)
    decisions = [records.decision(entry, now_ms, names) for entry in asked.entries]
    clears, can = _clears(case), _can(case)
    now = {name: said[name] for name in ("unit", "output", "position", "wanted_by", "lease", "planned", "hunting")}
    bound = {"envelope": said["envelope"], "relaxes_in_s": said["relaxes_in_s"], "house": shapes.house(view)}
    acts = [trip for trip in shapes.trips(view) if trip["rule"] in case.binding()]
    machines = [machine for machine in shapes.machines(view) if machine["id"] in _machines(info)]
    lists: Json = {"trips": acts, "machines": machines, "decisions": decisions}
    lists |= {"events": [records.event(entry, now_ms) for entry in happened.entries], "clears": clears, "can": can}
    return {"id": info.id} | now | bound | lists | {"text": " ".join(_text(case, machines, decisions, clears, can))}


def _text(case: Case, machines: list[Json], decisions: list[Json], clears: list[str], can: list[str]) -> list[str]:
    newest = [f"Asked last, {lasting(int(d['ago_s'] * 1_000))} ago: {d['text']}." for d in decisions[-1:]]
    ends = [f"What ends it: {'; '.join(clears)}."] if clears else []
    waits = [f"{m['id']} is {m['state'].replace('_', ' ')}: {m['why']}." for m in machines if m.get("why")]
    house = f"The house is in mode {case.view.snapshot.mode.replace('_', ' ')} for {_mode_s(case)}."
    ways = [f"What you can do now: {'; '.join(can)}."]
    return [_does(case), *_bound(case), *_acting(case), *waits, house, *newest, *ends, *ways]


def _does(case: Case) -> str:
    """What it is told, and in whose name."""
    at, said = case.at, f"{case.info.id} is told {case.says(case.at.output)}"
    if at.output is None:
        said = f"{case.info.id} has not been told anything yet"
    if at.wanted_by.startswith("stop by "):
        return f"{said}: {at.wanted_by.removeprefix('stop by ')} has said stop, and nothing has been granted since."
    if at.lease is not None:
        return f"{said}: {_holds(case, at.lease)}."
    if at.wanted_by in ("", "default"):
        safe = case.says(case.info.safe)
        return f"{said}: nobody holds it and no program of this mode names it, so it keeps its safe value {safe}."
    if at.wanted_by == "as found":
        return f"{said}: it is left as it was found until the whole house has been seen."
    return f"{said}: nobody holds it, so {case.because(at.wanted_by)}."


def _holds(case: Case, lease: LeaseInfo) -> str:
    return f"{lease.holder} holds it for {case.says(lease.value)} ({lease.kind}), {case.left(lease.expires_in_ms)} left"


def _bound(case: Case) -> Iterable[str]:
    """What may be asked, and the rule at each edge."""
    at = case.at
    if at.empty_by:
        yield f"Nothing may be asked now, so it keeps {case.says(case.info.safe)}. {case.because(at.empty_by)}."
        return
    bands = [f" but nothing between {case.says(lo)} and {case.says(hi)}" for lo, hi in case.info.forbidden]
    yield f"What may be asked now: {case.says(at.lo)} to {case.says(at.hi)}{','.join(bands)}."
    edges = (("At least", at.lo, at.lo_by, at.lo_for_ms), ("At most", at.hi, at.hi_by, at.hi_for_ms))
    for side, value, rule, for_ms in edges:
        if rule not in ("", RATING):
            for_how_long = f", for another {case.left(for_ms)}" if for_ms else ""
            yield f"{side} {case.says(value)}{for_how_long}, because of {case.because(rule)}."
    if not case.binding():
        yield "No rule narrows it: that is all that the device can do."


def _acting(case: Case) -> Iterable[str]:
    for trip in case.trips():
        since = lasting(trip.for_ms + case.view.age_ms)
        knows = {"unknown": "because nobody can know better", "yes": "because its question is answered yes"}
        latched = f" and is latched ({trip.latched})" if trip.latched else ""
        yield f"{trip.rule} acts for {since}, {knows.get(trip.answer, 'until it has cleared')}{latched}."
    if case.at.hunting:
        yield "It goes up and down too often, so every step takes longer now (hunting)."
    if case.at.holds_ms:
        yield f"It will not relax for another {case.left(case.at.holds_ms)}."


def _clears(case: Case) -> list[str]:
    """What ends what binds here: a clause each."""
    at, found = case.at, []
    trips = {trip.rule: trip for trip in case.trips()}
    times = {at.lo_by: at.lo_for_ms, at.hi_by: at.hi_for_ms}
    if at.wanted_by.startswith("stop by "):
        found.append("the stop ends with the next wish that is granted")
    elif at.lease is not None:
        found.append(f"the lease of {at.lease.holder} ends in {case.left(at.lease.expires_in_ms)} unless it is renewed")
    for rule in case.binding():
        if rule in trips:
            found.append(_trip_clears(trips[rule]))
        elif times.get(rule):
            found.append(f"{rule} ends by itself in {case.left(times[rule] or 0)} if nothing changes")
        else:
            found.append(f"{rule} ends when the readings that it looks at allow more")
    return found


def _trip_clears(trip: TripInfo) -> str:
    match trip.latched:
        case "danger":
            return f"{trip.rule} is ended by a hand in the house alone, with the reset, after its cause has gone"
        case "nuisance":
            by_key = " or by an acknowledgement with the installer's key" if trip.challenge else ""
            return f"{trip.rule} ends by its time{by_key}, after its cause has gone"
    if trip.answer == "unknown":
        return f"{trip.rule} ends when the readings that it asks about are heard again"
    return f"{trip.rule} ends when its cause has gone for as long as its document says"


def _can(case: Case) -> list[str]:
    """What somebody on the network, or in the house, can do now. Never empty."""
    at, found = case.at, []
    trips = case.trips()
    if any(trip.latched == "danger" for trip in trips):
        found.append("look for the cause, then press the reset in the house; nothing on the network can do it")
    found += [f"powerwarden ack {t.rule} --key FILE, with the installer's key" for t in trips if t.challenge]
    if not at.empty_by and at.lo < at.hi:
        hold = f" (only {at.lease.holder} or a higher priority, while it is held)" if at.lease is not None else ""
        found.append(f"ask for {case.says(at.lo)} to {case.says(at.hi)}{hold}, where a permission names it")
    if at.lease is not None:
        found.append(f"let {at.lease.holder} release it, or stop it: a stop always passes")
    found.append(f"powerwarden explain {case.info.id}, on the box, also says what would bind next")
    return found


def _machines(info: TargetInfo) -> set[str]:
    """The ids of the machines behind a target: the contactor itself, the changeover, the device."""
    return {info.id, info.id.removesuffix(".position"), info.id.partition(".")[0]}


def _mode_s(case: Case) -> str:
    return lasting(case.view.snapshot.mode_for_ms + case.view.age_ms)


def lasting(ms: int) -> str:
    """A span of time as people say it: "2.9 s", "13 s", "59 min", "3 h 5 min", "2 days"."""
    if ms < 10_000:
        return f"{ms / 1_000:.1f} s"
    if ms < 120_000:
        return f"{ms // 1_000} s"
    minutes = ms // 60_000
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} days"
