"""P6 and P7: what the whole product costs with the example house, and how fast it starts.

The floor of memory is a bare interpreter for each process; the floor of starting is an interpreter that imports the
same third-party packages and ends; the floor of idle cost is the same number of processes that only wake up at T.
"""

from __future__ import annotations

import compileall
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from running_house import ROOT, RunningHouse, now_ms

WATCH_S = 20.0
IDLE = "import time\nn = time.monotonic()\nwhile True:\n    n += 0.05\n    time.sleep(max(n - time.monotonic(), 0))\n"
IMPORTS = (
    "import msgspec, yaml, statemachine, can, cantools, pymodbus.client, starlette.applications, uvicorn, rich.live"
)


@contextmanager
def house() -> Iterator[RunningHouse]:
    running = RunningHouse(start_product=False)
    try:
        yield running
    finally:
        running.close()


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def idle_cost() -> list[dict[str, object]]:
    """Memory and idle CPU, by process and together."""
    with house() as running:
        running.start_product()
        running.until_mode("normal")
        assert running.product is not None
        top = psutil.Process(running.product.pid)
        processes = [top, *top.children(recursive=True)]
        floor_mb, floor_cpu = _idle_floor(len(processes))
        _wait(2)
        before = [_spent(p) for p in processes]
        _wait(WATCH_S)
        spent = [(_spent(p) - was) / WATCH_S * 100 for p, was in zip(processes, before, strict=True)]
        memory = [p.memory_info().rss / 1e6 for p in processes]
        names = [_name(p) for p in processes]
        written = sum(path.stat().st_size for path in (running.dir / "journal").iterdir())
        up_s = time.time() - top.create_time()
    guardian = names.index("guardian")
    rows: list[dict[str, object]] = [
        _p6(
            "guardian, memory",
            f"{memory[guardian]:.0f} MB",
            "≤ 60 MB",
            f"{floor_mb / len(names):.0f} MB bare",
            memory[guardian] / floor_mb * len(names),
        ),
        _p6(
            f"all {len(names)} processes, memory",
            f"{sum(memory):.0f} MB",
            "≤ 220 MB",
            f"{floor_mb:.0f} MB bare",
            sum(memory) / floor_mb,
        ),
        _p6(
            "all processes, idle CPU",
            f"{sum(spent):.1f} %",
            "≤ 6 % of a core",
            f"{floor_cpu:.1f} % bare loops",
            sum(spent) / floor_cpu,
        ),
        {
            "id": "P6",
            "what": "journal",
            "measured": f"{written / up_s * 86_400 / 1e6:.0f} MB a day",
            "must": "≤ 50 MB a day",
        },
    ]
    rows += [
        {"id": "", "what": f"  of these {name}", "measured": f"{mb:.0f} MB, {cpu:.1f} %"}
        for name, mb, cpu in zip(names, memory, spent, strict=True)
    ]
    return rows


def _p6(what: str, measured: str, must: str, floor: str, ratio: float) -> dict[str, object]:
    return {"id": "P6", "what": what, "measured": measured, "must": must, "floor": floor, "ratio": f"{ratio:.1f}"}


def _idle_floor(count: int) -> tuple[float, float]:
    """Memory (MB) and CPU (%) of as many interpreters that do nothing but wake up every 50 ms."""
    processes = [subprocess.Popen([sys.executable, "-c", IDLE]) for _ in range(count)]
    try:
        _wait(0.5)
        watched = [psutil.Process(p.pid) for p in processes]
        before = sum(_spent(p) for p in watched)
        _wait(4)
        cpu = (sum(_spent(p) for p in watched) - before) / 4 * 100
        return sum(p.memory_info().rss for p in watched) / 1e6, cpu
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _name(process: psutil.Process) -> str:
    words = process.cmdline()
    return words[-1] if words[3:4] == ["bus"] else words[3]


def start_times() -> list[dict[str, object]]:
    """Cold start to the first complete cycle and to the first granted setpoint, compiled as an installer leaves it."""
    compileall.compile_dir(str(ROOT), maxlevels=6, quiet=2, rx=re.compile(r"[/\\](\.venv|build|\.git)[/\\]"))
    floors = [_import_floor() for _ in range(3)]
    first, granted = [], []
    for _ in range(3):
        with house() as running:
            began = now_ms()
            running.start_product()
            running.until(lambda r=running: "first cycle complete" in r.log("product"), "the first cycle")
            first.append((now_ms() - began) / 1000)
            running.until(lambda r=running: _granted(r), "a granted setpoint")
            granted.append((now_ms() - began) / 1000)
    floor = min(floors)
    return [
        _p7("cold start → first complete cycle", min(first), "≤ 1.0 s", floor),
        _p7("cold start → serving setpoints", min(granted), "≤ 2.5 s", floor),
    ]


def _granted(running: RunningHouse) -> bool:
    """Does somebody with a token get an answer of the guardian to a wish for 6 A? Which one is the house's business."""
    try:
        body = {"value": 6, "unit": "A", "kind": "live", "duration_s": 5}
        code, answer = running.http("PUT", "/v1/targets/wallbox.current/setpoint", body)
    except OSError:
        return False
    return code == 200 and answer["verdict"] == "granted"


def _import_floor() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return time.perf_counter() - start


def _p7(what: str, seconds: float, must: str, floor: float) -> dict[str, object]:
    measured, base = f"{seconds:.2f} s (best of 3)", f"{floor:.2f} s to import the libraries"
    return {
        "id": "P7",
        "what": what,
        "measured": measured,
        "must": must,
        "floor": base,
        "ratio": f"{seconds / floor:.1f}",
    }
