"""How the guardian's words look in JSON.

Rules
* Every quantity stands beside its unit, every age counts from now (the snapshot's own age is added), and a value that
  is not known is null, never 0.
* Ids are the guardian's, unchanged: ``device.signal``. A device is what stands before the first dot.
* Without a fresh picture the house's mode is "unknown" and the lists are empty: the last good value is never shown as
  if it were now.

This file must never leave out who binds: a limit without its rule is half an answer.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import Any

from supervisor.gateway import units
from supervisor.gateway.link import Link, View
from supervisor.wire import Answer, IdentityInfo, LeaseInfo, Seen, SignalInfo, TargetInfo, TargetState

Json = dict[str, Any]


def seconds(ms: int) -> float:
    """Milliseconds as seconds."""
    return ms / 1_000


def state(link: Link) -> Json:
    """GET /v1/state: everything, in one picture."""
    view = link.view()
    age_ms = link.age_ms()
    guardian: Json = {"connected": link.connected, "snapshot_age_s": None if age_ms is None else seconds(age_ms)}
    if view is None:
        guardian["trouble"] = "its picture is old" if link.connected else link.trouble
        nowhere = {"mode": "unknown", "for_s": None, "since": None}
        nothing: Json = {name: [] for name in ("machines", "trips", "buses", "events")}
        return {"guardian": guardian, "house": nowhere, "readings": {}, "targets": {}} | nothing
    told, now = view.describe, view.snapshot
    return {
        "site": told.site,
        "simulated": told.simulated,
        "observe": told.observe,
        "guardian": guardian | {"cycle": now.cycle, "cycle_ms": told.cycle_ms, "digest": told.digest},
        "house": house(view),
        "machines": machines(view),
        "readings": readings(view),
        "targets": targets(view),
        "trips": trips(view),
        "buses": buses(view),
        "events": events(view),
    }


def house(view: View) -> Json:
    """The mode, and since when."""
    for_s = seconds(view.snapshot.mode_for_ms + view.age_ms)
    since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=for_s)
    return {"mode": view.snapshot.mode, "for_s": for_s, "since": since.isoformat(timespec="seconds")}


def machines(view: View) -> list[Json]:
    """Each state machine's state by name, and for how long."""
    return [
        {"id": info.id, "kind": info.kind, "state": info.states[at.state], "for_s": seconds(at.for_ms + view.age_ms)}
        | ({"why": at.why} if at.why else {})
        | ({} if at.wear is None else {"closings": at.wear[0], "openings_under_current": at.wear[1]})
        for info, at in zip(view.describe.machines, view.snapshot.machines, strict=True)
    ]


def buses(view: View) -> list[Json]:
    """Each bus process and its wires."""
    return [{"name": b.name, "connected": b.connected, "link": b.link, "detail": b.detail} for b in view.snapshot.buses]


def readings(view: View, only: Collection[str] | None = None) -> Json:
    """Each signal's newest value with unit, age and quality; of all signals, or only of these."""
    pairs = zip(view.describe.signals, view.snapshot.readings, strict=True)
    return {info.id: _reading(info, seen, view.age_ms) for info, seen in pairs if only is None or info.id in only}


def _reading(info: SignalInfo, seen: Seen, age_ms: int) -> Json:
    name = dict(info.codes).get(seen.value) if seen.value is not None else None
    return ({"name": name} if name else {}) | {
        "value": None if seen.value is None else units.shown(seen.value, info.unit),
        "unit": units.shown_unit(info.unit),
        "age_s": None if seen.age_ms is None else seconds(seen.age_ms + age_ms),
        "quality": seen.quality.name.lower(),
    }


def targets(view: View, only: Collection[str] | None = None) -> Json:
    """Each target: output, envelope with what binds, lease, and what it is rated for; of all, or only of these."""
    why = dict(view.describe.rules)
    pairs = zip(view.describe.targets, view.snapshot.targets, strict=True)
    return {info.id: _target(info, now, view.age_ms, why) for info, now in pairs if only is None or info.id in only}


def _target(info: TargetInfo, now: TargetState, age_ms: int, why: dict[str, str]) -> Json:
    def say(value: int) -> int | float:
        return units.shown(value, info.unit)

    unit = units.shown_unit(info.unit)
    envelope = {"lo": say(now.lo), "hi": say(now.hi), "lo_by": now.lo_by, "hi_by": now.hi_by}
    reasons = {"lo_why": why.get(now.lo_by, ""), "hi_why": why.get(now.hi_by, ""), "empty_by": now.empty_by}
    times = {"lo_for_s": _left(now.lo_for_ms, age_ms), "hi_for_s": _left(now.hi_for_ms, age_ms)}
    rating = {"lo": say(info.lo), "hi": say(info.hi), "step": say(info.step), "safe": say(info.safe)}
    return {
        "unit": unit,
        "output": None if now.output is None else say(now.output),
        "wanted_by": now.wanted_by,
        "envelope": envelope | reasons | times,
        "lease": None if now.lease is None else lease(now.lease, unit, info.unit, age_ms),
        "planned": None if now.planned is None else lease(now.planned, unit, info.unit, age_ms),
        "relaxes_in_s": _left(now.holds_ms, age_ms),
        "hunting": now.hunting,
        "rating": rating | {"forbidden": [[say(lo), say(hi)] for lo, hi in info.forbidden]},
        "contactor": info.contactor,
        "positions": [name for _, name in info.codes],
        "position": dict(info.codes).get(now.output) if now.output is not None else None,
        "silence": info.silence,
    }


