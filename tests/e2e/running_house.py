"""A whole house for a test: the rig's devices and the product, as processes of their own, on loopback and Unix sockets.

The tests watch three things: the wire (the rig's traces and what its devices say of themselves), the guardian's own
picture (as a view), and the gateway. Nothing here sleeps for a time and hopes: every wait has a condition and an end.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from hil.house import find, load
from hil.unix_socket import ask
from supervisor import view, wire

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "policies" / "uc001"
START_S = 30.0


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def free_ports(count: int) -> int:
    """The first of ``count`` neighbouring loopback ports that are free now."""
    for base in range(20_000 + os.getpid() % 10_000, 60_000, count):
        socks = [socket.socket() for _ in range(count)]
        try:
            for offset, sock in enumerate(socks):
                sock.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        finally:
            for sock in socks:
                sock.close()
        return base
    raise RuntimeError("no free ports")


class RunningHouse:
    """``rig`` and ``product`` are the two top processes; every other one is their child."""

    def __init__(
        self,
        observe: bool = False,
        start_product: bool = True,
        start_rig: bool = True,
        house: str = "uc001",
        example: Path = EXAMPLE,
        edits: Mapping[str, str] | None = None,
    ) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="pw-"))
        self.ports = sorted({entry.link.number for entry in load(find(house)).entries if entry.link.kind == "tcp"})
        span = self.ports[-1] - self.ports[0] + 1 if self.ports else 1
        self.port = free_ports(span + 1)
        self.listen = self.port + span
        self.url = f"http://127.0.0.1:{self.listen}"
        self.site = self._site(example, edits or {})
        self.observe = observe
        self.rig: subprocess.Popen[bytes] | None = None
        if start_rig:
            self.start_rig(house)
        self.product: subprocess.Popen[bytes] | None = None
        if start_product:
            self.start_product()

    def _site(self, example: Path, edits: Mapping[str, str]) -> Path:
        site = self.dir / "site"
        shutil.copytree(example, site)
        text = (site / "site.yaml").read_text()
        for port in self.ports:
            text = text.replace(f"port: {port}", f"port: {self.port + port - self.ports[0]}")
        for old, new in edits.items():
            text = text.replace(old, new)
        (site / "site.yaml").write_text(text)
        return site

    def _spawn(self, name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        log = (self.dir / f"{name}.out").open("ab")
        with log:
            return subprocess.Popen([sys.executable, *arguments], stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)

    def start_rig(self, house: str = "uc001") -> None:
        """Start the rig's house and wait until all its devices listen."""
        place = ["--dir", str(self.dir), "--port-base", str(self.port)]
        self.rig = self._spawn("rig", ["-m", "hil.cli", "house", house, *place])
        self.until(lambda: "ready" in self.log("rig"), "the rig is ready")

    def start_product(self) -> None:
        listen = ["--listen", f"127.0.0.1:{self.listen}", *(["--observe"] if self.observe else [])]
        command = ["-m", "supervisor.cli", "run", str(self.site), "--run-dir", str(self.dir), *listen]
        self.product = self._spawn("product", command)

    def log(self, name: str) -> str:
        return (self.dir / f"{name}.out").read_text(errors="replace")

    # ---- waiting ---------------------------------------------------------------------------------------------------
    def until(self, condition: Callable[[], Any], what: str, timeout_s: float = START_S) -> Any:
        """Ask again and again, a hundred times a second at most, until ``condition`` holds; its value is returned."""
        pause = threading.Event()
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            pause.wait(0.01)
        raise AssertionError(f"never within {timeout_s} s: {what}\n{self._tails()}")

    def until_mode(self, mode: str, timeout_s: float = START_S) -> wire.Snapshot:
        """The first picture in which the house is in ``mode``."""
        return self.until_seen(lambda _, snapshot: snapshot.mode == mode, f"house mode {mode}", timeout_s)

    def until_seen(
        self, condition: Callable[[wire.Describe, wire.Snapshot], bool], what: str, timeout_s: float = START_S
    ) -> wire.Snapshot:
        end = time.monotonic() + timeout_s
        for frame in view.frames(str(self.dir / "guardian.sock")):
            if not isinstance(frame, str) and condition(*frame):
                return frame[1]
            if time.monotonic() > end:
                break
        raise AssertionError(f"never within {timeout_s} s: {what}\n{self._tails()}")

    def _tails(self) -> str:
        return "\n".join(
            f"--- {name}\n{self.log(name)[-2500:]}"
            for name in ("rig", "product")
            if (self.dir / f"{name}.out").exists()
        )

    # ---- the wire --------------------------------------------------------------------------------------------------
    def state(self, device: str) -> dict[str, Any]:
        reply = ask(str(self.dir), device, {"get": "state"})
        state = reply["state"]
        assert isinstance(state, dict)
        return state

    def writes(self, device: str) -> list[dict[str, Any]]:
        """Every write or command frame that reached the device, with its time in monotonic ms."""
        return [entry for entry in self.trace(device) if entry.get("what") == "write"]

    def trace(self, name: str) -> list[dict[str, Any]]:
        lines = (self.dir / f"{name}.trace.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines if line.endswith("}")]

    def fault(self, device: str, **request: Any) -> None:
        reply = ask(str(self.dir), device, request)
        assert reply["ok"], reply

    # ---- the network -----------------------------------------------------------------------------------------------
    def http(
        self, method: str, path: str, body: object | None = None, token: str = "demo-optimiser"
    ) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=5) as reply:
                return reply.status, _decoded(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, _decoded(error.read())

    def healthy(self) -> bool:
        """Does the gateway answer, with a guardian behind it?"""
        try:
            return self.http("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def metrics(self) -> dict[str, float]:
        """Every sample of /metrics by its full name with labels."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=5) as reply:
            lines = reply.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def set(self, target: str, value: float, unit: str, kind: str = "live", duration_s: float = 60) -> dict[str, Any]:
        body = {"value": value, "unit": unit, "kind": kind, "duration_s": duration_s}
        code, answer = self.http("PUT", f"/v1/targets/{target}/setpoint", body)
        assert code == 200, (code, answer)
        assert isinstance(answer, dict)
        return answer

    # ---- processes -------------------------------------------------------------------------------------------------
    def process(self, part: str) -> psutil.Process:
        """A process by what it serves: guardian, gateway, can0, lan; or a simulator by its device's name."""
        for top in (self.product, self.rig):
            for child in psutil.Process(top.pid).children(recursive=True) if top else ():
                try:
                    words = child.cmdline()
                except psutil.Error:  # it has just ended
                    continue
                if part in words[3:4] or (words[3:4] in (["bus"], ["sim"], ["hub"]) and part in words[4:]):
                    return child
        raise LookupError(part)

    def kill(self, part: str) -> int:
        """kill -9; returns when (monotonic ms)."""
        self.process(part).send_signal(signal.SIGKILL)
        return now_ms()

    @contextmanager
    def stopped(self, part: str) -> Iterator[int]:
        """SIGSTOP, and SIGCONT at the end; yields when it was stopped (monotonic ms)."""
        process = self.process(part)
        process.send_signal(signal.SIGSTOP)
        try:
            yield now_ms()
        finally:
            process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End both top processes, which end their children; forget the folder."""
        for top in (self.product, self.rig):
            if top is not None and top.poll() is None:
                top.send_signal(signal.SIGTERM)
                try:
                    top.wait(timeout=15)
                except subprocess.TimeoutExpired:
                    top.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")


@contextmanager
def running_house(observe: bool = False) -> Iterator[RunningHouse]:
    house = RunningHouse(observe)
    try:
        house.until(house.healthy, "the gateway answers")
        yield house
    finally:
        house.close()
