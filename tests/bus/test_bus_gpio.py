"""The GPIO port on pins that remember everything, with a loop and a clock that the test holds in its hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bus_gpio_bench import REST, Bench, panel
from bus_pins import Board, DeadPin, FloatingPin, StuckLowPin
from gpiozero import Device
from gpiozero.pins.mock import MockPin

from drivers.contract import SendBytes
from drivers.panel_gpio import FAMILY
from supervisor.bus import gpio_lines
from supervisor.bus.gpio_port import GpioListener, GpioPort


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(monkeypatch)
    made.port.start()
    return made


# ---- claiming -----------------------------------------------------------------------------------------------------
def test_each_line_is_claimed_once_and_an_output_never_shows_another_level_than_its_declared_one(bench: Bench) -> None:
    bench.loop.advance(100)
    assert {number: bench.pin(number).history for number in (17, 22, 23)} == {
        17: [("claimed", 0)],
        22: [("claimed", 1)],
        23: [("claimed", 1)],
    }
    assert {number: bench.pin(number).history for number in (5, 6, 19)} == {
        5: [("input", "up")],
        6: [("input", "down")],
        19: [("input", "up")],
    }
    assert bench.ears.links == [(True, "Board")]
    assert bench.ears.oddities == []


def test_a_pin_class_that_sets_the_direction_first_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, line_22=MockPin)
    bench.port.start()
    assert bench.ears.oddities == ["two_step_claim"]
    assert bench.pin(22).state is True


def test_gpiozero_gets_no_factory_that_it_would_close_when_the_interpreter_ends(bench: Bench) -> None:
    bench.loop.advance(100)
    assert Device.pin_factory is None


@pytest.mark.parametrize("whole_bus", [True, False])
def test_what_observes_claims_no_output_and_has_no_way_to_drive_one(
    monkeypatch: pytest.MonkeyPatch, whole_bus: bool
) -> None:
    bench = Bench(monkeypatch, panel(observe=not whole_bus), kind=GpioListener if whole_bus else GpioPort)
    bench.port.start()
    bench.loop.advance(50)
    assert set(bench.levels()) == set(REST)
    assert {info.name for info in bench.boards[0].pins} == {"GPIO5", "GPIO6", "GPIO19"}
    if whole_bus:
        assert not hasattr(bench.port, "write")
        assert not hasattr(bench.port._lines, "write")
    else:
        assert bench.write((23, 0)) == "unsent"


def test_inputs_only_lines_refuse_to_claim_an_output() -> None:
    lines = gpio_lines.Lines(Board, FAMILY.lines(panel().options))
    with pytest.raises(PermissionError, match="line 17"):
        lines.open()


# ---- looking ------------------------------------------------------------------------------------------------------
def test_all_lines_are_looked_at_every_10_ms_with_the_time_of_that_moment(bench: Bench) -> None:
    bench.pin(6).switch(1)
    bench.loop.advance(50)
    assert [now_ms for _, now_ms, _ in bench.ears.levels] == [1_000, 1_010, 1_020, 1_030, 1_040, 1_050]
    assert bench.levels() == {5: 1, 6: 1, 19: 1, 17: 0, 22: 1, 23: 1}


def test_turns_that_were_missed_are_not_made_up_for(bench: Bench) -> None:
    bench.loop.now_ms += 5_000
    before = len(bench.ears.levels)
    bench.loop.advance(100)
    assert len(bench.ears.levels) - before <= 11
    assert bench.ears.levels[before][1] == 6_000, "the time of the look, not the one at which it was due"
    bench.loop.advance(1_000)
    times = [now_ms for _, now_ms, _ in bench.ears.levels]
    assert len(set(times)) == len(times)


def test_each_device_gets_its_own_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    other = panel("door=20 contact", "horn=21 lamp", name="other")
    bench = Bench(monkeypatch, panel(), other)
    bench.port.start()
    assert [(device, set(levels)) for device, _, levels in bench.ears.levels] == [
        (0, {5, 6, 19, 17, 22, 23}),
        (1, {20, 21}),
    ]
    assert bench.write((23, 0), device=1) == "unsent"
    assert bench.write((21, 1), device=1) == "sent"
    assert bench.pin(23).history == [("claimed", 1)]


def test_after_the_end_nothing_is_looked_at_or_closed(bench: Bench) -> None:
    bench.write((23, 0), (22, 0))
    bench.port.stop()
    heard = len(bench.ears.levels)
    bench.loop.advance(10_000)
    assert len(bench.ears.levels) == heard
    assert not bench.boards[0].closed
    assert bench.pin(23).history == [("claimed", 1), ("driven", 0)]
    assert bench.pin(23).function == "output"


# ---- driving ------------------------------------------------------------------------------------------------------
def test_an_order_drives_its_lines_in_its_order_and_nothing_else(bench: Bench) -> None:
    assert bench.write((23, 0), (17, 1)) == "sent"
    assert bench.pin(23).history == [("claimed", 1), ("driven", 0)]
    assert bench.pin(17).history == [("claimed", 0), ("driven", 1)]
    assert bench.pin(22).history == [("claimed", 1)]
    bench.loop.advance(10)
    assert bench.levels() == {5: 1, 6: 0, 19: 1, 17: 1, 22: 1, 23: 0}


def test_an_order_that_has_expired_is_not_driven(bench: Bench) -> None:
    assert bench.write((23, 0), within_ms=0) == "sent"
    assert bench.write((23, 1), within_ms=-1) == "expired"
    assert bench.pin(23).history == [("claimed", 1), ("driven", 0)]


@pytest.mark.parametrize("levels", [((5, 0),), ((24, 0),), ((23, 0), (5, 1))])
def test_inputs_and_lines_of_nobody_are_not_driven_and_neither_is_the_rest_of_such_an_order(
    bench: Bench, levels: tuple[tuple[int, int], ...]
) -> None:
    assert bench.write(*levels) == "unsent"
    assert bench.pin(23).history == [("claimed", 1)]


def test_other_orders_are_unsent(bench: Bench) -> None:
    bench.port.write(0, SendBytes(b"x"), 5_000)
    assert bench.ears.orders == ["unsent"]


def test_a_stuck_line_is_counted_once_and_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, line_23=StuckLowPin)
    bench.port.start()
    assert bench.ears.oddities == []
    bench.loop.advance(10)
    assert bench.ears.oddities == ["readback"]
    bench.loop.advance(500)
    assert bench.ears.oddities == ["readback"]
    assert bench.levels()[23] == 0
    bench.write((23, 0))
    bench.loop.advance(50)
    bench.write((23, 1))
    bench.loop.advance(50)
    assert bench.ears.oddities == ["readback", "readback"]


def test_one_look_in_between_is_no_contradiction(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, line_23=FloatingPin)
    bench.port.start()
    bench.loop.advance(500)
    assert bench.ears.oddities == []
    assert {levels[23] for _, _, levels in bench.ears.levels} == {0, 1}


# ---- failing ------------------------------------------------------------------------------------------------------
def test_a_factory_that_is_not_there_is_tried_again_with_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.unwilling = 2
    bench.port.start()
    assert bench.ears.links == [(False, "cannot open: OSError: no such chip")]
    assert bench.write((23, 0)) == "unsent"
    bench.loop.advance(199)
    assert len(bench.ears.links) == 1
    bench.loop.advance(1 + 400)
    assert [up for up, _ in bench.ears.links] == [False, False, True]


def test_a_line_that_somebody_else_has_costs_the_link_and_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    monkeypatch.setattr(Board, "pin", _busy_once(Board.pin))
    bench.port.start()
    assert bench.ears.links == [(False, "cannot open: OSError: line 22 is busy")]
    assert bench.write((17, 1)) == "unsent"
    bench.loop.advance(250)
    assert [up for up, _ in bench.ears.links] == [False, True]
    assert not any(board.closed for board in bench.boards)
    assert bench.write((17, 1)) == "sent"


def _busy_once(pin: Callable[..., Any]) -> Callable[..., Any]:
    left = [22]

    def claim(board: Board, name: int, **kwargs: Any) -> Any:
        if name in left:
            left.clear()
            raise OSError(f"line {name} is busy")
        return pin(board, name, **kwargs)

    return claim


def test_a_pin_that_fails_costs_the_link_and_all_begins_at_the_declared_levels_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch, line_19=DeadPin)
    bench.port.start()
    bench.write((23, 0))
    bench.pin(19).dead = True
    bench.loop.advance(10)
    assert bench.ears.links[-1] == (False, "lost: OSError: the chip is gone")
    heard = len(bench.ears.levels)
    assert bench.write((23, 0)) == "unsent"
    bench.loop.advance(199)
    assert len(bench.ears.levels) == heard
    bench.loop.advance(50)
    assert bench.ears.links[-1][0]
    assert bench.pin(23).history == [("claimed", 1)]
    assert [board.closed for board in bench.boards] == [False, False]


def test_a_pin_that_cannot_be_driven_costs_the_link_and_the_order_is_unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, line_23=DeadPin)
    bench.port.start()
    bench.pin(23).dead = True
    assert bench.write((23, 0)) == "unsent"
    assert bench.ears.links[-1] == (False, "cannot drive: OSError: the chip is gone")
    bench.loop.advance(100)
    assert [up for up, _ in bench.ears.links] == [True, False], "one attempt at a time"


def test_ending_while_the_link_is_down_ends_the_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.unwilling = 1
    bench.port.start()
    bench.port.stop()
    bench.loop.advance(60_000)
    assert bench.boards == []
