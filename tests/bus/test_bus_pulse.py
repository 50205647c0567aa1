"""A process that was stopped: what waited in its buffers meanwhile is not believed, whoever looks first."""

from __future__ import annotations

import pytest

from supervisor.bus.ports import QUARANTINE_MS, STALL_MS, Pulse


@pytest.fixture
def pulse() -> Pulse:
    beating = Pulse()
    beating.beat(1_000)
    return beating


def test_before_the_first_beat_nothing_has_stalled() -> None:
    assert not Pulse().stalled(5_000)


def test_a_loop_that_turns_in_time_has_not_stalled(pulse: Pulse) -> None:
    assert not pulse.stalled(1_000 + STALL_MS)


def test_a_reader_that_looks_first_after_the_pause_sees_it(pulse: Pulse) -> None:
    assert pulse.stalled(1_000 + STALL_MS + 1)


def test_a_tick_that_comes_first_after_the_pause_hides_nothing(pulse: Pulse) -> None:
    pulse.beat(9_000)
    assert pulse.stalled(9_000)
    assert pulse.stalled(9_000 + QUARANTINE_MS - 1), "an adapter may still be emptying its queue"
    assert not pulse.stalled(9_000 + QUARANTINE_MS)


def test_a_pause_in_the_quarantine_begins_it_anew(pulse: Pulse) -> None:
    pulse.beat(9_000)
    pulse.beat(9_050)
    pulse.beat(9_700)
    assert pulse.stalled(9_750)
