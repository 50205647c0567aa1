"""A message becomes a question for the guardian, or a refusal that says why. Pure: no clock, no socket, no state.

    topic -> who and what  ->  retained? duplicated? -> rate -> payload -> age -> Order

Rules
* Only identities that the site gives a login at the broker can be asked for here; nobody else gets an answer.
* A stop and a release are carried out whatever they look like: nothing is parsed, no age is judged, and one that was
  retained by mistake is carried out, too, and taken away from the broker. They have the urgent rate.
* Everything else is refused when the broker kept it (it would be asked again at every restart), when it may be a
  repetition and has no request_id to tell, when its ``sent`` is not within SENT_MAX_S of now, and when any field is
  not exactly what belongs there: the parsers are those of HTTP.
* Where this box does not know the time, a ``sent`` cannot be judged, and what cannot be judged is refused.

This file must never raise, whatever comes, and never ask anybody.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from supervisor.gateway import body, units
from supervisor.gateway.denials import Reason
from supervisor.gateway.mqtt.heard import Heard
from supervisor.gateway.mqtt.topics import OF_TARGETS, Place, Topics
from supervisor.gateway.problem import Problem
from supervisor.wire import Ask, Describe, IdentityInfo, TargetInfo, Verb

SENT_MAX_S = 10.0
CLOCK_KNOWN_S = 1_767_225_600  # 2026-01-01: a clock that says less was never set
URGENT = ("stop", "release")
Json = dict[str, Any]


@dataclass(frozen=True)
class Now:
    """``received_ms``: monotonic; ``wall_s``: what this box believes the time to be, in unix seconds."""

    received_ms: int
    wall_s: float


@dataclass(frozen=True)
class Order:
    """A question for the guardian. ``unit``: in which its answer is given. ``told``: to be counted although it is
    carried out. ``echo``: what a request of the users' scheme said, to be repeated; ``away``: to be taken away."""

    place: Place
    ask: Ask
    info: TargetInfo | None
    unit: str | None
    told: tuple[Reason, ...] = ()
    away: bool = False
    echo: Json | None = None


@dataclass(frozen=True)
class Refusal:
    """``place``: None where nobody is to be answered. ``away``: take the message away from the broker."""

    reason: Reason
    problem: Problem
    place: Place | None
    request_id: str = ""
    away: bool = False
    echo: Json | None = None


@dataclass(frozen=True)
class Nothing:
    """A retained message was cleared, which asks for nothing."""


