"""The hub and its python-can bus, over real sockets. The hub is polled by hand, so nothing here waits or sleeps."""

from __future__ import annotations

import io
import json
import os
import select
from collections.abc import Iterator
from pathlib import Path

import can
import pytest

from hil.can_frame import Frame, connect, pack_frame, unpack_frame
from hil.can_hub import Hub
from hil.unix_socket import RigError


class Bench:
    """A hub, its trace, and the buses that were opened on it."""

    def __init__(self, path: str, queue_max: int = 4096) -> None:
        self.path, self.trace = path, io.StringIO()
        self.hub = Hub(path, self.trace, queue_max, now_ms=lambda: 42)
        self.buses: list[can.BusABC] = []

    def bus(self, name: str = "") -> can.BusABC:
        bus = can.Bus(interface="canhub", channel=self.path, name=name)
        self.buses.append(bus)
        self.turn()
        return bus

    def turn(self) -> None:
        """Let the hub do all that is there: accepting, reading a name, forwarding, and what became possible by it."""
        idle = 0
        while idle < 3:
            idle = 0 if self.hub.poll(0) else idle + 1

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.trace.getvalue().splitlines()]

    def close(self) -> None:
        for bus in self.buses:
            bus.shutdown()
        self.hub.close()


@pytest.fixture
def bench(run_dir: Path) -> Iterator[Bench]:
    made = Bench(str(run_dir / "can0.sock"))
    yield made
    made.close()


def drain(bus: can.BusABC) -> list[can.Message]:
    found = []
    while (message := bus.recv(0)) is not None:
        found.append(message)
    return found


def test_a_frame_goes_to_all_others_and_not_back(bench: Bench) -> None:
    one, two, three = bench.bus(), bench.bus(), bench.bus()
    one.send(can.Message(arbitration_id=0x351, data=b"\x14\x02", is_extended_id=False))
    bench.turn()
    for bus in (two, three):
        (message,) = drain(bus)
        assert (message.arbitration_id, bytes(message.data), message.is_extended_id) == (0x351, b"\x14\x02", False)
    assert drain(one) == []


@pytest.mark.parametrize(
    "sent",
    [
        can.Message(arbitration_id=0x1ABCDEF0, data=bytes(range(8)), is_extended_id=True),
        can.Message(arbitration_id=0x40, data=bytes(8), is_error_frame=True, is_extended_id=False),
        can.Message(arbitration_id=0x210, is_remote_frame=True, dlc=8, is_extended_id=False),
        can.Message(arbitration_id=0, data=b"", is_extended_id=False),
    ],
)
def test_every_kind_of_frame_arrives_as_it_was_sent(bench: Bench, sent: can.Message) -> None:
    one, two = bench.bus(), bench.bus()
    one.send(sent)
    bench.turn()
    (got,) = drain(two)
    assert got.equals(sent, timestamp_delta=None, check_channel=False, check_direction=False)


def test_ten_thousand_frames_arrive_in_order_and_none_is_lost(bench: Bench) -> None:
    one, two = bench.bus(), bench.bus()
    numbers: list[int] = []
    for number in range(10_000):
        one.send(can.Message(arbitration_id=1, data=number.to_bytes(4, "big"), is_extended_id=False))
        if number % 100 == 99:
            bench.turn()
            numbers += [int.from_bytes(message.data, "big") for message in drain(two)]
    assert numbers == list(range(10_000))
    assert set(bench.hub.dropped().values()) == {0}


def test_a_client_that_reads_nothing_blocks_nobody_and_loses_its_oldest(run_dir: Path) -> None:
    bench = Bench(str(run_dir / "can0.sock"), queue_max=50)
    sender, reader, asleep = bench.bus("sender"), bench.bus("reader"), bench.bus("asleep")
    got = 0
    for number in range(3000):
        sender.send(can.Message(arbitration_id=2, data=number.to_bytes(4, "big"), is_extended_id=False))
        bench.turn()
        got += len(drain(reader))
    assert got == 3000
    lost = bench.hub.dropped()["asleep"]
    late: list[int] = []
    while messages := drain(asleep):
        late += [int.from_bytes(message.data, "big") for message in messages]
        bench.turn()
    assert lost > 0
    assert len(late) + lost == 3000
    assert late == sorted(late)
    assert late[-50:] == list(range(2950, 3000)), "the newest are kept"
    assert {"t": 42, "dropping_for": "asleep"} in bench.lines()
    bench.close()


