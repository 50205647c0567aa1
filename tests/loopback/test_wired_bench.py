"""The bench of real hardware, with pseudo-terminals for its cables and a product that runs as if on another machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from loopback_scenes import let, normal, numbers, ours, until
from wired_parts import ROOT, Cable, cable, lamps, small_computer, touched

from hil.bench.processes import free_ports
from hil.bench.wired import PHRASE, WiredBench
from hil.house import load
from hil.scenario.model import Broker, Clock, PowerCut, Scenario, ToDevice, ToProcess, Wish
from hil.unix_socket import RigError

HOUSE = """\
title: A relay node and a meter
buses: [can0]
devices:
  relays: {sim: relaynode_can, bus: can0, contacts: 2, drop_out_ms: 2000}
  meter: {sim: sdm630_modbus, serial: pty}
"""
SITE = """\
site: A box under test
cycle: 50 ms
start_grace: 10 s
buses:
  can0: {kind: can, interface: slcan, channel: CAN_END, bitrate: 500 kbit/s, simulated: true}
  rs485: {kind: modbus, transport: rtu, device: SERIAL_END, baudrate: 9600, simulated: true}
devices:
  relays:
    driver: relaynode_can
    bus: can0
    options: {node: 1, contacts: 2, drop_out_ms: 2000}
    targets: {coil_1: {breaks_load: 0 s}, coil_2: {breaks_load: 0 s}}
  meter: {driver: sdm630_modbus, bus: rs485, options: {unit: 1}}
orchestrators:
  optimiser: {role: orchestrator, token_sha256: d30c2e15d5801ff8f788a306c7e49fc6e59ee840930c81c1f9491591e3b48ddb}
"""
POLICIES = """\
limits:
  gone:
    why: what nobody sees must not be relied on
    when: meter unseen
    hold: 1 s
    clear: 2 s
    house: degraded
permissions:
  lamp:
    why: to look at
    who: [optimiser]
    target: relays.coil_1
    from: open
    to: closed
    in: [normal, degraded]
    longest: 1 h
network:
  all:
    why: a bench
    rate: 240 per min
    targets:
      relays.coil_1: {from: open, to: closed, longest: 1 h, changes: 20 per h}
"""
RIG = """\
title: The table
product: PRODUCT
tokens: {optimiser: demo-optimiser}
can:
  can0: {interface: slcan, channel: CAN_END, bitrate: 500000}
serial:
  meter: {port: SERIAL_END}
relays:
  factory: linehub
  channel: LINES
  active: high
  lines: {lamp_1: 5, lamp_2: 6}
may_drive:
  - {can: can0, ids: [IDS], why: the relay node}
  - {serial: meter, why: the meter}
  - {relay: lamp_1, follows: "relays.closed[1]", load: lamp, volt: 12, why: contact 1}
