"""P3: from the frame that trips a rule to the first protective command on the same CAN bus.

The bench speaks for the battery of the example house: an alarm in 0x359 goes onto the bus, and the relay node's command
without its first coil comes back. A program keeps that contact closed, so the next trip needs nobody who asks. The
rule is the house's own, with the contact added and without its clearing time.

The floor is a bare relay through as many processes and the same kinds of socket: a frame onto the same bus, python-can
in one process, a Unix packet to a second one with the guardian's priority, back, and a frame. It is asked between the
trips, in the same seconds, while the product runs; trips and questions come at any time of the guardian's cycle. All
times are the bench's own, on one monotonic clock, from before the send to after the receive.
"""

from __future__ import annotations

import random
import select
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from bench_can import child, said
from can_traffic import FULL_PER_S, charge, flags, house_without, limits, measurement
from running_house import RunningHouse

from hil.can_frame import Frame, connect, pack_frame, unpack_frame
from hil.sim.relaynode_frames import COMMAND, STATUS

TRIPS = 200
TRIP_S = 1.0  # the longest that anything is waited for
CLOSE_S = 10.0  # until the contact has closed again
PAUSES_S = (0.01, 0.11)  # two cycles, so that each phase of one is as likely
ASK, ANSWER = 0x7A0, 0x7A1
HIGH_TEMPERATURE = 1 << 3  # in the first byte of 0x359
RULE = """    hold: 0 s
    unknown_after: 10 s
    clear: 30 s
    then: {wallbox.current: stop}
"""
QUICK_RULE = """    hold: 0 s
    unknown_after: 10 s
    clear: 0 s
    then: {wallbox.current: stop, relays.coil_1: stop}
"""
PROGRAM = """programs:
  socket_is_on:
    why: the bench wants a contact that closes by itself
    target: relays.coil_1
    in: [normal, degraded, orchestrator_lost]
    value: closed
"""
NEAR = """
import select, socket, sys, can
bus = can.Bus(interface="canhub", channel=sys.argv[1], ignore_config=True)
far, ask, answer = socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3]), int(sys.argv[4])
print("ready", flush=True)
while True:
    ready = select.select([bus, far], [], [])[0]
    if bus in ready and (message := bus.recv(0)) is not None and message.arbitration_id == ask:
        far.send(bytes(message.data))
    if far in ready:
        if not (packet := far.recv(64)):
            break  # the other one has ended
        bus.send(can.Message(arbitration_id=answer, data=packet, is_extended_id=False), timeout=1)
bus.shutdown()
"""
FAR = """
import os, socket, sys
try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
except OSError:
    pass
near = socket.socket(fileno=int(sys.argv[1]))
print("ready", flush=True)
while packet := near.recv(64):
    near.send(packet)
"""


class Wire:
    """The bench on the CAN bus."""

    def __init__(self, path: str) -> None:
        self._sock = connect(path, "bench")
        self.coil = self.contact = False  # as last commanded, and as last shown

    def close(self) -> None:
        self._sock.close()

    def send(self, frame: Frame) -> int:
        """Returns when (ns)."""
        packet = pack_frame(frame)
        at_ns = time.monotonic_ns()
        self._sock.send(packet)
        return at_ns

    def until(self, wanted: Callable[[Frame], bool], patience_s: float) -> int | None:
        """When the first such frame came (ns); None when none came in time."""
        end = time.monotonic() + patience_s
        while select.select([self._sock], [], [], max(end - time.monotonic(), 0))[0]:
            packet, at_ns = self._sock.recv(64), time.monotonic_ns()
            if not packet:
                raise RuntimeError("the CAN hub has gone away")
            frame = unpack_frame(packet)
            self._look(frame)
            if wanted(frame):
                return at_ns
        return None

    def _look(self, frame: Frame) -> None:
        if frame.can_id == COMMAND.can_id and not frame.extended:
            self.coil = bool(COMMAND.unpack(frame.data)["Coil1"])
        elif frame.can_id == STATUS.can_id and not frame.extended:
            self.contact = STATUS.unpack(frame.data)["Contact1"] == 1

    def well(self, dice: random.Random) -> None:
        """All that the battery says while nothing is wrong."""
        for frame in (limits(dice), charge(dice), measurement(dice), flags()):
            self.send(frame)