def test_the_trace_names_the_sender_and_the_bytes(bench: Bench) -> None:
    bench.bus("watcher")
    bench.bus("battery").send(can.Message(arbitration_id=0x351, data=b"\xc0", is_extended_id=True))
    bench.turn()
    assert bench.lines() == [{"t": 42, "sender": "battery", "id": 0x351, "data": "c0", "extended": True}]


def test_an_error_says_that_nobody_listens(run_dir: Path) -> None:
    with pytest.raises(can.CanInitializationError, match=r"no CAN hub listens at .*powerwarden-rig hub"):
        can.Bus(interface="canhub", channel=str(run_dir / "none.sock"))


def test_a_hub_that_goes_away_is_an_operation_error(bench: Bench) -> None:
    bus = bench.bus()
    bench.hub.close()
    with pytest.raises(can.CanOperationError, match="gone away"):
        bus.recv(0)
    with pytest.raises(can.CanOperationError):
        bus.send(can.Message(arbitration_id=1))


def test_a_hub_that_takes_nothing_is_an_operation_error_and_no_hang(bench: Bench) -> None:
    bus = bench.bus()

    def babble() -> None:
        for _ in range(100_000):
            bus.send(can.Message(arbitration_id=1))

    with pytest.raises(can.CanOperationError, match="does not take"):
        babble()


def test_can_fd_is_refused(bench: Bench) -> None:
    with pytest.raises(can.CanOperationError, match="FD"):
        bench.bus().send(can.Message(arbitration_id=1, is_fd=True, data=bytes(12)))


def test_filters_and_fileno_work_as_python_can_promises(bench: Bench) -> None:
    one, two = bench.bus(), bench.bus()
    two.set_filters([{"can_id": 0x351, "can_mask": 0x7FF, "extended": False}])
    for can_id in (0x350, 0x351):
        one.send(can.Message(arbitration_id=can_id, is_extended_id=False))
    bench.turn()
    assert select.select([two.fileno()], [], [], 0)[0]
    assert two.recv(1.0).arbitration_id == 0x351


def test_shutdown_twice_is_no_error_and_the_others_stay(bench: Bench) -> None:
    one, two, three = bench.bus(), bench.bus(), bench.bus()
    two.shutdown()
    two.shutdown()
    one.send(can.Message(arbitration_id=7))
    bench.turn()
    assert len(drain(three)) == 1


def test_a_packet_that_is_no_frame_goes_nowhere(bench: Bench) -> None:
    bus = bench.bus()
    with connect(bench.path, "odd") as odd:
        bench.turn()
        odd.send(b"short")
        odd.send(bytes(17))
        odd.send(pack_frame(Frame(5, b"ok")))
        bench.turn()
    assert [message.arbitration_id for message in drain(bus)] == [5]


def test_a_dead_hub_s_socket_is_taken_over_and_a_live_one_s_is_not(run_dir: Path) -> None:
    path = str(run_dir / "can0.sock")
    living = Hub(path)
    with pytest.raises(RigError, match="already listens"):
        Hub(path)
    living._listener.close()  # as a killed process leaves it: the file is there, nobody listens
    successor = Hub(path)
    successor.close()
    living._selector.close()
    assert not os.path.exists(path)


@pytest.mark.parametrize("frame", [Frame(0x800), Frame(1 << 29, extended=True), Frame(1, bytes(9)), Frame(-1)])
def test_a_frame_that_no_controller_could_send_is_refused(frame: Frame) -> None:
    with pytest.raises(ValueError, match="CAN identifier"):
        pack_frame(frame)


def test_the_packet_is_the_layout_of_socketcan() -> None:
    packet = pack_frame(Frame(0x351, b"\x01\x02", extended=True))
    assert packet == bytes.fromhex("51030080 02 000000 0102000000000000")
    assert unpack_frame(packet) == Frame(0x351, b"\x01\x02", extended=True, length=2)
