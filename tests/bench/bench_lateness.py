"""P5: how late the guardian comes to its deadlines while the gateway is flooded and the CAN bus is full.

The floor is a bare loop that sleeps until the same deadlines, at the same real-time priority, in the same seconds. Both
are measured in nanoseconds by a patch of the bench's own; the product counts in whole milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench_requests import TARGET, asked, house
from running_house import ROOT, RunningHouse, free_ports

QUIET_S, FLOOD_S = 15, 30
WISHES_PER_S, CONNECTIONS = 500, 48
STRANGERS_PER_S = 200
FRAMES_PER_S = 4_000  # what a bus of 500 kbit/s carries
Late = list[tuple[int, int]]  # (when, how late), both in ns

WATCH = """
import sys
if "guardian" in sys.orig_argv[3:5]:
    import atexit, json, os, time
    from supervisor.guardian import scan
    seen, plain = [], scan.Guardian._next
    def watched(self, deadline, started):
        now = time.monotonic_ns()
        seen.append((now, now - deadline * 1_000_000))
        return plain(self, deadline, started)
    scan.Guardian._next = watched
    atexit.register(lambda: open(os.environ["POWERWARDEN_BENCH_LATE"], "w").write(json.dumps(seen)))
"""
SLEEPER = """
import gc, json, os, sys, time
try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
except OSError:
    pass
gc.freeze()
seen, deadline, end = [], time.monotonic_ns(), time.monotonic_ns() + int(sys.argv[1]) * 1_000_000_000
while deadline < end:
    deadline += 50_000_000
    time.sleep(max(deadline - time.monotonic_ns(), 0) / 1e9)
    now = time.monotonic_ns()
    seen.append((now, now - deadline))
print(json.dumps(seen))
"""
BABBLER = """
import sys, time
from hil.can_frame import Frame, connect, pack_frame
bus, per_s, end = connect(sys.argv[1], "babbler"), int(sys.argv[2]), time.monotonic() + int(sys.argv[3])
packets = [pack_frame(Frame(0x700 + n % 64, bytes(8))) for n in range(64)]
sent, due = 0, time.monotonic()
while due < end:
    for _ in range(per_s // 200):
        try:
            bus.send(packets[sent % 64])
            sent += 1
        except BlockingIOError:
            break
    due += 0.005
    time.sleep(max(due - time.monotonic(), 0))
print(sent)
"""


def lateness() -> list[dict[str, object]]:
    """P5, quiet and flooded."""
    with tempfile.TemporaryDirectory() as folder, _watched(Path(folder)) as told:
        with house() as running, _gateway(running) as port:
            sleeper = _child(SLEEPER, str(QUIET_S + FLOOD_S + 1))
            began = _now_ns()
            asyncio.run(_pass(QUIET_S))
            flooded = _now_ns()
            skipped = _skipped(running)
            channel = str(running.dir / "can0.sock")
            babbler = _child(BABBLER, channel, str(FRAMES_PER_S), str(FLOOD_S))
            granted, strangers = asyncio.run(_flood(port))
            ended = _now_ns()
            skipped = _skipped(running) - skipped
            frames = int(babbler.communicate()[0])
            bare: Late = json.loads(sleeper.communicate()[0])
        ours: Late = json.loads(told.read_text())
    rates = (round(count / FLOOD_S) for count in (granted, strangers, frames))
    flood = "{} wishes, {} wrong tokens and {} frames a second".format(*rates)
    return [
        _row("quiet", ours, bare, began, flooded, ""),
        _row(
            f"flooded: {flood}; {skipped} cycles skipped",
            ours,
            bare,
            flooded,
            ended,
            "p99 ≤ 1.5 × the floor, none skipped",
        ),
    ]


async def _flood(port: int) -> tuple[int, int]:
    """How many wishes were granted, and how many strangers were turned away."""
    wishes = asked(port, WISHES_PER_S, FLOOD_S, CONNECTIONS)
    (_, verdicts), strangers = await asyncio.gather(wishes, _strangers(port))
    return verdicts.get("granted", 0), strangers


async def _strangers(port: int) -> int:
    """Wrong tokens, one after the other, from an address of their own: it is soon locked out, and only it."""
    refused, end_s = 0, time.monotonic() + FLOOD_S
    head = f"POST /v1/targets/{TARGET}/stop HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n"
    head += "Content-Length: 0\r\n\r\n"
    while time.monotonic() < end_s:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        for _ in range(50):
            writer.write(head.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line[15:]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:")
            )
            await reader.readexactly(length)
            refused += answer[9:12] in (b"401", b"429")
            await _pass(1 / STRANGERS_PER_S)
        writer.close()
    return refused


async def _pass(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    due: asyncio.Future[None] = loop.create_future()
    loop.call_later(seconds, due.set_result, None)
    await due


@contextmanager
def _watched(folder: Path) -> Iterator[Path]:
    """Every guardian that is started meanwhile writes down, when it ends, how late it was."""
    (folder / "sitecustomize.py").write_text(WATCH)
    before = dict(os.environ)
    os.environ |= {"PYTHONPATH": str(folder), "POWERWARDEN_BENCH_LATE": str(folder / "late.json")}
    try:
        yield folder / "late.json"
    finally:
        os.environ.clear()
        os.environ |= before


@contextmanager
def _gateway(running: RunningHouse) -> Iterator[int]:
    """A gateway whose door lets a flood through: what is measured is what stands behind it."""
    port = free_ports(1)
    command = [sys.executable, "-m", "supervisor.gateway.main", "--socket", str(running.dir / "guardian.sock")]
    command += ["--identity-rate", "5000", "--address-rate", "10000", "--listen", f"127.0.0.1:{port}"]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        running.until(lambda: _listens(port), "the second gateway")
        yield port
    finally:
        child.terminate()
        child.wait()


def _listens(port: int) -> bool:
    async def tried() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    return asyncio.run(tried())


def _child(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=subprocess.PIPE)


def _skipped(running: RunningHouse) -> int:
    return dict(running.until_seen(lambda _describe, _snapshot: True, "a picture").counters)["skipped_cycles"]


def _now_ns() -> int:
    return time.monotonic_ns()


def _row(what: str, ours: Late, bare: Late, begin_ns: int, end_ns: int, must: str) -> dict[str, object]:
    mine, floor = (sorted(ns for at_ns, ns in late if begin_ns <= at_ns < end_ns) for late in (ours, bare))
    parts = [(_part(mine, share), _part(floor, share)) for share in (50, 99)]
    return {
        "id": "P5",
        "what": f"lateness of {len(mine)} deadlines, {what}",
        "measured": f"p50 {parts[0][0]:.2f} ms, p99 {parts[1][0]:.2f} ms",
        "must": must,
        "floor": f"bare loop p50 {parts[0][1]:.2f} ms, p99 {parts[1][1]:.2f} ms",
        "ratio": f"{parts[1][0] / parts[1][1]:.1f}",
    }


def _part(times: list[int], percent: int) -> float:
    return times[min(len(times) * percent // 100, len(times) - 1)] / 1e6
