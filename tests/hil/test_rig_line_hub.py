"""gpiozero's pins on the rig's line hub: what one packet does, who owns a line, and what is left when somebody goes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from gpiozero import OutputDevice
from gpiozero.exc import (
    BadPinFactory,
    GPIOPinInUse,
    PinEdgeDetectUnsupported,
    PinError,
    PinFixedPull,
    PinInvalidFunction,
    PinInvalidPin,
    PinInvalidPull,
    PinInvalidState,
    PinPWMUnsupported,
    PinSetInput,
)

from hil import line_hub
from hil.line_hub import HubFactory, LinesGone
from hil.lines import Level, LineHub, Request
from hil.unix_socket import RigError
from tests.hil.line_bench import HubThread


class ToyBoard:
    """Inputs have the level that the test gives; outputs have what was written, less what the test holds."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, object]] = []
        self.gone: list[list[int]] = []
        self.outside: dict[int, Level] = {}
        self.driven: dict[int, Level] = {}

    def on_line(self, request: Request, now_ms: int) -> None:
        self.seen.append((request.do, request.line, request.pull if request.do == "input" else request.level))
        if request.do == "input":
            self.driven.pop(request.line, None)
        else:
            self.driven[request.line] = request.level

    def on_owner_gone(self, lines: list[int], now_ms: int) -> None:
        self.gone.append(lines)

    def level(self, line: int, now_ms: int) -> Level:
        return self.outside.get(line, self.driven.get(line, 0))


class Bench(HubThread):
    def __init__(self, path: str) -> None:
        self.board = ToyBoard()
        super().__init__(path, self.board)

    def outside(self, line: int, level: Level) -> None:
        self.do(lambda: self.board.outside.update({line: level}))


@pytest.fixture
def bench(run_dir: Path) -> Iterator[Bench]:
    made = Bench(str(run_dir / "gpio0.sock"))
    yield made
    made.close()


def test_direction_and_level_go_in_one_packet(bench: Bench) -> None:
    pin = bench.factory().pin(22)
    pin.output_with_state(1)
    assert bench.board.seen == [("output", 22, 1)]
    assert (pin.function, pin.state) == ("output", True)


def test_input_and_pull_go_in_one_packet(bench: Bench) -> None:
    pin = bench.factory().pin(5)
    pin.input_with_pull("up")
    assert bench.board.seen == [("input", 5, "up")]
    assert (pin.function, pin.pull, pin.state) == ("input", "up", False)
    pin.pull = "down"
    assert bench.board.seen[1:] == [("input", 5, "down")]


def test_an_active_low_device_that_begins_off_says_nothing_but_high(bench: Bench) -> None:
    device = OutputDevice(22, active_high=False, initial_value=False, pin_factory=bench.factory())
    assert bench.board.seen == [("output", 22, 1)]
    device.on()
    assert bench.board.seen[1:] == [("write", 22, 0)]
    device.close()


def test_a_function_alone_drives_low_as_lgpio_does(bench: Bench) -> None:
    bench.factory().pin(22).function = "output"
    assert bench.board.seen == [("output", 22, 0)]


def test_making_a_pin_claims_nothing_and_its_level_is_not_guessed(bench: Bench) -> None:
    pin = bench.factory().pin(22)
    with pytest.raises(PinInvalidState, match="neither as an input nor as an output"):
        _ = pin.state
    assert bench.board.seen == []


def test_a_write_is_there_when_it_returns_and_may_read_back_otherwise(bench: Bench) -> None:
    pin = bench.factory().pin(22)
    pin.output_with_state(0)
    pin.state = 1
    assert pin.state is True
    bench.board.outside[22] = 1
    pin.state = 0
    assert bench.board.driven[22] == 0
    assert pin.state is True, "the line is held from outside"


def test_levels_are_pushed_in_their_order(bench: Bench) -> None:
    pin, other = (bench.factory().pin(number) for number in (5, 6))
    pin.input_with_pull("up")
    other.input_with_pull("up")
    bench.outside(5, 1)
    assert (pin.state, other.state) == (True, False)
    bench.outside(5, 0)
    bench.outside(5, 1)
    bench.outside(5, 0)
    assert pin.state is False


def test_a_second_owner_is_refused_and_changes_nothing(bench: Bench) -> None:
    one, two = bench.factory().pin(22), bench.factory().pin(22)
    one.output_with_state(1)
    for take in (lambda: two.output_with_state(0), lambda: two.input_with_pull("up")):
        with pytest.raises(GPIOPinInUse, match=f"gpio0.sock: line 22 belongs to process {os.getpid()}"):
            take()
    assert (bench.board.driven, one.state) == ({22: 1}, True)
    assert bench.board.seen == [("output", 22, 1)]


def test_a_line_keeps_its_level_when_its_owner_dies_and_may_be_claimed_anew(bench: Bench) -> None:
    first = bench.factory()
    first.pin(22).output_with_state(1)
    first.pin(23).output_with_state(0)
    first._sock.close()  # as the kernel does for a killed process
    assert bench.do(lambda: bench.board.driven) == {22: 1, 23: 0}
    assert bench.board.gone == [[22, 23]]
    second = bench.factory().pin(22)
    second.output_with_state(1)
    assert bench.board.seen[-1] == ("output", 22, 1)
    assert len(bench.board.seen) == 3, "nothing else was said about the lines"
    first._gone = "closed by the test"


def test_closing_makes_floating_inputs_as_gpiozero_does(bench: Bench) -> None:
    factory = bench.factory()
    factory.pin(22).output_with_state(1)
    factory.pin(23)
    factory.close()
    factory.close()
    assert bench.do(lambda: bench.board.seen[1:]) == [("input", 22, "floating")]
    with pytest.raises(LinesGone, match="is closed"):
        factory.pin(24).output_with_state(1)


