"""The CAN port on real python-can buses: the in-process one (read by a thread) and the hub's (read by descriptor)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import can
import pytest
from bus_ears import TestEars, clock
from bus_toys import bus, device

from drivers.contract import BusKind, Frame
from supervisor.bus.can_port import BUS_OFF, CanListener, CanPort
from supervisor.bus.ports import Pulse

hub = pytest.importorskip("hil.can_hub")
LATER_MS = 2**40


@contextmanager
def running_hub(path: str) -> Iterator[None]:
    over = threading.Event()
    server = hub.Hub(path)
    thread = threading.Thread(target=server.serve, args=(over.is_set,))
    thread.start()
    try:
        with can.Bus(interface="canhub", channel=path) as waker:
            yield
            over.set()
            waker.send(can.Message(arbitration_id=0x7FF))  # so that the server notices at once
    finally:
        over.set()
        thread.join()
        server.close()


def play(
    interface: str, channel: str, scene: Callable[[CanPort, TestEars], Awaitable[None]], pulse: Pulse | None = None
) -> None:
    async def stage() -> None:
        ears = TestEars()
        site = bus(BusKind.CAN, device(BusKind.CAN), interface=interface, channel=channel, bitrate=500_000)
        port = CanPort(site, ears, clock, pulse or Pulse())
        port.start()
        try:
            await scene(port, ears)
        finally:
            port.stop()

    asyncio.run(stage())


@pytest.fixture(params=["virtual", "canhub"])
def wire(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    channel = str(tmp_path / "can0.sock")
    if request.param == "virtual":
        yield request.param, channel
    else:
        with running_hub(channel):
            yield request.param, channel


def is_frame(can_id: int) -> Callable[[tuple[object, ...]], bool]:
    return lambda thing: thing[0] == "frame" and isinstance(thing[1], Frame) and thing[1].can_id == can_id


def test_frames_travel_both_ways(wire: tuple[str, str]) -> None:
    async def scene(port: CanPort, ears: TestEars) -> None:
        await ears.link(True)
        with can.Bus(interface=wire[0], channel=wire[1]) as peer:
            peer.send(can.Message(arbitration_id=0x100, data=b"\x01\x02", is_extended_id=False))
            assert (await ears.until(is_frame(0x100)))[1] == Frame(0x100, b"\x01\x02")
            port.write(0, Frame(0x200, b"\x09"), LATER_MS)
            assert ears.told[-1] == ("sent", Frame(0x200, b"\x09"))
            heard = await asyncio.to_thread(peer.recv, 5.0)
            assert heard is not None
            assert (heard.arbitration_id, bytes(heard.data)) == (0x200, b"\x09")

    play(*wire, scene)


def test_a_burst_is_heard_whole_and_in_order(wire: tuple[str, str]) -> None:
    async def scene(_port: CanPort, ears: TestEars) -> None:
        await ears.link(True)
        with can.Bus(interface=wire[0], channel=wire[1]) as peer:
            for number in range(1_000):
                peer.send(can.Message(arbitration_id=0x100, data=number.to_bytes(2, "big"), is_extended_id=False))
                if number % 100 == 99:  # let the other end keep up, as a real bus would
                    for earlier in range(number - 99, number + 1):
                        frame = (await ears.until(is_frame(0x100)))[1]
                        assert frame == Frame(0x100, earlier.to_bytes(2, "big"))

    play(*wire, scene)


def test_an_expired_order_does_not_leave(wire: tuple[str, str]) -> None:
    async def scene(port: CanPort, ears: TestEars) -> None:
        await ears.link(True)
        port.write(0, Frame(0x200, b"\x09"), clock() - 1)
        assert ears.told[-1] == ("unsent", "expired")

    play(*wire, scene)


def test_odd_frames_are_counted_and_the_next_good_one_is_heard(tmp_path: Path) -> None:
    odd = [
        can.Message(arbitration_id=0x100, is_fd=True, dlc=12, data=bytes(12)),
        can.Message(arbitration_id=0x100, is_remote_frame=True, dlc=4),
        can.Message(arbitration_id=0x100, dlc=9, data=bytes(9)),
        can.Message(arbitration_id=0x100, dlc=8, data=bytes(3)),
    ]

    async def scene(_port: CanPort, ears: TestEars) -> None:
        await ears.link(True)
        with can.Bus(interface="virtual", channel=str(tmp_path)) as peer:
            for message in odd:
                peer.send(message)
            peer.send(can.Message(arbitration_id=0x100, data=b"\x01", is_extended_id=False))
            await ears.until(lambda thing: thing == ("oddity", "length"))
            await ears.until(lambda thing: thing == ("oddity", "garbage"))
            await ears.until(is_frame(0x100))

    play("virtual", str(tmp_path), scene)


def test_the_link_comes_up_when_the_bus_appears_and_again_after_it_was_lost(tmp_path: Path) -> None:
    channel = str(tmp_path / "late.sock")

    async def scene(port: CanPort, ears: TestEars) -> None:
        assert "cannot open" in await ears.link(False)
        port.write(0, Frame(0x200, b""), LATER_MS)
        assert ears.told[-1] == ("unsent", "unsent")
        for _ in range(2):
            with running_hub(channel):
                await ears.link(True)
            await ears.link(False)

    play("canhub", channel, scene)


def test_in_bus_off_the_link_is_down_and_nothing_is_sent_until_it_is_reopened(wire: tuple[str, str]) -> None:
    async def scene(port: CanPort, ears: TestEars) -> None:
        await ears.link(True)
        with can.Bus(interface=wire[0], channel=wire[1]) as peer:
            peer.send(can.Message(arbitration_id=BUS_OFF, is_error_frame=True, is_extended_id=False, data=bytes(8)))
            assert "bus-off" in await ears.link(False)
            port.write(0, Frame(0x200, b"\x09"), LATER_MS)
            assert ears.told[-1] == ("unsent", "unsent")
            await ears.link(True)

    play(*wire, scene)


def test_frames_that_waited_while_the_process_was_stopped_are_thrown_away(tmp_path: Path) -> None:
    pulse = Pulse()

    async def scene(_port: CanPort, ears: TestEars) -> None:
        await ears.link(True)
        pulse.beat(clock() - 60_000)
        with can.Bus(interface="virtual", channel=str(tmp_path)) as peer:
            peer.send(can.Message(arbitration_id=0x100, data=b"\x01"))
            assert await ears.until(lambda thing: thing[0] != "link") == ("oddity", "stalled")

    play("virtual", str(tmp_path), scene, pulse)


def test_a_listener_has_no_way_to_send_and_tells_the_adapter_to_be_silent() -> None:
    site = bus(BusKind.CAN, device(BusKind.CAN), interface="slcan", channel="nowhere", bitrate=500_000, observe=True)
    listener = CanListener(site, TestEars(), clock, Pulse())
    assert not hasattr(listener, "write")
    assert listener._arguments()["listen_only"] is True