class Denied(Exception):
    """Inside this package: why a message ends here."""

    def __init__(self, reason: Reason, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.problem = Problem(422, code, message, remedy)


class SetMessage(body.Setpoint, forbid_unknown_fields=True):
    """ask/IDENTITY/set/TARGET: HTTP's body, and when it was sent."""

    sent: msgspec.Raw = body.ABSENT
    dry_run: bool = False


class RenewMessage(body.Renewal, forbid_unknown_fields=True):
    """ask/IDENTITY/renew/TARGET."""

    sent: msgspec.Raw = body.ABSENT


class BeatMessage(body.Beat, forbid_unknown_fields=True):
    """ask/IDENTITY/heartbeat."""

    sent: msgspec.Raw = body.ABSENT


Admit = Callable[[str, bool], None]


def judge(
    heard: Heard, topics: Topics, told: Describe, now: Now, admit: Admit = lambda _name, _urgent: None
) -> Order | Refusal | Nothing:
    """What becomes of a message below ask/. ``admit``: the door, which raises Problem 429."""
    place = topics.place(heard.topic)
    if place is None or place.act == "request":
        return nobody(Reason.MQTT_TOPIC, "no_such_topic", "nothing is asked for under this topic")
    if speaker(told, place.identity) is None:
        return nobody(Reason.MQTT_IDENTITY, "who_are_you", "nobody of this name has a login at the broker")
    if heard.retain and not heard.payload and place.act not in URGENT:
        return Nothing()
    try:
        admit(place.identity, place.act in URGENT)
        return _urgent(place, heard, told, now) if place.act in URGENT else _order(place, heard, told, now)
    except Denied as denied:
        return Refusal(denied.reason, denied.problem, place, request_id_in(heard.payload), heard.retain)
    except Problem as problem:
        reason = Reason.MQTT_TOO_OFTEN if problem.status == 429 else Reason.MQTT_BODY
        return Refusal(reason, problem, place, request_id_in(heard.payload), heard.retain)


def nobody(reason: Reason, code: str, text: str) -> Refusal:
    """A refusal that nobody is told."""
    return Refusal(reason, Problem(404, code, text, "see docs/mqtt.md"), None)


def speaker(told: Describe, name: str) -> IdentityInfo | None:
    """The identity of this name, if it may ask at the broker."""
    return next((identity for identity in told.identities if identity.name == name and identity.mqtt), None)


def target_of(told: Describe, wanted: str) -> TargetInfo:
    """Raises Denied."""
    for info in told.targets:
        if info.id == wanted:
            return info
    raise Denied(Reason.MQTT_TARGET, "unknown_target", "there is no such target", "BASE/target/+/state lists them")


def question(verb: Verb, who: str, at_ms: int, info: TargetInfo | None = None, request_id: str = "") -> Ask:
    """An Ask without a wish."""
    target, unit = ("", "") if info is None else (info.id, info.unit)
    return Ask(0, verb, who, target, None, unit, "", None, request_id or body.fresh_id(), at_ms, False)


def _urgent(place: Place, heard: Heard, told: Describe, now: Now) -> Order:
    info = target_of(told, place.target) if place.target else None
    flags = (Reason.MQTT_RETAINED,) if heard.retain and heard.payload else ()
    verb = Verb.STOP if place.act == "stop" else Verb.RELEASE
    return Order(place, question(verb, place.identity, now.received_ms, info), info, None, flags, bool(flags))


def _order(place: Place, heard: Heard, told: Describe, now: Now) -> Order:
    fresh(heard)
    payload = text_of(heard)
    info = target_of(told, place.target) if place.act in OF_TARGETS else None
    if place.act == "slide" and info is not None:
        return slide(place, payload.decode(), info, now, heard.duplicate)
    if place.act == "set" and info is not None:
        asked = body.parse(payload, SetMessage)
        said, request_id = asked.sent, asked.request_id
        order = _set(place, asked, info, now)
    elif place.act == "renew" and info is not None:
        renewal = body.parse(payload or b"{}", RenewMessage)
        said, request_id = renewal.sent, renewal.request_id
        ask = question(Verb.RENEW, place.identity, now.received_ms, info, request_id)
        ask = replace(ask, duration_ms=body.duration(renewal.duration_s), number=renewal.number)
        order = Order(place, ask, info, None)
    else:
        beat = body.parse(payload or b"{}", BeatMessage)
        said, request_id = beat.sent, "a heartbeat may be heard twice"
        ask = replace(question(Verb.HEARTBEAT, place.identity, now.received_ms), number=beat.number)
        order = Order(place, ask, None, None)
    once(heard.duplicate, request_id)
    in_time(said, now)
    return order


def _set(place: Place, asked: SetMessage, info: TargetInfo, now: Now) -> Order:
    wish = body.wished(asked, info)
    return Order(place, setting(place.identity, wish, info, now, asked.dry_run), info, wish.unit)


def setting(who: str, wish: body.Wish, info: TargetInfo, now: Now, dry_run: bool) -> Ask:
    """A wish as the guardian takes it."""
    ask = question(Verb.SET, who, now.received_ms, info, wish.request_id)
    ask = replace(ask, value=wish.value, kind=wish.kind, duration_ms=wish.duration_ms, dry_run=dry_run)
    return replace(ask, number=wish.number, starts_in_ms=wish.starts_in_ms)


def slide(place: Place, payload: str, info: TargetInfo, now: Now, duplicate: bool) -> Order:
    """A person's slider: one value and nothing else, for as long as the policies let it stand."""
    once(duplicate, "")
    plain = payload.strip(" \t\r\n")
    literal = msgspec.json.encode(plain) if info.codes or plain in ("on", "off") else plain.encode()
    duration = msgspec.Raw(str(body.DURATION_MAX_MS // 1_000).encode())
    asked = body.Setpoint(msgspec.Raw(literal), units.shown_unit(info.unit), "setting", duration)
    wish = body.wished(asked, info)
    return Order(place, setting(place.identity, wish, info, now, False), info, wish.unit)


# ---- the message itself ------------------------------------------------------------------------------------------
def fresh(heard: Heard) -> None:
    """Raises Denied when the broker keeps it."""
    if heard.retain:
        text = "a command that the broker keeps would be asked again at every restart"
        raise Denied(Reason.MQTT_RETAINED, "retained", text, "publish it without retain; it has been taken away")


def once(duplicate: bool, request_id: str) -> None:
    """Raises Denied when it may be a repetition, and nothing in it tells."""
    if duplicate and not request_id:
        text = "it may be a repetition (its DUP flag is set), and it has no request_id to tell"
        raise Denied(Reason.MQTT_DUPLICATE, "duplicate", text, "give each command a request_id of its own")


def text_of(heard: Heard) -> bytes:
    """The payload. Raises Denied when it is too long, or not UTF-8."""
    if len(heard.payload) > body.BODY_MAX:
        text = f"a message here has at most {body.BODY_MAX} bytes"
        raise Denied(Reason.MQTT_TOO_LARGE, "too_large", text, "send less")
    try:
        heard.payload.decode()
    except UnicodeDecodeError:
        raise Denied(Reason.MQTT_BODY, "bad_body", "the message is not UTF-8", "send text as UTF-8") from None
    return heard.payload


def in_time(sent: msgspec.Raw, now: Now) -> None:
    """Raises Denied unless ``sent``, where it is given, is within SENT_MAX_S of now."""
    if not bytes(sent):
        return
    at_s = _unix_s(sent)
    if now.wall_s < CLOCK_KNOWN_S:
        text = "this box does not know the time, so the age of the command cannot be judged"
        raise Denied(Reason.MQTT_EXPIRED, "age_unknown", text, "leave the time away, or wait until its clock is set")
    late_s = now.wall_s - at_s
    if abs(late_s) > SENT_MAX_S:
        text = (
            f"it was sent {abs(late_s):.0f} s {'ago' if late_s > 0 else 'in the future'}; {SENT_MAX_S:g} s are allowed"
        )
        raise Denied(Reason.MQTT_EXPIRED, "expired", text, "ask again now; if you just did, compare the two clocks")


def _unix_s(sent: msgspec.Raw) -> float:
    """Unix seconds as a number, or an ISO time with its zone as text. Raises Denied."""
    raw = bytes(sent).decode()
    try:
        if not raw.startswith('"'):
            return float(units.number(raw))
        at = datetime.datetime.fromisoformat(msgspec.json.decode(raw, type=str))
        if at.tzinfo is not None:
            return at.timestamp()
    except (ValueError, OverflowError, msgspec.DecodeError):
        pass
    text = "the time is neither unix seconds nor an ISO time with its zone, such as 2026-11-21T12:00:00Z"
    raise Denied(Reason.MQTT_BODY, "bad_body", text, "write one of the two, or leave it away")


class _Id(msgspec.Struct):
    request_id: body.RequestId = ""


def request_id_in(payload: bytes) -> str:
    """The request_id of something that is otherwise wrong, so that its sender knows which one was meant."""
    try:
        return msgspec.json.decode(payload[: body.BODY_MAX], type=_Id).request_id
    except (ValueError, RecursionError):  # msgspec's errors, and those of UTF-8, are ValueErrors
        return ""
