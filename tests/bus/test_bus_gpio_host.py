"""A panel from the switch to the guardian and back: host, driver, port and pins, one behind the other."""

from __future__ import annotations

import pytest
from bus_gpio_bench import REST, House, panel, site
from bus_pins import StuckLowPin

from drivers.contract import BusKind, SendBytes, WriteLines
from supervisor.bus.gpio_port import GpioListener, GpioPort
from supervisor.bus.host import HostCore
from supervisor.bus.main import open_port
from supervisor.bus.ports import Pulse, sound
from supervisor.kernel.signal import Quality


def test_switches_reach_the_guardian(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, panel(silence={"lamp": 0, "k1": 0}))
    for number, level in REST.items():
        house.board.pin(number).switch(level)
    house.live(100)
    assert house.seen() == {0: (0, Quality.GOOD), 1: (0, Quality.GOOD), 2: (0, Quality.GOOD)}
    house.board.pin(5).switch(1)
    house.live(100)
    assert house.seen()[0] == (1, Quality.GOOD)


def test_the_permit_lives_on_words_and_dies_with_the_guardian(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, panel())
    house.live(1_000, {0: 0, 1: 1})
    assert house.driven(17) == [1, 0] * 5
    before = len(house.driven(17))
    house.live(20_000)
    assert len(house.driven(17)) == before, "no silence image, so nothing at all is said"


def test_a_silence_image_moves_the_permit_once_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, panel(silence={"lamp": 0, "k1": 0}))
    house.live(1_000, {0: 1, 1: 1})
    before = house.board.pin(17).history[:]
    house.live(20_000)
    assert len(house.board.pin(17).history) - len(before) <= 1
    assert house.board.pin(23).state is True
    assert house.board.pin(22).state is True


def test_the_farewell_leaves_the_silence_levels_driven(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(
        monkeypatch, panel(outputs="lamp=22 lamp, k1=23 coil active_low proof=aux_1", silence={"lamp": 1, "k1": 0})
    )
    house.live(200, {0: 1, 1: 1})
    assert house.board.pin(23).state is False
    house.core.farewell(house.loop.now_ms)
    assert house.core.farewell_said
    house.port.stop()
    assert (house.board.pin(23).state, house.board.pin(23).function) == (True, "output")
    assert (house.board.pin(22).state, house.board.pin(22).function) == (True, "output")
    assert not house.board.closed


def test_a_stuck_coil_is_a_defect_of_the_device_and_an_oddity_of_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, panel(outputs="k1=23 coil proof=aux_1"), line_23=StuckLowPin)
    house.live(1_000, {0: 1})
    assert house.core.tally.total("panel", "readback") >= 5
    assert house.core.tally.total("gpio0", "readback") == 1
    assert house.driven(23)[:2] == [1, 1]


@pytest.mark.parametrize("whole_bus", [True, False])
def test_in_observe_everything_is_seen_and_nothing_driven(monkeypatch: pytest.MonkeyPatch, whole_bus: bool) -> None:
    house = House(monkeypatch, panel(observe=not whole_bus), observe=whole_bus)
    house.live(1_000, {0: 1, 1: 1})
    house.core.farewell(house.loop.now_ms)
    assert set(house.seen()) == {0, 1, 2}
    assert house.core.tally.total("panel", "would_write") > 0
    assert house.core.tally.total("panel", "writes") == 0
    assert {info.name for info in house.board.pins} == {"GPIO5", "GPIO6", "GPIO19"}


def test_levels_that_a_driver_wants_of_its_own_accord_are_never_driven(monkeypatch: pytest.MonkeyPatch) -> None:
    device = panel()
    house = House(monkeypatch, device)
    driver = house.core._seats[0].device._driver
    monkeypatch.setattr(driver, "poll", lambda now_ms: [WriteLines(((17, now_ms // 50 % 2),))])
    house.live(1_000)
    assert house.driven(17) == []
    assert house.core.tally.total("panel", "driver_error") == 20


# ---- what a bus of lines can carry --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("levels", "fine"),
    [
        (((5, 1),), True),
        (((5, 0), (6, 1)), True),
        ((), False),
        (((5, 2),), False),
        (((5, -1),), False),
        (((5, 1), (5, 0)), False),
    ],
)
def test_only_levels_of_different_lines_are_sound(levels: tuple[tuple[int, int], ...], fine: bool) -> None:
    assert sound(WriteLines(levels), BusKind.GPIO) is fine
    assert not sound(WriteLines(levels), BusKind.CAN)
    assert not sound(SendBytes(b"x"), BusKind.GPIO)


# ---- the process --------------------------------------------------------------------------------------------------
def test_the_process_opens_the_port_of_lines_and_no_way_to_drive_where_nothing_may_be_driven() -> None:
    for device, observe, drives in (
        (panel(), False, True),
        (panel(), True, False),
        (panel(observe=True), False, False),
    ):
        bus = site(device, observe=observe)
        port, control = open_port(bus, HostCore(bus, bytes, lambda: None), Pulse())
        assert type(port) is (GpioPort if drives else GpioListener)
        assert (control is port) is drives
        assert (control is None) is not drives
