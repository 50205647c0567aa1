"""What ``get``, ``describe`` and ``why`` answer: the newest picture in the users' words, {name: {value, unit}}.

Rules
* A value that is not known is null; its quality and age stand beside it.
* Without a fresh picture there is no answer but that.

This file must never ask the guardian anything: it shows what was said last.
"""

from __future__ import annotations

from supervisor.gateway import shapes, units
from supervisor.gateway.link import View
from supervisor.gateway.mqtt import say
from supervisor.gateway.mqtt.judge import Json
from supervisor.gateway.mqtt.request import HOUSE, Look
from supervisor.gateway.problem import Problem
from supervisor.wire import TargetInfo, TargetState


def look(asked: Look, view: View) -> Json:
    """``values``, and what else belongs to the command. Raises Problem 404 when there is no such thing."""
    if asked.comp in HOUSE:
        return _house(asked, view)
    pairs = list(zip(view.describe.targets, view.snapshot.targets, strict=True))
    for info, now in pairs:
        if info.id == asked.comp:
            return _target(asked.command, info, now, view)
    own = [(info, now) for info, now in pairs if info.id.startswith(f"{asked.comp}.")]
    if len(own) == 1 and asked.command == "why":
        return _target("why", *own[0], view)
    values = _signals(asked.comp, view)
    if not values and not own:
        raise Problem(
            404, "unknown_comp", "there is no such device, target or signal", "describe without comp lists all"
        )
    if asked.command == "describe":
        values = {name: {"value": None, "unit": reading["unit"]} for name, reading in values.items()}
        return {"values": values, "targets": [info.id for info, _now in own], "bus": _bus(asked.comp, view)}
    values |= {info.id.split(".", 1)[1]: _said(now.output, info) for info, now in own}
    acting = _acting(asked.comp, view) if asked.command == "why" else None
    return {"values": values} | ({} if acting is None else {"reasons": acting})


def _house(asked: Look, view: View) -> Json:
    told, now = view.describe, view.snapshot
    mode = {"value": now.mode, "unit": ""}
    since = {"value": shapes.seconds(now.mode_for_ms + view.age_ms), "unit": "s"}
    words: Json = {"values": {"mode": mode, "for": since}}
    if asked.command == "describe":
        devices = sorted({device.name for device in told.devices})
        words |= {"site": told.site, "devices": devices, "targets": [info.id for info in told.targets]}
    if asked.command == "why":
        words |= {"reasons": _acting("", view)}
    return words


def _signals(comp: str, view: View) -> Json:
    own = {}
    for name, reading in shapes.readings(view).items():
        if name == comp or name.startswith(f"{comp}."):
            own[name.split(".", 1)[-1]] = reading
    return own


def _target(command: str, info: TargetInfo, now: TargetState, view: View) -> Json:
    if command == "describe":
        names = {"lo": info.lo, "hi": info.hi, "step": info.step, "safe": info.safe}
        about = {"positions": [name for _, name in info.codes], "contactor": info.contactor, "silence": info.silence}
        forbidden = [[_said(lo, info), _said(hi, info)] for lo, hi in info.forbidden]
        return {"values": {name: _said(value, info) for name, value in names.items()}, "forbidden": forbidden} | about
    values = {"output": _said(now.output, info), "lo": _said(now.lo, info), "hi": _said(now.hi, info)}
    if now.lease is not None:
        values["asked"] = _said(now.lease.value, info)
        left_ms = max(0, now.lease.expires_in_ms - view.age_ms)
        values["held_for"] = {"value": shapes.seconds(left_ms), "unit": "s"}
    holder = say.shown(view.describe, now.lease.holder) if now.lease is not None else None
    words: Json = {"values": values, "held_by": holder}
    return words | ({"reasons": _reasons(info, now, view)} if command == "why" else {})


def _reasons(info: TargetInfo, now: TargetState, view: View) -> list[str]:
    """Why a target is where it is, the strongest reason first."""
    why = {"rating": "what the device can do"} | dict(view.describe.rules)
    said = [f"nothing may be asked: {now.empty_by}: {why.get(now.empty_by, '')}"] if now.empty_by else []
    if now.hi_by:
        said.append(f"at most {say.phrase(now.hi, info)}: {now.hi_by}: {why.get(now.hi_by, '')}")
    if now.lo_by and now.lo_by != now.hi_by:
        said.append(f"at least {say.phrase(now.lo, info)}: {now.lo_by}: {why.get(now.lo_by, '')}")
    if now.lease is not None:
        said.append(f"{say.shown(view.describe, now.lease.holder)} asked for {say.phrase(now.lease.value, info)}")
    said.append(f"it is {say.phrase(now.output, info)}" + (f": {now.wanted_by}" if now.wanted_by else ""))
    return said + _acting(info.id.split(".", 1)[0], view)


def _acting(device: str, view: View) -> list[str]:
    """The rules that act now; of a device those whose name or reason names it."""
    why = dict(view.describe.rules)
    rows = [(trip.rule, why.get(trip.rule, "")) for trip in view.snapshot.trips]
    return [f"{rule} acts: {text}" for rule, text in rows if not device or device in rule or device in text]


def _bus(device: str, view: View) -> str | None:
    return next((info.bus for info in view.describe.devices if info.name == device), None)


def _said(value: int | None, info: TargetInfo) -> Json:
    name = {"name": dict(info.codes).get(value)} if info.codes and value is not None else {}
    return {
        "value": None if value is None else units.shown(value, info.unit),
        "unit": units.shown_unit(info.unit),
    } | name