"""
DAY = "2026-06-21T12:00"
STATUS_ID = 0x211  # dbc/relaynode_can.dbc


def scene(folder: Path) -> Scenario:
    (folder / "house.yaml").write_text(HOUSE)
    house = load(folder / "house.yaml")
    place = folder / "scene.yaml"
    return Scenario(
        "wired", "Wired", "a test", place, folder / "house.yaml", house, folder, (), ("bench",), 1, DAY, 0, (), ()
    )


def rig(folder: Path, port: int = 1, can: str = "/dev/none", serial: str = "/dev/none", lines: str = "none") -> Path:
    text = RIG.replace("PRODUCT", f"http://127.0.0.1:{port}").replace("LINES", lines)
    text = text.replace("CAN_END", can).replace("SERIAL_END", serial).replace("IDS", hex(STATUS_ID))
    (folder / "rig.yaml").write_text(text)
    return folder / "rig.yaml"


@contextmanager
def box_under_test(folder: Path, port: int, can: Cable, serial: Cable) -> Iterator[None]:
    """The product, with a site of its own that knows the far ends of the cables and nothing of the rig."""
    site = folder / "site"
    site.mkdir()
    (site / "site.yaml").write_text(SITE.replace("CAN_END", can.ends[1]).replace("SERIAL_END", serial.ends[1]))
    (site / "10-policies.yaml").write_text(POLICIES)
    words = ["run", str(site), "--run-dir", str(folder / "box"), "--listen", f"127.0.0.1:{port}"]
    with (folder / "box.out").open("wb") as log:
        command = [sys.executable, "-m", "supervisor.cli", *words]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def test_a_lamp_shows_what_the_box_commands_over_real_wires(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    (tmp_path / "pi").mkdir()
    with (
        cable() as can,
        cable() as serial,
        small_computer(tmp_path / "pi") as lines,
        box_under_test(tmp_path, port, can, serial),
    ):
        asked: list[str] = []
        wires = rig(tmp_path, port, can.ends[0], serial.ends[0], lines)

        def agrees(text: str) -> str:
            asked.append(text)
            wires.write_text(wires.read_text().replace(hex(STATUS_ID), "0x7ff"))  # what was read is what counts
            return PHRASE

        bench = WiredBench(wires, agrees)
        try:
            bench.open(scene(tmp_path), 1)
            assert len(asked) == 1
            assert "relay lamp_1: switches a lamp of 12 V as relays.closed[1]" in asked[0]
            ready = until(bench, 0, normal)
            assert not any(lamps(tmp_path / "pi").values())
            wish = Wish("optimiser", "set", "relays.coil_1", 1.0, "flag", "setting", 60.0)
            lit = until(bench, ready[-1].at_ms, lambda moment: moment.facts["relays.closed"] == [True, False], wish)
            assert lamps(tmp_path / "pi") == {"lamp_1": True, "lamp_2": False, "button": False}
            assert numbers(lit, "relays.writes")[-1] > 1
            for action in (ToProcess("guardian", "kill"), Clock(60), PowerCut(1), Broker(False)):
                with pytest.raises(RigError, match=r"loopback|virtual"):
                    bench.do(action)
            let(bench, lit[-1].at_ms + 200, ToDevice("meter", {"fault": "silent"}))
        finally:
            bench.close()
        assert not any(lamps(tmp_path / "pi").values()), "a run that ends releases all relays"
        assert touched(tmp_path / "pi") == {5}


@pytest.mark.parametrize("typed", ["", "yes", "nothing but lamps and a pump"])
def test_nothing_is_opened_before_a_person_has_confirmed(typed: str, tmp_path: Path) -> None:
    bench, before = WiredBench(rig(tmp_path), lambda _: typed), len(ours())
    with pytest.raises(RigError, match="not confirmed, so nothing was opened"):
        bench.open(scene(tmp_path), 1)
    assert len(ours()) == before


def test_a_file_that_has_changed_since_it_was_judged_opens_nothing(tmp_path: Path) -> None:
    wires = rig(tmp_path)
    bench, before = WiredBench(wires, lambda _: PHRASE), len(ours())
    wires.write_text(wires.read_text().replace(hex(STATUS_ID), "0x7ff"))
    with pytest.raises(RigError, match=r"rig.yaml has been changed in the meantime; run the scenario again"):
        bench.open(scene(tmp_path), 1)
    assert len(ours()) == before


def test_nobody_at_the_keyboard_is_no_confirmation(tmp_path: Path) -> None:
    def nobody(_: str) -> str:
        raise EOFError

    with pytest.raises(RigError, match="not confirmed"):
        WiredBench(rig(tmp_path), nobody).open(scene(tmp_path), 1)


@pytest.mark.skipif(
    os.environ.get("POWERWARDEN_RIG_LOOPBACK") != "1",
    reason="starts a whole house only to see it end: POWERWARDEN_RIG_LOOPBACK=1 runs it",
)
def test_an_adapter_that_is_missing_ends_the_opening_with_its_reason(tmp_path: Path) -> None:
    with cable() as serial:
        bench, before = WiredBench(rig(tmp_path, serial=serial.ends[0]), lambda _: PHRASE), len(ours())
        with pytest.raises(RigError, match=r"(?s)bridge_can0 did not start.*slcan /dev/none: cannot be opened"):
            bench.open(scene(tmp_path), 1)
        assert len(ours()) == before
