"""From a message to what becomes of it, for whoever wants to know without a broker: a pure function.

    outcome(Heard("powerwarden/ask/me/stop", b""), Topics("powerwarden"), describe, Now(0, 0.0)) -> Order(...)

This file must never know more than which judge a topic has.
"""

from __future__ import annotations

from supervisor.gateway.mqtt import judge, request
from supervisor.gateway.mqtt.heard import Heard
from supervisor.gateway.mqtt.judge import Admit, Nothing, Now, Order, Refusal
from supervisor.gateway.mqtt.request import Look
from supervisor.gateway.mqtt.topics import Topics
from supervisor.wire import Describe


def outcome(
    heard: Heard, topics: Topics, told: Describe, now: Now, admit: Admit = lambda _name, _urgent: None
) -> Order | Look | Refusal | Nothing:
    """What becomes of a message below ask/ or request/. Never raises."""
    place = topics.place(heard.topic)
    of = request.judge if place is not None and place.act == "request" else judge.judge
    return of(heard, topics, told, now, admit)
