"""From a message to its answer: judge, ask the guardian, publish what it said.

Rules
* The answer is published before anything else is done about it, and it is published always: also when the guardian is
  not there, and when nothing could be asked. Only who has no login here gets none.
* An answer goes to BASE/answer/IDENTITY, or below it where MQTT 5's response topic says so, with the correlation data.
* Of those who ask too often one message a second is answered: a flood must not become two.
* Every refusal is counted with its reason. A command that the broker has kept is taken away from it.

This file must never decide, and never ask twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from supervisor.gateway.denials import Denials, Reason
from supervisor.gateway.door import Door
from supervisor.gateway.history import History
from supervisor.gateway.link import Absent, Link, monotonic_ms
from supervisor.gateway.mqtt import say
from supervisor.gateway.mqtt.heard import Heard, Mouth
from supervisor.gateway.mqtt.judge import Json, Now, Order, Refusal
from supervisor.gateway.mqtt.look import look
from supervisor.gateway.mqtt.request import Look
from supervisor.gateway.mqtt.topics import Place, Topics
from supervisor.gateway.mqtt.verdict import outcome
from supervisor.gateway.problem import Problem
from supervisor.wire import Answer, Describe

WHERE, VIA = "broker", "mqtt"
HUSH_MS = 1_000
_encode = msgspec.json.encode


class Asks:
    """A guest at the connection (heard.Guest). ``told``: what existed when the guardian was last there. ``refused``
    hears the sentence of each refusal and clip, for those who look at the target."""

    def __init__(
        self,
        link: Link,
        door: Door,
        denials: Denials,
        topics: Topics,
        mouth: Mouth,
        history: History,
        refused: Callable[[str, str], None] = lambda _target, _text: None,
        clock_ms: Callable[[], int] = monotonic_ms,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._link, self._door, self._denials, self._topics, self._mouth = link, door, denials, topics, mouth
        self._history = history
        self._refused, self._clock_ms, self._wall_s = refused, clock_ms, wall_s
        self.told: Describe | None = link.describe
        self._hushed: dict[str, int] = {}
        self._open: set[asyncio.Task[None]] = set()

    def filters(self) -> tuple[str, ...]:
        return self._topics.asks

    def wants(self, topic: str) -> bool:
        return self._topics.is_asked(topic)

    def connected(self) -> None:
        """Nothing is kept here."""

    def tick(self) -> None:
        self.told = self._link.describe or self.told

    def leave(self) -> None:
        """What is open ends with the process."""

    def hear(self, heard: Heard) -> None:
        """Judge a message, and answer it or have it asked."""
        told = self._link.describe or self.told
        if told is None:
            return  # nobody is known, so nobody can be answered
        now = Now(self._clock_ms(), self._wall_s())

        def admit(name: str, urgent: bool) -> None:
            self._door.admit_named(name, now.received_ms, urgent)

        match outcome(heard, self._topics, told, now, admit):
            case Order() as order:
                self._ask(order, heard, told)
            case Look() as asked:
                self._look(asked, heard)
            case Refusal() as refusal:
                self._refuse(refusal, heard, now.received_ms)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    def _ask(self, order: Order, heard: Heard, told: Describe) -> None:
        """The question leaves before anything else happens; somebody waits for the answer."""
        try:
            seq = self._link.begin(order.ask)
        except Absent as absent:
            self._absent(absent, order, heard)
            self._after(order, heard)
        else:
            self._start(self._answer(seq, order, heard, told))

    async def _answer(self, seq: int, order: Order, heard: Heard, told: Describe) -> None:
        try:
            said = await self._link.answer(seq)
        except Absent as absent:
            self._absent(absent, order, heard)
        else:
            self._history.decided(order.ask, said, VIA)
            words = say.answered(order, heard.topic, said, told)
            self._publish(words if order.echo is None else _response(order, words, said), order.place, heard)
            if said.verdict in ("refused", "clipped") and not order.ask.dry_run:
                self._refused(order.ask.target, words["text"])
        self._after(order, heard)

    def _absent(self, absent: Absent, order: Order, heard: Heard) -> None:
        remedy = "ask again in a moment; with the same request_id a repetition changes nothing"
        problem = Problem(503, absent.code, str(absent), remedy)
        self._fail(problem, order.place, order.ask.request_id, heard, order.echo)

    def _after(self, order: Order, heard: Heard) -> None:
        """What nobody waits for."""
        for reason in order.told:
            self._denials.deny(reason, WHERE, order.place.identity, heard.topic)
        if order.away:
            self._mouth.say(heard.topic, b"", retain=True)

    def _look(self, asked: Look, heard: Heard) -> None:
        view = self._link.view()
        try:
            if view is None:
                trouble = "its picture is old" if self._link.connected else self._link.trouble
                raise Problem(503, "guardian_absent", f"nothing can be shown: {trouble}", "ask again soon")
            self._publish(asked.echo | look(asked, view), asked.place, heard)
        except Problem as problem:
            self._fail(problem, asked.place, "", heard, asked.echo)

    def _refuse(self, refusal: Refusal, heard: Heard, now_ms: int) -> None:
        place = refusal.place
        if place is not None and not self._is_hushed(refusal.reason, place.identity, now_ms):
            self._fail(refusal.problem, place, refusal.request_id, heard, refusal.echo)
        who = place.identity if place is not None else ""
        self._denials.deny(refusal.reason, WHERE, who, heard.topic)
        if refusal.away and place is not None:
            self._mouth.say(heard.topic, b"", retain=True)

    def _is_hushed(self, reason: Reason, who: str, now_ms: int) -> bool:
        if reason is not Reason.MQTT_TOO_OFTEN:
            return False
        if now_ms - self._hushed.get(who, -HUSH_MS) < HUSH_MS:
            return True
        self._hushed[who] = now_ms  # bounded: only who has a login here comes so far
        return False

    def _fail(self, problem: Problem, place: Place, request_id: str, heard: Heard, echo: Json | None) -> None:
        words = say.failed(problem, heard.topic, place.target, request_id) if echo is None else _error(echo, problem)
        self._publish(words, place, heard)

    def _publish(self, words: Json, place: Place, heard: Heard) -> None:
        is_request = place.act == "request"
        topic = self._topics.response(place.identity) if is_request else self._topics.answer(place.identity)
        asked_for = heard.response_topic
        if asked_for and self._topics.answers_to(place.identity, asked_for):
            topic = asked_for
        elif asked_for and asked_for != topic:
            self._denials.deny(Reason.MQTT_RESPONSE_TOPIC, WHERE, place.identity, asked_for)
        self._mouth.say(topic, _encode(words), correlation=heard.correlation)


def _response(order: Order, words: Json, said: Answer) -> Json:
    """A decision in the users' scheme."""
    values: Json = {}
    if order.info is not None and words["value"] is not None:
        values["value"] = {"value": words["value"], "unit": words["unit"]}
    if words["lease"] is not None:
        values["expires_in"] = {"value": words["lease"]["expires_in_s"], "unit": "s"}
    more = {"values": values, "verdict": said.verdict, "text": words["text"], "clauses": words["clauses"]}
    if said.verdict != "refused":
        return (order.echo or {}) | more
    remedy = "the command why says what binds now"
    return (order.echo or {}) | more | {"error": {"code": "refused", "message": words["text"], "remedy": remedy}}


def _error(echo: Json, problem: Problem) -> Json:
    return echo | {"values": {}, "error": say.error(problem)}
