"""Whoever cannot be looked at is told, whenever and however it went; what is counted is counted once."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from loopback_parts import HouseOnly, gateway, house_only, house_scene
from loopback_scenes import let, ours, part, scene

from hil.bench import lookout as module
from hil.bench.broker import LocalBroker
from hil.bench.lookout import Gone, Lookout
from hil.bench.loopback import PRODUCT, LoopbackBench
from hil.bench.world import World
from hil.scenario.model import Action, Broker, PowerCut, Scenario, ToDevice, ToProcess
from hil.unix_socket import RigError

STATE = b'{"ok": true, "t": 5, "state": {"on": true}}\n'


@contextmanager
def a_device(folder: Path, *answers: bytes) -> Iterator[None]:
    """A control socket that gives these answers, one to each line that it hears; b"" hangs up. Beside it a plant."""
    (folder / "lamp.trace.jsonl").touch()
    threads = []
    servers = []
    for name, says in (("lamp", answers), ("plant", (STATE,) * 9)):
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(os.fspath(folder / f"{name}.ctl"))
        server.listen()
        servers.append(server)
        threads.append(threading.Thread(target=_answer, args=(server, says)))
        threads[-1].start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
        for thread in threads:
            thread.join(5)


def _answer(server: socket.socket, says: tuple[bytes, ...]) -> None:
    with suppress(OSError):  # nobody came, or nobody waited for the answer
        talk, _ = server.accept()
        with talk, talk.makefile("rb") as lines:
            for answer in says:
                if not lines.readline() or not answer:
                    return
                talk.sendall(answer)
            lines.readline()


def test_a_device_that_hangs_up_is_gone(tmp_path: Path) -> None:
    with a_device(tmp_path, STATE, b""):
        lookout = Lookout(tmp_path, ["lamp"])
        assert lookout.facts()["lamp.on"] is True
        with pytest.raises(Gone, match="lamp hung up"):
            lookout.facts()
        with pytest.raises(Gone, match="lamp hung up"):
            lookout.ask("lamp", {"get": "state"})
        lookout.close()


def test_a_device_that_says_nothing_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.05)
    with a_device(tmp_path, b" "):
        lookout = Lookout(tmp_path, ["lamp"])
        with pytest.raises(Gone, match=r"lamp has not answered for 0.05 s"):
            lookout.facts()
        lookout.close()


def test_a_device_that_is_not_there_is_gone(tmp_path: Path) -> None:
    with pytest.raises(Gone, match="lamp cannot be asked"):
        Lookout(tmp_path, ["lamp"])


def test_what_a_device_refuses_is_told(tmp_path: Path) -> None:
    with a_device(tmp_path, b'{"ok": false, "t": 1, "error": "lamp: no such fault"}\n'):
        lookout = Lookout(tmp_path, ["lamp"])
        with pytest.raises(RigError, match="lamp: no such fault"):
            lookout.ask("lamp", {"fault": "melted"})
        lookout.close()


def test_writes_are_counted_on_when_a_trace_begins_anew(tmp_path: Path) -> None:
    trace = tmp_path / "lamp.trace.jsonl"
    write = json.dumps({"what": "write"}) + "\n"
    with a_device(tmp_path, STATE, STATE):
        trace.write_text(write * 3 + '{"what": "wri')
        lookout = Lookout(tmp_path, ["lamp"])
        assert lookout.facts()["lamp.writes"] == 3
        trace.write_text(write)
        assert lookout.facts()["lamp.writes"] == 4
        lookout.close()


# ---- a house without a product --------------------------------------------------------------------------------------
def test_a_house_has_the_scenarios_time_of_day_as_on_the_virtual_bench(tmp_path: Path) -> None:
    scenario = house_scene(tmp_path, "2026-06-21T07:30")
    world = World(scenario.house, 1, 0)
    world.control("plant", {"set": "wall", "value": scenario.wall})
    virtual = dict(world.facts(["plant"]))["plant.sun_elevation_deg"]
    with house_only(scenario) as bench:
        real = let(bench, 100)[-1].facts["plant.sun_elevation_deg"]
    assert real == pytest.approx(virtual, abs=0.2)


@pytest.mark.parametrize("name", ["can0", "battery", "plant"])
def test_whoever_dies_before_the_first_look_or_after_the_last_is_told(name: str, tmp_path: Path) -> None:
    with house_only(house_scene(tmp_path)) as bench:
        part(name).kill()
        with pytest.raises(RigError, match=rf"(?s){name} .*last words:"):
            let(bench, 0 if name == "can0" else 100)


def test_a_device_that_is_gone_when_something_happens_to_it_is_told(tmp_path: Path) -> None:
    with house_only(house_scene(tmp_path)) as bench:
        process = part("battery")
        process.kill()
        psutil.wait_procs([process], 10)
        with pytest.raises(RigError, match=r"(?s)the device battery hung up; its last words:\n +battery\| has ended"):
            bench.do(ToDevice("battery", {"fault": "silent"}))


def test_a_device_that_lives_and_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.5)
    with house_only(house_scene(tmp_path)) as bench:
        let(bench, 200)
        part("battery").suspend()
        with pytest.raises(RigError, match=r"the device battery has not answered for 0.5 s; its last words"):
            let(bench, 2_000)


# ---- a product that is none -----------------------------------------------------------------------------------------
LAUNCHER = """
import subprocess, sys
while True:
    subprocess.run([sys.executable, "-m", "sleeper", "guardian"])
    sys.stdin.read()
