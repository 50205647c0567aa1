"""How an event and a decision look in JSON, and a decision in one sentence.

Rules
* A decision names the identity that asked, never a token, a key or the id that somebody gave his request.
* A value stands beside its unit; a switch is on or off and a changeover's place has its name.

This file must never look up what has happened since: a record says what was so when it was made.
"""

from __future__ import annotations

import datetime
from typing import Any

from supervisor.gateway import shapes, units
from supervisor.gateway.history import Decided, Entry, Happened
from supervisor.wire import Acknowledge, Answer, Ask, Describe, Verb

Json = dict[str, Any]
Codes = dict[str, tuple[tuple[int, str], ...]]


def iso(wall_s: float) -> str:
    """Unix time as ISO 8601 in UTC, in ms."""
    return datetime.datetime.fromtimestamp(wall_s, datetime.UTC).isoformat(timespec="milliseconds")


def codes(describe: Describe | None) -> Codes:
    """The names of the positions of each target that has some."""
    return {info.id: info.codes for info in describe.targets if info.codes} if describe else {}


def event(entry: Entry[Happened], now_ms: int) -> Json:
    """One event. ``missed_before``: how many are known to be missing right before it."""
    said = entry.item.event
    words: Json = {"id": entry.id, "time": iso(entry.item.wall_s), "ago_s": _ago(said.at_ms, now_ms)}
    words |= {"kind": said.kind, "subject": said.subject, "text": said.text}
    return words | {"missed_before": entry.lost, "new_run": entry.item.new_run}


def decision(entry: Entry[Decided], now_ms: int, names: Codes) -> Json:
    """One decision: who asked for what, and what he got."""
    made = entry.item
    ask, said = made.ask, made.answer
    when: Json = {"id": entry.id, "time": iso(made.wall_s), "ago_s": _ago(made.at_ms, now_ms), "via": made.via}
    got: Json = {"verdict": said.verdict, "clauses": shapes.clauses(said), "text": sentence(ask, said, names)}
    if isinstance(ask, Acknowledge):
        nothing: Json = {"identity": None, "target": None, "asked": None, "dry_run": False, "value": None, "unit": None}
        return when | {"verb": "acknowledge", "rule": ask.rule} | nothing | got
    unit = units.shown_unit(ask.unit) if ask.unit else None
    value = None if said.value is None or unit is None else units.shown(said.value, ask.unit)
    who: Json = {"verb": ask.verb.value, "rule": None, "identity": ask.identity, "target": ask.target or None}
    return when | who | {"asked": _asked(ask, unit), "dry_run": ask.dry_run, "value": value, "unit": unit} | got


def concerns(made: Decided, target: str, identity: str) -> bool:
    """Is it about this target, and from this identity? "" is any; a stop of everything concerns every target."""
    ask = made.ask
    if isinstance(ask, Acknowledge):
        return not target and not identity
    return (not identity or ask.identity == identity) and (not target or ask.target in (target, ""))


def sentence(ask: Ask | Acknowledge, said: Answer, names: Codes) -> str:
    """A decision for people: "phone asked for 40 A at wallbox.current: clipped to 16 A (rating: ...)"."""
    because = next((c for c in reversed(said.clauses) if c.effect in ("refuses", "clips")), None)
    reason = f" ({because.rule}: {because.text})" if because is not None else ""
    if isinstance(ask, Acknowledge):
        return f"an acknowledgement of {ask.rule}: {said.verdict}{reason}"
    got = said.verdict
    if said.verdict == "clipped":
        got += f" to {units.phrase(said.value, ask.unit, names.get(ask.target, ()))}"
    tried = " (a dry run)" if ask.dry_run else ""
    return f"{ask.identity} {_wish(ask, names)}{tried}: {got}{reason}"


def _wish(ask: Ask, names: Codes) -> str:
    match ask.verb:
        case Verb.SET:
            return f"asked for {units.phrase(ask.value, ask.unit, names.get(ask.target, ()))} at {ask.target}"
        case Verb.RENEW:
            return f"asked to keep {ask.target} for longer"
        case Verb.RELEASE:
            return f"released {ask.target}"
        case Verb.STOP:
            return f"said stop to {ask.target or 'everything'}"
        case Verb.HEARTBEAT:
            return "said that it is alive"


def _asked(ask: Ask, unit: str | None) -> Json | None:
    """The wish in numbers; only a setpoint and a renewal have some."""
    if ask.verb not in (Verb.SET, Verb.RENEW):
        return None
    return {
        "value": None if ask.value is None or unit is None else units.shown(ask.value, ask.unit),
        "unit": unit,
        "kind": ask.kind or None,
        "duration_s": None if ask.duration_ms is None else ask.duration_ms / 1_000,
        "starts_in_s": None if ask.starts_in_ms is None else ask.starts_in_ms / 1_000,
    }


def _ago(at_ms: int, now_ms: int) -> float:
    return max(0, now_ms - at_ms) / 1_000
