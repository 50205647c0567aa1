"""What is said to the product: once, in order, and everything that came of it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from loopback_parts import gateway

from hil.bench import asker as module
from hil.bench.asker import Asker
from hil.scenario.model import Decision, Flood, Wish
from hil.unix_socket import RigError

GRANTED = (200, b'{"verdict": "granted", "clauses": []}')


def charge(ampere: float) -> Wish:
    return Wish("optimiser", "set", "wallbox.current", ampere, "A", "live", 3.0)


class Told:
    """Decisions as they come."""

    def __init__(self) -> None:
        self.all: list[Decision] = []
        self.more = threading.Condition()

    def hear(self, decision: Decision) -> None:
        with self.more:
            self.all.append(decision)
            self.more.notify_all()

    def verdicts(self, count: int) -> list[str]:
        with self.more:
            assert self.more.wait_for(lambda: len(self.all) >= count, 10), self.all
        return [decision.verdict for decision in self.all]


@contextmanager
def asking(port: int, told: Told) -> Iterator[Asker]:
    asker = Asker(f"http://127.0.0.1:{port}", "optimiser", "demo-optimiser", lambda: 7, told.hear)
    try:
        yield asker
    finally:
        asker.leave()
        asker.join()


def test_a_wish_that_nobody_answers_in_time_is_told_and_not_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    heard: list[str] = []
    awake = threading.Event()

    def answer(method: str, _path: str) -> tuple[int, bytes]:
        heard.append(method)
        if len(heard) == 2:
            awake.wait(10)  # a gateway that has heard it and is halted
        return GRANTED

    told = Told()
    with gateway(answer) as port, asking(port, told) as asker:
        for ampere in (6, 10):
            asker.say(charge(ampere))
        assert told.verdicts(2) == ["granted", "unanswered"]
        awake.set()
        asker.say(charge(16))
        assert told.verdicts(3)[2] == "granted"
    assert heard == ["PUT"] * 3


def test_a_kept_connection_that_was_closed_in_the_meantime_costs_no_wish() -> None:
    heard: list[str] = []

    def answer(method: str, _path: str) -> tuple[int, bytes] | None:
        heard.append(method)
        return None if len(heard) == 2 else GRANTED

    told = Told()
    with gateway(answer) as port, asking(port, told) as asker:
        for ampere in (6, 10):
            asker.say(charge(ampere))
        assert told.verdicts(2) == ["granted", "granted"]


def test_wishes_that_the_end_comes_before_are_told_as_such() -> None:
    said, end = threading.Event(), threading.Event()

    def answer(*_: str) -> tuple[int, bytes]:
        said.set()
        end.wait(10)
        return GRANTED

    told = Told()
    with gateway(answer) as port, asking(port, told) as asker:
        for wish in (charge(6), charge(10), Flood("optimiser", "wallbox.current", (6, 10), "A", 5, 3)):
            asker.say(wish)
        assert said.wait(10)
        asker.leave()
        end.set()
        asker.join()
        assert told.verdicts(3) == ["granted", "unanswered", "unanswered"]
        assert told.all[1].text == "never said: the run ended first"


def test_an_orchestrator_that_cannot_speak_any_more_is_told() -> None:
    told = Told()
    with gateway(lambda *_: (200, b'{"clauses": ["not as it should be"]}')) as port, asking(port, told) as asker:
        asker.check()
        asker.say(charge(6))
        asker.join()
        with pytest.raises(RigError, match="optimiser cannot ask any more: AttributeError"):
            asker.check()