def test_a_hub_that_goes_away_is_gone_for_reading_and_writing(bench: Bench) -> None:
    factory = bench.factory()
    key, lamp = factory.pin(6), factory.pin(22)
    key.input_with_pull("up")
    lamp.output_with_state(1)
    bench.stop()
    for use in (lambda: key.state, lambda: setattr(lamp, "state", 0), lambda: key.input_with_pull("up")):
        with pytest.raises(LinesGone, match=r"gpio0\.sock: the line hub") as caught:
            use()
        assert isinstance(caught.value, PinError)
        assert isinstance(caught.value, ConnectionError)


def test_a_level_that_arrived_before_the_end_is_not_told_after_it(bench: Bench) -> None:
    pin = bench.factory().pin(5)
    pin.input_with_pull("up")
    bench.outside(5, 1)
    bench.stop()
    with pytest.raises(LinesGone):
        _ = pin.state


def test_a_hub_that_does_not_answer_is_given_up_once_and_for_all(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_hub, "ANSWER_S", 0.02)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as mute:
        mute.bind(str(run_dir / "mute.sock"))
        mute.listen()
        factory = HubFactory(run_dir / "mute.sock")
        with pytest.raises(LinesGone, match="has not answered"):
            factory.pin(5).input_with_pull("up")
        monkeypatch.setattr(line_hub, "ANSWER_S", 1e9)
        with pytest.raises(LinesGone, match="has not answered"):
            factory.pin(6).output_with_state(1)
        factory.close()


def test_no_hub_is_an_error_with_its_remedy(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadPinFactory, match=r"gpio9.sock.*powerwarden-rig house"):
        HubFactory(run_dir / "gpio9.sock")
    monkeypatch.delenv("POWERWARDEN_LINES", raising=False)
    with pytest.raises(BadPinFactory, match="POWERWARDEN_LINES"):
        HubFactory()


def test_gpiozero_finds_the_factory_by_its_name(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = entry_points(group="gpiozero_pin_factories", name="linehub")
    monkeypatch.setenv("POWERWARDEN_LINES", bench.path)
    factory = entry.load()()
    factory.pin(5).input_with_pull("up")
    assert bench.board.seen == [("input", 5, "up")]
    factory.close()


def test_pins_are_reserved_as_on_a_real_board(bench: Bench) -> None:
    factory = bench.factory()
    device = OutputDevice(22, initial_value=False, pin_factory=factory)
    with pytest.raises(GPIOPinInUse):
        OutputDevice(22, pin_factory=factory)
    assert factory.pin(22) is factory.pin("GPIO22")
    device.close()


def test_what_a_line_cannot_do_is_told(bench: Bench) -> None:
    pin = bench.factory().pin(5)
    pin.input_with_pull("up")
    with pytest.raises(PinSetInput):
        pin.state = 1
    with pytest.raises(PinInvalidPull):
        pin.pull = "sideways"
    with pytest.raises(PinInvalidFunction):
        pin.function = "alt3"
    with pytest.raises(PinEdgeDetectUnsupported):
        pin.edges = "both"
    with pytest.raises(PinPWMUnsupported):
        pin.frequency = 100
    with pytest.raises(PinFixedPull, match="physical pull-up"):
        pin.factory.pin(2).input_with_pull("down")
    with pytest.raises(PinInvalidPin):
        pin.factory.pin(28)
    pin.output_with_state(1)
    with pytest.raises(PinInvalidState, match="0 or 1"):
        pin.state = 0.5
    with pytest.raises(PinFixedPull):
        pin.pull = "up"
    assert bench.board.seen[-1] == ("output", 5, 1)


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"nonsense", b"malformed"),
        (b'{"do":"output","line":54,"level":1}', b"53"),
        (b'{"do":"output","line":5,"level":2}', b"Invalid enum value 2"),
        (b'{"do":"write","line":5,"level":1}', b"not been claimed as an output"),
        (b'{"do":"output","line":5,"level":1,"speed":1}', b"unknown field"),
    ],
)
def test_a_packet_that_makes_no_sense_is_refused_and_the_hub_goes_on(bench: Bench, packet: bytes, why: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(20)
        sock.connect(bench.path)
        sock.send(packet)
        answer = sock.recv(1000)
        assert why in answer
        assert b'"answer":true' in answer
        assert bench.board.seen == []
        sock.send(b'{"do":"input","line":5,"pull":"up"}')
        assert b'"wrong"' not in sock.recv(1000)
        sock.send(b'{"do":"write","line":5,"level":1}')
        assert b"not been claimed as an output" in sock.recv(1000), "an input is not written"


@pytest.mark.parametrize("changes", [5000, 5001])
def test_a_client_that_does_not_read_holds_nobody_up_and_hears_the_newest_level(bench: Bench, changes: int) -> None:
    asleep, awake = bench.factory().pin(5), bench.factory().pin(6)
    asleep.input_with_pull("up")
    awake.input_with_pull("up")
    for step in range(changes):
        bench.outside(5, 0 if step % 2 else 1)
    bench.outside(6, 1)
    assert awake.state is True
    for _ in range(3):
        _ = asleep.state  # makes room, and then there is more
        bench.do(lambda: None)
    assert asleep.state is bool(changes % 2)
    assert bench.board.gone == []


def test_a_second_hub_at_the_same_place_is_refused(bench: Bench) -> None:
    with pytest.raises(RigError, match="already listens here"):
        LineHub(bench.path, bench.board, lambda: 0)
    assert bench.factory().pin(5).function == "input", "and the first one lives on"
