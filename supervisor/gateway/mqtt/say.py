"""The guardian's answer as it is published: HTTP's shape, the topic it was asked under, and one sentence for people.

Rules
* The sentence names what was given, for how long, and of a clip or refusal every reason: somebody at a dashboard sees
  this one line and nothing else.
* Whoever is shared is shown as shared: nobody knows which of them it was.

This file must never leave out a reason.
"""

from __future__ import annotations

from typing import Any

from supervisor.gateway import shapes, units
from supervisor.gateway.mqtt.judge import Order
from supervisor.gateway.problem import Problem
from supervisor.wire import Answer, Describe, TargetInfo

Json = dict[str, Any]
DONE = {"stop": "stopped", "release": "released", "heartbeat": "heard"}


def shown(told: Describe, name: str) -> str:
    """An identity's name for people: "panels (shared)"."""
    return f"{name} (shared)" if any(i.shared for i in told.identities if i.name == name) else name


def answered(order: Order, topic: str, said: Answer, told: Describe) -> Json:
    """A decision."""
    words = shapes.answer(said, order.info, order.unit, order.ask.request_id)
    if words["lease"] is not None:
        words["lease"]["holder"] = shown(told, words["lease"]["holder"])
    return words | {"topic": topic, "target": order.ask.target, "text": sentence(order, said)}


def failed(problem: Problem, topic: str, target: str, request_id: str) -> Json:
    """What could not even be asked. The same error as HTTP's."""
    words = {"error": error(problem), "request_id": request_id, "topic": topic, "target": target}
    return words | {"text": problem.message}


def error(problem: Problem) -> Json:
    return {"code": problem.code, "message": problem.message, "remedy": problem.remedy}


def sentence(order: Order, said: Answer) -> str:
    """One line for people."""
    ask, info = order.ask, order.info
    if said.verdict == "done":
        what = DONE.get(order.ask.verb.value, "done")
        return what if info is None else f"{info.id} {what}"
    because = "; ".join(clause.text for clause in said.clauses if clause.effect in ("clips", "refuses"))
    name = "" if info is None else f"{info.id}: "
    if said.verdict == "refused" or info is None:
        return f"{name}refused: {because or 'no reason was given'}"
    given = f"{name}{phrase(said.value, info)}"
    if said.verdict == "clipped" and said.value != ask.value and ask.value is not None:
        given += f" instead of {phrase(ask.value, info)}"
    if said.lease is not None:
        given += f" for {_time(said.lease.expires_in_ms - said.lease.starts_in_ms)}"
    if ask.dry_run:
        given += ", only tried"
    return f"{given}: {because}" if because else given


def phrase(value: int | None, info: TargetInfo) -> str:
    return units.phrase(value, info.unit, info.codes)


def _time(ms: int) -> str:
    seconds = round(ms / 1_000)
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7_200 else f"{seconds / 3_600:.3g} h"
