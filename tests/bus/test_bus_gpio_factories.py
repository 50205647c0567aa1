"""Where pins come from: entry points, and the pin classes that claim an output with its level in one step."""

from __future__ import annotations

import sys

import pytest
from bus_gpio_bench import Ears, Loop, panel, site
from bus_pins import Board, RecordingPin
from gpiozero.pins.mock import MockFactory, MockPin

from drivers.panel_gpio import FAMILY
from supervisor.bus import gpio_lines
from supervisor.bus.gpio_port import GpioPort
from supervisor.bus.ports import Pulse


# ---- factories ----------------------------------------------------------------------------------------------------
def test_a_factory_is_an_entry_point_and_gets_the_channel_as_its_only_argument() -> None:
    assert type(gpio_lines.make_factory({"factory": "mock"})) is MockFactory
    assert gpio_lines.make_factory({"factory": "mock", "channel": "c03111"}).board_info.model == "4B"
    with pytest.raises(LookupError, match=r"no pin factory 'mok'.*mock"):
        gpio_lines.make_factory({"factory": "mok"})


class FakeLgpio:
    """The few calls of lgpio that gpiozero and our pins make, written down. Defaults as in lgpio.py."""

    SET_PULL_NONE, SET_PULL_UP, SET_PULL_DOWN = 128, 32, 64
    BOTH_EDGES, RISING_EDGE, FALLING_EDGE = 3, 1, 2

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.levels: dict[int, int] = {}

    def gpiochip_open(self, chip: int) -> int:
        self.calls.append(("open", chip))
        return 77 + len([call for call in self.calls if call[0] == "open"])

    def gpiochip_close(self, handle: int) -> None:
        self.calls.append(("close", handle))

    def gpio_claim_output(self, handle: int, gpio: int, level: int = 0, flags: int = 0) -> None:
        self.calls.append(("output", handle, gpio, level))
        self.levels[gpio] = level

    def gpio_claim_input(self, handle: int, gpio: int, flags: int = 0) -> None:
        self.calls.append(("input", handle, gpio, flags))
        self.levels[gpio] = int(flags == self.SET_PULL_UP)

    def gpio_get_mode(self, handle: int, gpio: int) -> int:
        return 2 if ("output", handle, gpio) in {call[:3] for call in self.calls} else 0

    def gpio_read(self, handle: int, gpio: int) -> int:
        return self.levels[gpio]

    def gpio_write(self, handle: int, gpio: int, level: bool) -> None:
        self.calls.append(("write", handle, gpio, int(level)))
        self.levels[gpio] = int(level)


@pytest.fixture
def lgpio(monkeypatch: pytest.MonkeyPatch) -> FakeLgpio:
    fake = FakeLgpio()
    monkeypatch.setitem(sys.modules, "lgpio", fake)  # type: ignore[arg-type]
    for name in ("gpiozero.pins.lgpio", "supervisor.bus.gpio_lgpio"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: 0xC03111)
    return fake


def test_lgpio_claims_direction_and_level_in_one_call_and_nothing_before_it(lgpio: FakeLgpio) -> None:
    bus = site(panel(), factory="lgpio", channel="4")
    port = GpioPort(bus, Ears(), Loop().clock, Pulse())  # type: ignore[arg-type]
    assert port._lines.open() == "OneStepFactory"
    assert lgpio.calls == [
        ("open", 4),
        ("input", 78, 5, lgpio.SET_PULL_UP),
        ("input", 78, 6, lgpio.SET_PULL_DOWN),
        ("input", 78, 19, lgpio.SET_PULL_UP),
        ("output", 78, 17, 0),
        ("output", 78, 22, 1),
        ("output", 78, 23, 1),
    ]
    port._lines.write(((23, 0),))
    assert lgpio.calls[7:] == [("write", 78, 23, 0)]
    assert port._lines.read() == {5: 1, 6: 0, 19: 1, 17: 0, 22: 1, 23: 0}


def test_lgpio_opened_anew_uses_the_new_handle_and_claims_no_floating_input(lgpio: FakeLgpio) -> None:
    lines = gpio_lines.DrivenLines(
        lambda: gpio_lines.make_factory({"factory": "lgpio", "channel": "0"}),
        FAMILY.lines(panel().options),
        lambda: None,
    )
    lines.open()
    first = len(lgpio.calls)
    lines.forget()
    lines.open()
    assert lgpio.calls[first : first + 2] == [("close", 78), ("open", 0)]
    assert {call[1] for call in lgpio.calls[first + 2 :]} != {78}
    assert ("output", lgpio.calls[first + 2][1], 23, 1) in lgpio.calls[first + 2 :]
    assert lgpio.SET_PULL_NONE not in {call[3] for call in lgpio.calls if call[0] == "input"}


def test_lgpio_refuses_a_pull_against_the_resistor_on_the_board(lgpio: FakeLgpio) -> None:
    lines = gpio_lines.Lines(
        lambda: gpio_lines.make_factory({"factory": "lgpio", "channel": "0"}),
        FAMILY.lines(panel("b=3 button active_high", "").options),
    )
    with pytest.raises(ValueError, match="other rail"):
        lines.open()


def test_native_writes_the_level_before_the_direction() -> None:
    from supervisor.bus.gpio_native import LevelFirst2711Pin, LevelFirst2835Pin

    for kind in (LevelFirst2711Pin, LevelFirst2835Pin):
        for level in (0, 1):
            memory = Registers()
            pin = object.__new__(kind)
            pin._factory = type("Factory", (), {"mem": memory})()
            pin._number = 23
            pin._reg_init(pin._factory, 23)
            pin.output_with_state(bool(level))
            set_or_clear = (7 if level else 10), 1 << 23
            assert memory.written == [set_or_clear, (2, 0b001 << 9)]


class Registers(dict[int, int]):
    """The register file, with gpiozero's offsets."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[tuple[int, int]] = []

    def __missing__(self, key: int) -> int:
        return 0

    def __setitem__(self, key: int, value: int) -> None:
        self.written.append((key, value))

    def __getattr__(self, name: str) -> int:
        from gpiozero.pins.native import GPIOMemory

        return int(getattr(GPIOMemory, name))


def test_only_the_factory_that_is_asked_for_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lgpio", "gpiozero.pins.native", "supervisor.bus.gpio_lgpio", "supervisor.bus.gpio_native"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    gpio_lines.make_factory({"factory": "mock"})
    assert not {"lgpio", "gpiozero.pins.native", "supervisor.bus.gpio_lgpio"} & set(sys.modules)
    with pytest.raises(ImportError):
        gpio_lines.make_factory({"factory": "lgpio"})


def test_a_pin_of_these_tests_tells_a_claim_in_two_steps_from_one_in_one() -> None:
    pin = Board().pin(22)
    assert isinstance(pin, RecordingPin)
    MockPin.output_with_state(pin, True)
    assert pin.history == [("function", "output"), ("driven", 1)]
