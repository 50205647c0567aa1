"""Nothing is left over of a loopback bench, however it ends; and nothing is started that would reach anything real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
from loopback_scenes import ROOT, ours, scene, until_gone

from hil.bench.loopback import LoopbackBench
from hil.bench.processes import Processes, running
from hil.unix_socket import RigError

CHILD = Path(__file__).with_name("loopback_child.py")
GONE_WITHIN_S = 60.0  # a launcher gives each of its children some seconds, and the machine may be busy


@contextmanager
def an_open_bench_in_a_process(
    *words: str, **env: str
) -> Iterator[tuple[subprocess.Popen[bytes], list[psutil.Process]]]:
    """A process with an open bench, and everything that descends from it."""
    process = subprocess.Popen(
        [sys.executable, str(CHILD), *words],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), **env},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # whoever runs in the background ignores it
    )
    assert process.stdout is not None
    family: list[psutil.Process] = []
    try:
        assert process.stdout.readline() == b"open\n"
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 10
        yield process, family
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
        left = until_gone(family, GONE_WITHIN_S)
        for child in family:  # a bench that fails here must not leave anything on this machine either
            with suppress(psutil.NoSuchProcess):
                child.kill()
        assert left == []


def test_ctrl_c_leaves_nothing_behind_not_even_a_halted_process() -> None:
    with an_open_bench_in_a_process("halt") as (process, family):
        process.send_signal(signal.SIGINT)
        assert process.wait(GONE_WITHIN_S) == 0
        assert process.stdout is not None
        assert process.stdout.read() == b"interrupted\n"
        assert until_gone(family, 0) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_is_told_to_end_or_whose_terminal_is_closed_ends_in_order(number: signal.Signals) -> None:
    with TemporaryDirectory(prefix="t") as folder, an_open_bench_in_a_process(TMPDIR=folder) as (process, family):
        assert len(os.listdir(folder)) == 1
        process.send_signal(number)
        assert process.wait(GONE_WITHIN_S) == 0
        assert until_gone(family, 0) == []
        assert os.listdir(folder) == []


def test_a_bench_whose_own_process_is_killed_leaves_nothing_behind() -> None:
    with an_open_bench_in_a_process() as (process, family):
        process.kill()
        process.wait()
        assert until_gone(family, GONE_WITHIN_S) == []


def refused(edits: Mapping[str, str]) -> str:
    """What the bench says to a site with these edits; nothing may be left of the attempt."""
    bench, before = LoopbackBench(), {child.pid for child in ours()}
    with pytest.raises(RigError) as caught:
        bench.open(scene(edits), 1)
    assert {child.pid for child in ours()} == before
    return str(caught.value)


def test_a_site_that_the_product_refuses_is_told_in_its_own_words() -> None:
    said = refused({"cycle: 50 ms": "cycle: 50 A"})
    assert "the product ended with code 2; its last words:" in said
    assert "site.yaml:4" in said


def test_an_edit_whose_text_is_nowhere_is_an_error() -> None:
    assert refused({"cycle: 51 ms": "cycle: 50 ms"}).startswith("a_scene.yaml: edits: no document of")


REAL = {
    "another machine": ({"host: 127.0.0.1, port: 15020": "host: 192.0.2.7, port: 502"}, "site.yaml:28: devices.meter"),
    "a port of somebody else": ({"port: 15020": "port: 15999"}, "site.yaml:28: devices.meter.options.port"),
    "a real adapter": ({"interface: canhub": "interface: socketcan"}, "site.yaml:8: buses.can0.interface"),
    "another house's bus": ({'"{run}/can0.sock"': "/tmp/can0.sock"}, "site.yaml:8: buses.can0.channel"),
    "a way out of the run directory": (
        {'"{run}/can0.sock"': '"{run}/../../dev/can0"'},
        "site.yaml:8: buses.can0.channel",
    ),
    "a real serial line": (
        {"{kind: modbus, transport: tcp": "{kind: modbus, transport: rtu, device: /dev/ttyUSB0"},
        "site.yaml:9: buses.lan.device",
    ),
    "real pins": (
        {"buses:\n": "buses:\n  pins: {kind: gpio, factory: lgpio, channel: 0}\n"},
        "site.yaml:8: buses.pins.factory",
    ),
}


@pytest.mark.parametrize("what", REAL)
def test_a_site_that_could_reach_something_real_is_never_started(what: str) -> None:
    edits, where = REAL[what]
    said = refused(edits)
    assert where in said
    assert "touches nothing real" in said


def test_a_site_whose_verdict_would_change_with_the_hour_is_never_started() -> None:
    said = refused({"start_grace: 10 s": 'schedules: {night: {zone: Europe/Berlin, on: ["mon..sun 22:00 .. 02:30"]}}'})
    assert "site.yaml:5: schedules: this bench has the machine's own time of day" in said
    assert "benches: [virtual]" in said


def test_a_process_that_is_not_ours_is_never_signalled(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        processes, found = Processes(tmp_path), running(stranger.pid)
        assert found is not None
        with pytest.raises(RigError, match="none of this bench"):
            processes.signal(found, signal.SIGKILL)
        processes.close()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.communicate()
