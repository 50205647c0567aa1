"""The wires of a bench: only what is permitted leaves the rig, and what a relay drives is released at the end."""

from __future__ import annotations

import io
from pathlib import Path

import can
import pytest
from gpiozero import OutputDevice  # type: ignore[import-untyped] # gpiozero has no types
from wired_parts import cable, driven, lamps, small_computer, touched

from hil.bench.can_bridge import Bridge, open_adapter
from hil.bench.relay_board import RelayBoard
from hil.bench.rig_file import Board, CanAdapter, Permit
from hil.can_hub import Hub, HubBus
from hil.unix_socket import RigError


def test_only_listed_identifiers_leave_the_rig_and_everything_comes_in(tmp_path: Path) -> None:
    said: list[str] = []
    hub = Hub(str(tmp_path / "can0.sock"), io.StringIO())
    with cable() as joined:
        near, far = (open_adapter(CanAdapter("slcan", end, 500_000), listen_only=False) for end in joined.ends)
        device, bridged = (HubBus(str(tmp_path / "can0.sock"), name=name) for name in ("device", "bridge"))
        bridge = Bridge(bridged, near, frozenset({0x201, 0x18FF0102}), said.append)
        for number, extended in ((0x201, False), (0x202, False), (0x202, False), (0x18FF0102, True)):
            device.send(can.Message(arbitration_id=number, data=b"\1\2", is_extended_id=extended))
        hub.poll(1.0), hub.poll(0.1)
        bridge.poll(1.0), bridge.poll(0.1)
        arrived = [far.recv(2.0), far.recv(2.0), far.recv(0.1)]
        far.send(can.Message(arbitration_id=0x7AA, data=b"\3" * 8, is_extended_id=False))
        for _ in range(50):  # its bytes may come in pieces
            bridge.poll(0.1)
            if hub.poll(0.02):
                break
        heard = device.recv(2.0)
        for bus in (near, far, device, bridged):
            bus.shutdown()
        hub.close()
    assert [None if frame is None else frame.arbitration_id for frame in arrived] == [0x201, 0x18FF0102, None]
    assert said == ["0x202 is not in may_drive; it is kept back"]
    assert heard is not None
    assert (heard.arbitration_id, bytes(heard.data)) == (0x7AA, b"\3" * 8)


def test_a_number_of_11_bits_permits_no_frame_of_29_and_the_other_way_round(tmp_path: Path) -> None:
    said: list[str] = []
    hub = Hub(str(tmp_path / "can0.sock"), io.StringIO())
    with cable() as joined:
        near, far = (open_adapter(CanAdapter("slcan", end, 500_000), listen_only=False) for end in joined.ends)
        device, bridged = (HubBus(str(tmp_path / "can0.sock"), name=name) for name in ("device", "bridge"))
        for extended in (True, False):
            device.send(can.Message(arbitration_id=0x201, data=b"\1", is_extended_id=extended))
        hub.poll(1.0), hub.poll(0.1)
        Bridge(bridged, near, frozenset({0x201}), said.append).poll(1.0)
        arrived = [far.recv(2.0), far.recv(0.1)]
        for bus in (near, far, device, bridged):
            bus.shutdown()
        hub.close()
    assert [None if frame is None else frame.is_extended_id for frame in arrived] == [False, None]
    assert said == ["0x201 of 29 bits is not in may_drive; it is kept back"]


def test_an_adapter_that_is_not_there_is_an_error_with_its_reason() -> None:
    with pytest.raises(RigError, match="/dev/nowhere: cannot be opened"):
        open_adapter(CanAdapter("slcan", "/dev/nowhere", 500_000), listen_only=True)
    with pytest.raises(RigError, match="cannot be opened"):
        open_adapter(CanAdapter("no_such_kind", "x"), listen_only=True)


def permit(name: str, follows: str) -> Permit:
    return Permit(why="to look at", relay=name, follows=follows, load="lamp", volt=12)


def test_relays_follow_facts_and_are_released_at_the_end(tmp_path: Path) -> None:
    with small_computer(tmp_path) as channel:
        wiring = Board({"lamp_1": 5, "lamp_2": 6, "button": 13}, "linehub", channel, "high")
        board = RelayBoard(wiring, {"lamp_1": permit("lamp_1", "relays.closed[2]"), "button": permit("button", "a.b")})
        assert lamps(tmp_path) == {"lamp_1": False, "lamp_2": False, "button": False}
        board.follow({"relays.closed": [False, True], "a.b": 1.0})
        assert lamps(tmp_path) == {"lamp_1": True, "lamp_2": False, "button": True}
        board.follow({"relays.closed": [True, False]})
        assert lamps(tmp_path) == {"lamp_1": False, "lamp_2": False, "button": False}, "what is not known is released"
        board.follow({"relays.closed": [False, True], "a.b": True})
        board.close()
        assert lamps(tmp_path) == {"lamp_1": False, "lamp_2": False, "button": False}
        assert touched(tmp_path) == {5, 13}, "a line that may not be driven is not even claimed"


def test_a_relay_is_let_go_before_its_line_is(tmp_path: Path) -> None:
    """A line that nobody drives floats: what a relay does then is the board's affair."""
    with small_computer(tmp_path) as channel:
        board = RelayBoard(Board({"lamp_1": 5}, "linehub", channel, "high"), {"lamp_1": permit("lamp_1", "a.b")})
        board.follow({"a.b": True})
        board.close()
        assert driven(tmp_path) == [("output", 0), ("write", 1), ("write", 0), ("input", None)]


def test_a_relay_that_cannot_be_released_is_told_and_the_others_are_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_computer(tmp_path) as channel:
        names = {"lamp_1": permit("lamp_1", "a.b"), "lamp_2": permit("lamp_2", "a.b")}
        board = RelayBoard(Board({"lamp_1": 5, "lamp_2": 6}, "linehub", channel, "high"), names)
        board.follow({"a.b": True})
        off, tried = OutputDevice.off, []

        def fails_once(relay: OutputDevice) -> None:
            tried.append(relay)
            if len(tried) == 1:
                raise OSError("no such line any more")
            off(relay)

        monkeypatch.setattr(OutputDevice, "off", fails_once)
        with pytest.raises(RigError, match=r"not released: lamp_1 \(no such line any more\); press the bench's emerg"):
            board.close()
        assert ("write", 0) in driven(tmp_path, line=6)
        board.close()  # safe to call twice


def test_a_board_that_pulls_at_low_begins_and_ends_high(tmp_path: Path) -> None:
    with small_computer(tmp_path) as channel:
        board = RelayBoard(Board({"lamp_1": 5}, "linehub", channel), {"lamp_1": permit("lamp_1", "a.b")})
        assert lamps(tmp_path)["lamp_1"] is True, "released is high"
        board.follow({"a.b": True})
        assert lamps(tmp_path)["lamp_1"] is False
        board.close()


def test_lines_that_cannot_be_had_are_an_error_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(RigError, match="no line hub listens"):
        RelayBoard(Board({"lamp_1": 5}, "linehub", str(tmp_path / "none.sock")), {"lamp_1": permit("lamp_1", "a.b")})
    with pytest.raises(RigError, match="there is no pin factory 'nonsense' here; there are"):
        RelayBoard(Board({"lamp_1": 5}, "nonsense"), {})