def _left(ms: int | None, age_ms: int) -> float | None:
    """A time that is left, counted from now; null where only the world knows."""
    return None if ms is None else seconds(max(0, ms - age_ms))


def lease(held: LeaseInfo, unit: str, kernel_unit: str, age_ms: int) -> Json:
    """Who holds a target, with what value, for how much longer."""
    return {
        "target": held.target,
        "holder": held.holder,
        "kind": held.kind,
        "value": units.from_kernel(held.value, unit, kernel_unit),
        "unit": unit,
        "expires_in_s": seconds(max(0, held.expires_in_ms - age_ms)),
    } | ({"starts_in_s": seconds(max(0, held.starts_in_ms - age_ms))} if held.starts_in_ms else {})


def trips(view: View) -> list[Json]:
    """The rows that act now, with their reason."""
    why = dict(view.describe.rules)
    rows = []
    for trip in view.snapshot.trips:
        words = {"rule": trip.rule, "why": why.get(trip.rule, ""), "answer": trip.answer, "latched": trip.latched}
        signs = {"challenge": trip.challenge} if trip.challenge else {}
        counted = {"trips": trip.trips} if trip.trips else {}
        rows.append(words | {"for_s": seconds(trip.for_ms + view.age_ms)} | signs | counted)
    return rows


def events(view: View) -> list[Json]:
    """What happened, the newest last."""
    now_ms = view.snapshot.at_ms + view.age_ms
    return [
        {"ago_s": seconds(max(0, now_ms - e.at_ms)), "kind": e.kind, "subject": e.subject, "text": e.text}
        for e in view.snapshot.events
    ]


def devices(view: View) -> Json:
    """What belongs together: each device's machines, readings and targets. What no driver stands behind, such as a
    changeover or an orchestrator, has a family, bus and observe of null."""
    known = {info.name: info for info in view.describe.devices}
    grouped: dict[str, Json] = {}

    def of(name: str) -> Json:
        device = name.split(".", 1)[0]
        if device not in grouped:
            info = known.get(device)
            driver = (info.family, info.bus, info.observe) if info is not None else (None, None, None)
            behind: Json = dict(zip(("family", "bus", "observe"), driver, strict=True))
            grouped[device] = behind | {"machines": [], "readings": {}, "targets": []}
        return grouped[device]

    for machine in machines(view):
        of(machine["id"])["machines"].append(machine)
    for name, reading in readings(view).items():
        of(name)["readings"][name] = reading
    for info in view.describe.targets:
        of(info.id)["targets"].append(info.id)
    return grouped


def envelope(view: View, info: TargetInfo) -> Json:
    """What may be asked now, and nothing else: for a caller that asks often."""
    said: Json = targets(view, (info.id,))[info.id]
    bands: Json = {"forbidden": said["rating"]["forbidden"], "positions": said["positions"]}
    edges: Json = said["envelope"]
    return {"id": info.id, "unit": said["unit"]} | edges | bands


def identity(who: IdentityInfo, view: View | None, rate: tuple[int, int]) -> Json:
    """What an identity is here, and which targets it holds. ``rate``: writes a second, and at most at once."""
    now = view.snapshot.targets if view is not None else ()
    held = sorted(at.lease.target for at in now if at.lease is not None and at.lease.holder == who.name)
    said: Json = {"name": who.name, "role": who.role, "shared": who.shared, "mqtt": who.mqtt}
    return said | {"holds": held, "rate": {"writes_per_s": rate[0], "burst": rate[1]}}


def answer(said: Answer, info: TargetInfo | None, unit: str | None, request_id: str) -> Json:
    """The guardian's decision about ``info``, in ``unit`` as the wish was written, or in the API's own.

    A stop of everything and a heartbeat concern no single target: value, unit and lease are null.
    """
    words: Json = {"verdict": said.verdict, "value": None, "unit": None, "lease": None, "request_id": request_id}
    if info is not None:
        spelled = unit or units.shown_unit(info.unit)
        words["unit"] = spelled
        words["value"] = None if said.value is None else units.from_kernel(said.value, spelled, info.unit)
        words["lease"] = None if said.lease is None else lease(said.lease, spelled, info.unit, 0)
    return words | {"clauses": clauses(said)}


def acknowledged(rule: str, said: Answer) -> Json:
    """The guardian's decision about an acknowledgement."""
    return {"rule": rule, "verdict": said.verdict, "clauses": clauses(said)}


def clauses(said: Answer) -> list[Json]:
    """The ordered reasons, each with what it saw."""
    return [
        {
            "rule": clause.rule,
            "effect": clause.effect,
            "text": clause.text,
            "saw": [{"signal": signal, "value": value} for signal, value in clause.saw],
        }
        for clause in said.clauses
    ]