def trips(count: int = TRIPS) -> list[dict[str, object]]:
    """The rows of P3: on a quiet bus, and on a full one."""
    with tempfile.TemporaryDirectory() as folder, _running(Path(folder)) as running:
        path = str(running.dir / "can0.sock")
        with closing(Wire(path)) as bus, _relay(path):
            dice = random.Random(1)
            quiet = _measured(bus, dice, count)
            seconds = (PAUSES_S[1] + TRIP_S) * 2 * count  # more than it can take; it ends with the block
            with child("-m", "tests.bench.can_traffic", path, str(FULL_PER_S), str(int(FULL_PER_S * seconds)), "0"):
                full = _measured(bus, dice, (count + 1) // 2)
    return [_row("", "≤ the floor + 2 ms p50, + 6 ms p99", *quiet), _row(", bus full of strangers", "", *full)]


@contextmanager
def _running(folder: Path) -> Iterator[RunningHouse]:
    """The example house, its battery being the bench."""
    running = RunningHouse(start_product=False, house=str(house_without(folder, "battery")))
    try:
        rules = running.site / "10-limits.yaml"
        text = rules.read_text()
        if RULE not in text:
            raise RuntimeError("the rule battery_protecting of policies/uc001 is no longer the one that is edited here")
        rules.write_text(text.replace(RULE, QUICK_RULE))
        (running.site / "40-bench.yaml").write_text(PROGRAM)
        running.start_product()
        running.until(lambda: (running.dir / "guardian.sock").exists(), "the guardian listens")
        yield running
    finally:
        running.close()


@contextmanager
def _relay(path: str) -> Iterator[None]:
    """The two processes of the floor."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ExitStack() as children:
        with near, far:
            ids = (str(ASK), str(ANSWER))
            first = children.enter_context(child("-c", NEAR, path, str(near.fileno()), *ids, pass_fds=(near.fileno(),)))
            second = children.enter_context(child("-c", FAR, str(far.fileno()), pass_fds=(far.fileno(),)))
        said(first)
        said(second)
        yield


def _measured(bus: Wire, dice: random.Random, count: int) -> tuple[list[float], list[float], int]:
    """Milliseconds of the trips and of the floor, sorted, and how many trips nobody answered."""
    ours: list[float] = []
    floor: list[float] = []
    missed = 0
    for _ in range(count):
        _reset(bus, dice)
        began = bus.send(Frame(ASK, b"12345678"))
        ended = bus.until(lambda frame: frame.can_id == ANSWER, TRIP_S)
        floor += [(ended - began) / 1e6] if ended else []
        _pause(bus, dice)
        began = bus.send(flags(protection=HIGH_TEMPERATURE))
        ended = bus.until(lambda frame: frame.can_id == COMMAND.can_id and not bus.coil, TRIP_S)
        ours += [(ended - began) / 1e6] if ended else []
        missed += ended is None
    return sorted(ours), sorted(floor), missed


def _reset(bus: Wire, dice: random.Random) -> None:
    """The battery is well, the contact has closed, and nothing has come for a while. RuntimeError when it does not."""
    end = time.monotonic() + CLOSE_S
    while time.monotonic() < end:
        bus.well(dice)
        if bus.until(lambda _: bus.coil and bus.contact, 1.0):
            _pause(bus, dice)
            return
    raise RuntimeError(f"the contact did not close again within {CLOSE_S} s: a trip can be measured from closed only")


def _pause(bus: Wire, dice: random.Random) -> None:
    bus.until(lambda _: False, dice.uniform(*PAUSES_S))


def _row(where: str, must: str, ours: list[float], floor: list[float], missed: int) -> dict[str, object]:
    mine, bare = ([_part(times, share) for share in (50, 99)] for times in (ours, floor))
    return {
        "id": "P3",
        "what": f"alarm frame → first command that opens the contact, {len(ours)} trips, {missed} missed{where}",
        "measured": f"p50 {mine[0]:.2f} ms, p99 {mine[1]:.2f} ms",
        "must": must,
        "floor": f"bare relay p50 {bare[0]:.2f} ms, p99 {bare[1]:.2f} ms",
        "ratio": f"+{mine[0] - bare[0]:.2f} ms, +{mine[1] - bare[1]:.2f} ms",
    }


def _part(times: list[float], percent: int) -> float:
    return times[min(len(times) * percent // 100, len(times) - 1)] if times else float("nan")
