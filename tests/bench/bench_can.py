"""P2: what a CAN bus at full load of 500 kbit/s costs its bus process, and what it loses.

The floor is a bare loop on the same bus in the same seconds: python-can's ``recv``, and cantools' ``decode`` of each
frame that the tables know. CPU is user and system time of the whole process, so ours includes the images of the
guardian and the commands to the node. Lost is what the rig's hub took from the sender and the bus process never
counted; the hub keeps 4,096 frames for who is slow.

A battery and a relay node say 16 frames a second together. Of the first mix it is 200 of 4,000, with values that change
each time, of the second half: no house has that, but it shows what a frame costs that has to be understood.
"""

from __future__ import annotations

import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil
from can_traffic import FULL_PER_S, house_without
from running_house import ROOT, RunningHouse

from supervisor import wire

LOAD_S, QUIET_S = 15, 4
FRAMES_IN = ("can0", "frames_in")
PATIENCE_S = 10.0  # until all has been counted, and for a child to end
MIXES = (50, 500)  # of a thousand frames, those of devices of the house
FINE = ("frames_in", "frames_out", "unknown_id", "partial")  # what is counted on the best of buses, too
BARE = """
import resource, signal, sys, can, cantools
tables = {}
for name in ("relaynode_can", "pylontech_can"):
    tables |= {message.frame_id: message for message in cantools.database.load_file(f"dbc/{name}.dbc").messages}
bus = can.Bus(interface="canhub", channel=sys.argv[1], ignore_config=True)
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
def spent():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
print("ready", flush=True)
before, heard, commands = spent(), 0, 0
while not ended:
    message = bus.recv(0.2)
    if message is not None:
        heard += 1
        if not message.is_extended_id and message.arbitration_id in tables:
            commands += message.arbitration_id == 0x210
            tables[message.arbitration_id].decode(message.data, allow_truncated=True)
bus.shutdown()
print(heard - commands, spent() - before, flush=True)
"""
Counts = dict[tuple[str, str], int]


class Load(NamedTuple):
    """What one full load came to: frames, and seconds of time and of CPU."""

    sent: int
    took_s: float
    heard: int
    spent_s: float
    bare_heard: int
    bare_s: float
    quiet_s: float  # of CPU in one second without a frame
    odd: int  # frames in which something was wrong, and samples that nobody took
    skipped: int  # cycles of the guardian


def can_load(seconds: int = LOAD_S, mixes: Sequence[int] = MIXES) -> list[dict[str, object]]:
    """The rows of P2, three of each mix."""
    with tempfile.TemporaryDirectory() as folder:
        house = house_without(Path(folder), "battery", "relays")
        loads = [(of_1000, _loaded(house, of_1000, seconds)) for of_1000 in mixes]
    return [row for of_1000, load in loads for row in _rows(of_1000, load)]


def _loaded(house: Path, of_1000: int, seconds: int) -> Load:
    """A product of its own, and one full load of it."""
    running = RunningHouse(start_product=False, house=str(house))
    try:
        running.start_product()
        running.until_seen(lambda _, picture: _link(picture) == "up", "the CAN bus is open")
        channel = str(running.dir / "can0.sock")
        process = running.process("can0")
        with child("-c", BARE, channel) as bare:
            said(bare)  # it is ready
            idle_s = _spent(process)
            threading.Event().wait(QUIET_S)
            (counts, skipped), begin_s = _counted(running), _spent(process)
            quiet_s = (begin_s - idle_s) / QUIET_S
            rates = (str(FULL_PER_S), str(FULL_PER_S * seconds), str(of_1000))
            with child("-m", "tests.bench.can_traffic", channel, *rates) as sender:
                sent, took_s = said(sender, seconds + 2 * PATIENCE_S).split()
            after, skipped_then = _counted(running, counts.get(FRAMES_IN, 0) + int(sent))
            spent_s = _spent(process) - begin_s
            bare.terminate()
            bare_heard, bare_s = said(bare).split()
        grown = {key: count - counts.get(key, 0) for key, count in after.items()}
        odd = sum(count for (_, kind), count in grown.items() if kind not in FINE)
        ours = (grown.get(FRAMES_IN, 0), spent_s, int(bare_heard), float(bare_s), quiet_s)
        return Load(int(sent), float(took_s), *ours, odd, skipped_then - skipped)
    finally:
        running.close()


def _rows(of_1000: int, load: Load) -> list[dict[str, object]]:
    a_frame, bare = (s / max(n, 1) * 1e6 for s, n in ((load.spent_s, load.heard), (load.bare_s, load.bare_heard)))
    share, bare_share = (s / load.took_s * 100 for s in (load.spent_s, load.bare_s))
    what = f"{load.sent / load.took_s:.0f} CAN frames a second, {of_1000 / 10:g} % of them of our devices"
    aside = f"{load.quiet_s * 100:.1f} % when quiet; {load.skipped} cycles skipped"
    lost = f"{load.sent - load.heard} of {load.sent}"
    return [
        _row(f"{what}: lost ({load.odd} odd)", lost, "0", f"{load.sent - load.bare_heard}", ""),
        _row(
            f"the same: CPU of the bus process ({aside})", f"{share:.1f} %", "≤ 15 % of a core", f"{bare_share:.1f} %"
        ),
        _row(
            "the same: CPU a frame", f"{a_frame:.1f} µs", "≤ 3.0 × the floor", f"{bare:.1f} µs", f"{a_frame / bare:.1f}"
        ),
    ]


def _row(what: str, measured: str, must: str, floor: str, ratio: str = "") -> dict[str, object]:
    return {"id": "P2", "what": what, "measured": measured, "must": must, "floor": floor, "ratio": ratio}


# ---- what is counted -------------------------------------------------------------------------------------------------
def _link(picture: wire.Snapshot) -> str:
    return next(bus.link for bus in picture.buses if bus.name == "can0")


def _counted(running: RunningHouse, frames: int = 0) -> tuple[Counts, int]:
    """The counters of the CAN bus and the guardian's skipped cycles, as soon as so many frames have been counted or
    nobody waits any longer for them."""
    newest: list[wire.Snapshot] = []

    def all_there(_describe: wire.Describe, picture: wire.Snapshot) -> bool:
        newest[:] = [picture]
        return _counts(picture).get(FRAMES_IN, 0) >= frames

    with suppress(AssertionError):  # it lost some
        running.until_seen(all_there, "all frames are counted", PATIENCE_S)
    return _counts(newest[0]), dict(newest[0].counters)["skipped_cycles"]


def _counts(picture: wire.Snapshot) -> Counts:
    bus = next(bus for bus in picture.buses if bus.name == "can0")
    return {(name, kind): count for name, kind, count in bus.counters}


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


# ---- children --------------------------------------------------------------------------------------------------------
@contextmanager
def child(*arguments: str, pass_fds: tuple[int, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """A Python process of the bench's own; it has ended when the block has."""
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, pass_fds=pass_fds
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def said(process: subprocess.Popen[str], patience_s: float = PATIENCE_S) -> str:
    """The child's next line. RuntimeError when there is none in time."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], patience_s)[0] or not (line := process.stdout.readline()):
        raise RuntimeError(f"a child of the bench said nothing within {patience_s} s: {process.args!r}")
    return line.strip()
