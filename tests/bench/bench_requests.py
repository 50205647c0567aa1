"""P4: from a setpoint to its decision over HTTP, policy, lease and journal included.

The floor is a bare echo: the same server and router in a process of its own, which answers as many bytes at once. Both
are asked by the same client, one connection for ten a second and 48 for five hundred, each wish at its own time
whether or not the one before has been answered.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from running_house import ROOT, RunningHouse, free_ports

TARGET = "wallbox.current"
TOKEN = "demo-optimiser"
CALM_PER_S, CALM_S = 10, 20
FAST_PER_S, FAST_S, FAST_CONNECTIONS = 500, 10, 48
ECHO = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
ANSWER = b'{"verdict":"granted","value":10,"unit":"A","clauses":["' + b"x" * 440 + b'"]}'
async def echo(request):
    await request.body()
    return Response(ANSWER, media_type="application/json")
app = Starlette(routes=[Route("/v1/targets/{target}/setpoint", echo, methods=["PUT"])])
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, loop="uvloop", http="httptools")
"""


async def asked(port: int, per_s: int, seconds: int, connections: int) -> tuple[list[float], dict[str, int]]:
    """Milliseconds of each answer, and how many there were of each verdict."""
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for line in lines:
        free.put_nowait(line)
    times: list[float] = []
    verdicts: dict[str, int] = {}

    async def one(number: int, due_s: float) -> None:
        await _until(due_s)
        began = time.perf_counter()
        reader, writer = await free.get()
        writer.write(_request(number))
        status, body = await _answer(reader)
        free.put_nowait((reader, writer))
        times.append((time.perf_counter() - began) * 1_000)
        verdict = json.loads(body).get("verdict", str(status))
        verdicts[verdict] = verdicts.get(verdict, 0) + 1

    start_s = time.monotonic() + 0.2
    dice = random.Random(1)  # each in its own phase of the guardian's cycle, and not all in the same
    dues = [start_s + (n + dice.random()) / per_s for n in range(per_s * seconds)]
    await asyncio.gather(*(one(n, due_s) for n, due_s in enumerate(dues)))
    for _, writer in lines:
        writer.close()
    return sorted(times), verdicts


async def _until(due_s: float) -> None:
    """Until a time of the loop's clock, which is the monotonic one."""
    loop = asyncio.get_running_loop()
    due: asyncio.Future[None] = loop.create_future()
    loop.call_at(due_s, due.set_result, None)
    await due


def _request(number: int) -> bytes:
    body = json.dumps({"value": 6 + number % 8, "unit": "A", "kind": "live", "duration_s": 30}).encode()
    head = f"PUT /v1/targets/{TARGET}/setpoint HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:] if line)
    length = int(fields[b"content-length"])
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)


@contextmanager
def _process(*command: str) -> Iterator[None]:
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.terminate()
        child.wait()


def requests() -> list[dict[str, object]]:
    """P4 over HTTP, at ten and at five hundred wishes a second."""
    rows: list[dict[str, object]] = []
    with house() as running:
        echo_port = free_ports(2)
        gateway_port = echo_port + 1
        gateway = [sys.executable, "-m", "supervisor.gateway.main", "--socket", str(running.dir / "guardian.sock")]
        gateway += ["--identity-rate", "5000", "--address-rate", "10000", "--listen", f"127.0.0.1:{gateway_port}"]
        with _process(sys.executable, "-c", ECHO, str(echo_port)), _process(*gateway):
            _reachable(echo_port)
            _reachable(gateway_port)
            for per_s, seconds, connections, must in (
                (CALM_PER_S, CALM_S, 1, "p50 ≤ 2.5 ms, p99 ≤ 8 ms"),
                (FAST_PER_S, FAST_S, FAST_CONNECTIONS, "p50 ≤ 5 ms, no late cycle"),
            ):
                floor, _ = asyncio.run(asked(echo_port, per_s, seconds, connections))
                before = _counters(running)
                times, verdicts = asyncio.run(asked(gateway_port, per_s, seconds, connections))
                after = _counters(running)
                late = after["skipped_cycles"] - before["skipped_cycles"]
                said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
                rows.append(
                    {
                        "id": "P4",
                        "what": f"setpoint over HTTP, {per_s} a second ({said}; {late} cycles skipped)",
                        "measured": f"p50 {_part(times, 50):.2f} ms, p99 {_part(times, 99):.2f} ms",
                        "must": must,
                        "floor": f"echo p50 {_part(floor, 50):.2f} ms, p99 {_part(floor, 99):.2f} ms",
                        "ratio": f"{_part(times, 50) / _part(floor, 50):.1f}",
                    }
                )
    return rows


@contextmanager
def house() -> Iterator[RunningHouse]:
    running = RunningHouse(start_product=False)
    policy = running.site / "20-house.yaml"
    policy.write_text(policy.read_text().replace("    longest: 4 h\n", "    longest: 4 h\n    rate: 60000 per min\n"))
    network = running.site / "30-network.yaml"
    network.write_text(network.read_text().replace("rate: 240 per min", "rate: 60000 per min"))
    try:
        running.start_product()
        running.until_mode("normal")
        yield running
    finally:
        running.close()


def _counters(running: RunningHouse) -> dict[str, int]:
    return dict(running.until_seen(lambda _describe, _snapshot: True, "a picture").counters)


def _part(times: list[float], percent: int) -> float:
    return times[min(len(times) * percent // 100, len(times) - 1)]


def _reachable(port: int) -> None:
    async def until() -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await _until(time.monotonic() + 0.05)
                continue
            writer.close()
            return

    asyncio.run(asyncio.wait_for(until(), 10))
