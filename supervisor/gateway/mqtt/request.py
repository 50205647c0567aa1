"""The users' scheme: {request_id, time, node, comp, command, parameters} -> the same, and values or an error.

    set        parameters {"value": {"value": 10, "unit": "A"}, "kind": "live", "duration": {"value": 30, "unit": "s"}}
    renew      parameters {"duration": {"value": 30, "unit": "s"}}, or none
    release, stop, heartbeat, get, describe, why      no parameters (a heartbeat may have {"number": 7})

Rules
* ``comp`` is a target, a device (which stands for its target, where it has one only), a signal, or "" for the house.
* ``node`` is the site's name, the base of our topics, or "": a request for another box is not carried out here.
* Everything that is asked comes back, so that who sends many can tell the answers apart.
* The rest is as strict as judge.py, and is the same code: a stop is a stop here as well.

This file must never change what a request means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec.structs import replace

from supervisor.gateway import body
from supervisor.gateway.denials import Reason
from supervisor.gateway.mqtt.heard import Heard
from supervisor.gateway.mqtt.judge import (
    URGENT,
    Admit,
    Denied,
    Json,
    Nothing,
    Now,
    Order,
    Refusal,
    fresh,
    in_time,
    nobody,
    once,
    question,
    request_id_in,
    setting,
    speaker,
    text_of,
)
from supervisor.gateway.mqtt.topics import Place, Topics
from supervisor.gateway.problem import Problem
from supervisor.wire import Describe, TargetInfo, Verb

HOUSE = ("", "house")
FIELDS = ("request_id", "time", "node", "comp", "command", "parameters")
Word = Annotated[str, msgspec.Meta(max_length=80)]
Command = Literal["get", "set", "renew", "release", "stop", "heartbeat", "describe", "why"]


class Scheme(msgspec.Struct, forbid_unknown_fields=True):
    """A request. ``time`` is judged like ``sent``."""

    command: Command
    request_id: body.RequestId = ""
    time: msgspec.Raw = body.ABSENT
    node: Word = ""
    comp: Word = ""
    parameters: msgspec.Raw = body.ABSENT


class Quantity(msgspec.Struct, forbid_unknown_fields=True):
    value: msgspec.Raw
    unit: Annotated[str, msgspec.Meta(max_length=16)]


class SetParameters(msgspec.Struct, forbid_unknown_fields=True):
    value: Quantity
    kind: Literal["live", "setting", "program"] = "live"
    duration: Quantity | None = None
    starts_in: Quantity | None = None
    number: body.Number | None = None
    dry_run: bool = False


class RenewParameters(msgspec.Struct, forbid_unknown_fields=True):
    duration: Quantity | None = None
    number: body.Number | None = None


class BeatParameters(msgspec.Struct, forbid_unknown_fields=True):
    number: body.Number | None = None


class NoParameters(msgspec.Struct, forbid_unknown_fields=True):
    """There are none."""


Parameters = TypeVar("Parameters", SetParameters, RenewParameters, BeatParameters, NoParameters)


@dataclass(frozen=True)
class Look:
    """A question that needs no guardian: what ``comp`` is, does or may. ``request_id`` and the rest are in ``echo``."""

    place: Place
    command: Literal["get", "describe", "why"]
    comp: str
    echo: Json


def judge(
    heard: Heard, topics: Topics, told: Describe, now: Now, admit: Admit = lambda _name, _urgent: None
) -> Order | Look | Refusal | Nothing:
    """What becomes of a message below request/. Never raises."""
    place = topics.place(heard.topic)
    if place is None or place.act != "request":
        return nobody(Reason.MQTT_TOPIC, "no_such_topic", "nothing is asked for under this topic")
    if speaker(told, place.identity) is None:
        return nobody(Reason.MQTT_IDENTITY, "who_are_you", "nobody of this name has a login at the broker")
    if heard.retain and not heard.payload:
        return Nothing()
    echo: Json = {}
    try:
        asked = _parsed(heard, place.identity, echo, admit)
        if asked.node not in ("", told.site, topics.base):
            raise Denied(Reason.MQTT_TARGET, "unknown_node", "this is another node", f"this one is called {told.site}")
        return _meant(place, asked, heard, told, now, echo)
    except Denied as denied:
        return Refusal(denied.reason, denied.problem, place, request_id_in(heard.payload), heard.retain, echo)
    except Problem as problem:
        reason = Reason.MQTT_TOO_OFTEN if problem.status == 429 else Reason.MQTT_BODY
        return Refusal(reason, problem, place, request_id_in(heard.payload), heard.retain, echo)


def _parsed(heard: Heard, identity: str, echo: Json, admit: Admit) -> Scheme:
    """The request, charged to its identity; ``echo`` is filled with what can be repeated. What cannot be read is
    charged as well: it costs as much."""
    urgent = False
    try:
        payload = text_of(heard)
        echo.update(_echo(payload))
        asked = body.parse(payload, Scheme)
        urgent = asked.command in URGENT
    except (Denied, Problem):
        admit(identity, urgent)
        raise
    admit(identity, urgent)
    return asked


def _meant(place: Place, asked: Scheme, heard: Heard, told: Describe, now: Now, echo: Json) -> Order | Look:
    if asked.command == "stop" or asked.command == "release":
        info = None if asked.command == "stop" and asked.comp in HOUSE else target_of(told, asked.comp)
        flags = (Reason.MQTT_RETAINED,) if heard.retain else ()
        ask = question(Verb(asked.command), place.identity, now.received_ms, info, asked.request_id)
        return Order(place, ask, info, None, flags, bool(flags), echo)
    fresh(heard)
    in_time(asked.time, now)
    if asked.command == "get" or asked.command == "describe" or asked.command == "why":
        _parameters(asked, NoParameters)
        return Look(place, asked.command, asked.comp, echo)
    if asked.command == "heartbeat":
        beat = _parameters(asked, BeatParameters)
        ask = question(Verb.HEARTBEAT, place.identity, now.received_ms, None, asked.request_id)
        return Order(place, replace(ask, number=beat.number), None, None, echo=echo)
    once(heard.duplicate, asked.request_id)
    info = target_of(told, asked.comp)
    if asked.command == "renew":
        again = _parameters(asked, RenewParameters)
        ask = question(Verb.RENEW, place.identity, now.received_ms, info, asked.request_id)
        ask = replace(ask, duration_ms=_ms(again.duration, "duration"), number=again.number)
        return Order(place, ask, info, None, echo=echo)
    return _set(place, asked, info, now, echo)


def _set(place: Place, asked: Scheme, info: TargetInfo, now: Now, echo: Json) -> Order:
    said = _parameters(asked, SetParameters)
    wanted = body.Setpoint(said.value.value, said.value.unit, said.kind, request_id=asked.request_id)
    wish = body.wished(wanted, info)
    ask = setting(place.identity, wish, info, now, said.dry_run)
    ask = replace(ask, duration_ms=_ms(said.duration, "duration"), starts_in_ms=_ms(said.starts_in, "starts_in"))
    return Order(place, replace(ask, number=said.number), info, wish.unit, echo=echo)


def target_of(told: Describe, comp: str) -> TargetInfo:
    """The target that ``comp`` names, itself or as the only one of its device. Raises Denied."""
    own = [info for info in told.targets if info.id == comp] or [
        info for info in told.targets if comp and info.id.startswith(f"{comp}.")
    ]
    if len(own) == 1:
        return own[0]
    names = ", ".join(info.id for info in own)[:200]
    remedy = f"it has several targets: {names}" if own else "the command describe without comp lists them"
    raise Denied(Reason.MQTT_TARGET, "unknown_target", "comp names no single target", remedy)


def _parameters(asked: Scheme, shape: type[Parameters]) -> Parameters:
    try:
        return msgspec.json.decode(bytes(asked.parameters) or b"{}", type=shape)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        text = f"the parameters are not what belongs here: {error}"[:300]
        raise Denied(Reason.MQTT_BODY, "bad_body", text, "docs/mqtt.md has an example of each command") from None


def _ms(length: Quantity | None, name: str) -> int | None:
    if length is None:
        return None
    if length.unit not in ("s", "min", "h"):
        raise Denied(Reason.MQTT_BODY, "bad_body", f"{name} has no unit of time", "write s, min or h")
    ms = body.duration(length.value, name) or 0
    factor = {"s": 1, "min": 60, "h": 3_600}[length.unit]
    if ms * factor > body.DURATION_MAX_MS:
        raise Denied(Reason.MQTT_BODY, "bad_body", f"{name} is longer than a week", "ask for less")
    return ms * factor


def _echo(payload: bytes) -> Json:
    """The fields of a request, letter by letter as they came; of something else nothing."""
    try:
        said = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return {}
    return {name: said[name] for name in FIELDS if name in said}
