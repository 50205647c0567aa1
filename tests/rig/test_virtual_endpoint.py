"""A Modbus endpoint on the virtual bench: what waits is asked at the next turn, however long nothing has waited."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from drivers.contract import Failure, ReadRegisters, RegisterTable, WriteRegisters
from supervisor.bus.modbus_queue import Job
from supervisor.harness.ports import JOBS_PER_TURN, REPLY_MS, Endpoint

Told = tuple[int, ReadRegisters | WriteRegisters, Sequence[int] | Failure, int]


class Far:
    """Host and world in one: remembers what is asked and what becomes of it. ``link`` False: nobody is there."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.told: list[Told] = []
        self.link = True

    def on_modbus(self, endpoint: str, data: bytes) -> bool:
        self.asked.append(data[6])
        return self.link

    def on_registers(
        self, device: int, ask: ReadRegisters | WriteRegisters, reply: Sequence[int] | Failure, now_ms: int
    ) -> None:
        self.told.append((device, ask, reply, now_ms))


def read(unit: int) -> Job:
    return Job(0, ReadRegisters(unit, RegisterTable.HOLDING, 0, 1))


@pytest.fixture
def far() -> Far:
    return Far()


@pytest.fixture
def endpoint(far: Far) -> Endpoint:
    return Endpoint("there:502", False, far, far)  # type: ignore[arg-type]  # as much of both as it needs


def test_what_is_put_after_a_long_rest_is_asked_at_the_next_turn(endpoint: Endpoint, far: Far) -> None:
    for turn, unit in enumerate((1, 2, 3)):
        far.link = False
        at_ms = turn * 10_000
        endpoint.turn(at_ms)
        endpoint.turn(at_ms + 50)
        endpoint.put(read(unit))
        endpoint.turn(at_ms + 100)
    assert far.asked == [1, 2, 3]
    assert [(told[2], told[3]) for told in far.told] == [(Failure.NO_CONNECTION, 100 + 10_000 * n) for n in range(3)]


def test_one_that_does_not_answer_is_given_up_in_time_and_the_next_is_asked(endpoint: Endpoint, far: Far) -> None:
    endpoint.put(read(1))
    endpoint.turn(0)
    endpoint.put(read(2))
    for at_ms in range(50, REPLY_MS + 51, 50):
        endpoint.turn(at_ms)
    assert far.asked == [1, 2]
    assert [told[2:] for told in far.told] == [(Failure.TIMEOUT, REPLY_MS)]


def test_more_than_a_turn_can_do_goes_on_in_the_next_one(endpoint: Endpoint, far: Far) -> None:
    far.link = False
    for unit in range(1, JOBS_PER_TURN + 4):
        endpoint.put(read(unit))
    endpoint.turn(0)
    assert len(far.asked) == JOBS_PER_TURN
    endpoint.turn(50)
    assert far.asked == list(range(1, JOBS_PER_TURN + 4))