"""


class Sleeping(HouseOnly):
    """Its product is one process that sleeps; a launcher would start it again when somebody writes."""

    def _start_product(self) -> None:
        self._ours.start(PRODUCT, ["env", f"PYTHONPATH={self.folder}", sys.executable, "-c", LAUNCHER])

    def _wait_for_product(self) -> None:
        while not self._guards[PRODUCT].parts():
            assert not self._ours.ended(PRODUCT), self._ours.last_words(PRODUCT)

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        (folder / "sleeper.py").write_text("import signal\nsignal.pause()\n")


@contextmanager
def sleeping(folder: Path) -> Iterator[Sleeping]:
    bench = Sleeping(folder)
    bench.open(house_scene(folder), 1)
    try:
        yield bench
    finally:
        bench.close()


def test_what_is_stopped_is_halted_and_what_is_resumed_runs(tmp_path: Path) -> None:
    with sleeping(tmp_path) as bench:
        bench.do(ToProcess("guardian", "stop"))
        while part("guardian").status() != psutil.STATUS_STOPPED:
            pass
        let(bench, 700)
        bench.do(ToProcess("guardian", "resume"))
        assert part("guardian").status() != psutil.STATUS_STOPPED
        let(bench, 800)


def test_a_part_that_the_product_lost_is_told_at_the_next_look_at_the_latest(tmp_path: Path) -> None:
    with sleeping(tmp_path) as bench:
        let(bench, 100)
        process = part("guardian")
        process.send_signal(signal.SIGKILL)
        psutil.wait_procs([process], 10)
        with pytest.raises(RigError, match="guardian has ended by itself"):
            let(bench, 200)


class Noted(LocalBroker):
    """A broker that only notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def start(self) -> None:
        self.told.append("start")

    def stop(self) -> None:
        self.told.append("stop")

    def check(self) -> None:
        """Always there."""


class WithBroker(HouseOnly):
    """A bench with that broker."""

    def _prepare(self, scenario: Scenario, seed: int, run_dir: Path) -> None:
        super()._prepare(scenario, seed, run_dir)
        self._broker = self.noted = Noted()


@pytest.mark.parametrize(
    ("before", "meanwhile", "told"),
    [
        ([], [], ["start", "stop", "start"]),
        ([Broker(up=False)], [], ["start", "stop", "stop"]),
        ([], [Broker(up=False)], ["start", "stop"]),
        ([Broker(up=False)], [Broker(up=True)], ["start", "stop", "stop", "start"]),
    ],
)
def test_a_broker_comes_back_with_the_power_unless_it_is_gone(
    before: list[Action], meanwhile: list[Action], told: list[str], tmp_path: Path
) -> None:
    bench = WithBroker()
    bench.open(house_scene(tmp_path), 1)
    noted = bench.noted
    try:
        let(bench, 300, *before, PowerCut(0.2), *meanwhile)
    finally:
        bench.close()
    assert noted.told == told


class Taken(LoopbackBench):
    """A bench whose gateway's port has been taken by somebody else in the meantime."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    def _prepare(self, scenario: Scenario, seed: int, run_dir: Path) -> None:
        super()._prepare(scenario, seed, run_dir)
        self._listen, self.url = self.port, f"http://127.0.0.1:{self.port}"


def test_another_ones_gateway_is_not_taken_for_the_products() -> None:
    before = {child.pid for child in ours()}
    with gateway(lambda *_: (200, b"{}")) as port, pytest.raises(RigError, match=f"port {port} is somebody else's"):
        Taken(port).open(scene(), 1)
    assert {child.pid for child in ours()} == before
