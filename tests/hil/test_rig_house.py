"""House files and real processes: a house is started once, used over its wires, and stopped.

Readiness is a pipe that the house writes to; nothing here sleeps, and every wait has an end.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import can
import psutil
import pytest
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

from hil.cli import main
from hil.house import HOUSES, built_in, find, load
from hil.line_hub import HubFactory, LinesGone
from hil.sim.relaynode_frames import command_frame
from hil.unix_socket import RigError, ask

PATIENCE_S = 30.0
HOUSE_STEMS = sorted(path.stem for path in HOUSES.glob("*.yaml"))


@dataclass(frozen=True)
class Running:
    """A house that has said that it is ready."""

    process: subprocess.Popen[str]
    run_dir: str
    port: int

    def pids(self) -> dict[str, int]:
        return {path.stem: int(path.read_text()) for path in Path(self.run_dir).glob("*.pid")}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def start(house: str, run_dir: Path) -> Running:
    read_end, write_end = os.pipe()
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "hil.cli",
            "house",
            house,
            "--dir",
            str(run_dir),
            "--port-base",
            str(port),
            "--ready-fd",
            str(write_end),
        ],
        pass_fds=(write_end,),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.close(write_end)
    try:
        readable, _, _ = select.select([read_end], [], [], PATIENCE_S)
        said = os.read(read_end, 16) if readable else b"nothing"
    finally:
        os.close(read_end)
    if said != b"ready\n":
        process.kill()
        pytest.fail(f"the house said {said!r}: {process.communicate()[0]}")
    return Running(process, str(run_dir), port)


@pytest.fixture
def small(run_dir: Path) -> Iterator[Running]:
    running = start("small", run_dir)
    yield running
    running.process.terminate()
    running.process.communicate(timeout=PATIENCE_S)


def test_a_house_is_usable_over_its_wires_and_tells_what_it_saw(small: Running) -> None:
    tcp = ModbusTcpClient("127.0.0.1", port=small.port, timeout=2, retries=0)
    assert tcp.connect()
    assert not tcp.write_registers(299, [10], device_id=1).isError()
    assert tcp.read_holding_registers(299, count=1, device_id=1).registers == [10]
    tcp.close()
    writes = ask(small.run_dir, "wallbox", {"get": "writes"})
    assert (writes["count"], writes["writes"][0]["values"]) == (1, [10])  # type: ignore[index]
    traced = [json.loads(line) for line in Path(small.run_dir, "wallbox.trace.jsonl").read_text().splitlines()]
    assert [(line["what"], line["address"], line["values"]) for line in traced] == [("write", 299, [10])]

    line = ModbusSerialClient(f"{small.run_dir}/meter.tty", timeout=2, retries=0)
    assert line.connect()
    assert len(line.read_input_registers(0, count=54, device_id=1).registers) == 54
    line.close()

    with can.Bus(interface="canhub", channel=f"{small.run_dir}/can0.sock", name="tester") as bus:
        frame = command_frame(1, 0b1, 1, 4)
        bus.send(can.Message(arbitration_id=frame.can_id, data=frame.data, is_extended_id=False))
        status = bus.recv(PATIENCE_S)
        assert status is not None
        assert status.arbitration_id == 0x211
    assert ask(small.run_dir, "relays", {"get": "state"})["state"]["coils_commanded"] == 1  # type: ignore[index]


def test_faults_by_command_and_errors_with_their_remedy(small: Running, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--dir", small.run_dir]
    assert main(["fault", "relays", "welded", "contact=2", *at]) == 0
    assert json.loads(capsys.readouterr().out)["active"] == [{"fault": "welded", "contact": 2}]
    assert main(["fault", "relays", "clear", *at]) == 0
    assert json.loads(capsys.readouterr().out)["active"] == []
    assert main(["set", "plant", "load_w", "1234", *at]) == 0
    assert main(["state", "plant", *at]) == 0
    assert '"load_w": [\n      1234.0' in capsys.readouterr().out
    assert main(["fault", "relays", "welded", "two", *at]) == 2
    assert "NAME=VALUE" in capsys.readouterr().err
    assert main(["fault", "oven", "silent", *at]) == 2
    assert "there runs: meter, plant, relays, wallbox" in capsys.readouterr().err
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE_S)
        sock.connect(f"{small.run_dir}/meter.ctl")
        sock.sendall(b"nonsense\n")
        assert b"one JSON object on one line" in sock.recv(1000)


def test_a_house_stops_cleanly_even_with_a_stopped_child(run_dir: Path) -> None:
    running = start("small", run_dir)
    pids = running.pids()
    assert set(pids) == {"can0", "plant", "meter", "relays", "wallbox"}
    os.kill(pids["meter"], signal.SIGSTOP)
    running.process.send_signal(signal.SIGINT)
    log, _ = running.process.communicate(timeout=PATIENCE_S)
    assert running.process.returncode == 0, log
    assert log == "ready\n"
    assert sorted(path.suffix for path in run_dir.iterdir() if path.suffix != ".jsonl") == []
    assert not any(psutil.pid_exists(pid) for pid in pids.values())


def test_a_dead_device_is_told_and_not_restarted(run_dir: Path) -> None:
    running = start("small", run_dir)
    assert running.process.stdout is not None
    os.kill(running.pids()["meter"], signal.SIGKILL)
    assert running.process.stdout.readline() == "ready\n"
    assert running.process.stdout.readline() == "meter| has ended (killed by SIGKILL); nothing is restarted\n"
    assert ask(running.run_dir, "relays", {"get": "state"})["ok"]
    running.process.terminate()
    running.process.communicate(timeout=PATIENCE_S)


def test_the_children_die_with_a_house_that_is_killed(run_dir: Path) -> None:
    running = start("small", run_dir)
    children = [psutil.Process(pid) for pid in running.pids().values()]
    running.process.kill()
    running.process.communicate(timeout=PATIENCE_S)  # ends when the last child has closed the log
    for child in children:
        if child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
            child.wait(PATIENCE_S)
    again = start("small", run_dir)  # what the killed ones left lying about is no obstacle
    again.process.terminate()
    again.process.communicate(timeout=PATIENCE_S)


def test_a_second_house_in_the_same_directory_is_refused(small: Running) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "hil.cli", "house", "small", "--dir", small.run_dir],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert found.returncode == 2
    assert "already listens here" in found.stdout
    assert "did not start" in found.stderr


@pytest.mark.parametrize("name", built_in())
def test_every_house_that_comes_along_can_be_built(name: str) -> None:
    for entry in load(find(name)).entries:
        assert entry.make(0).control({"get": "state"}, 0)["ok"]


def test_the_first_use_case_is_as_agreed_and_its_ports_can_be_moved() -> None:
    house = load(HOUSES / "uc001.yaml", 20000)
    assert [(entry.name, entry.family) for entry in house.entries] == [
        ("battery", "pylontech_can"),
        ("relays", "relaynode_can"),
        ("meter", "sdm630_modbus"),
        ("wallbox", "goe_modbus"),
    ]
    assert [entry.link.number for entry in house.entries if entry.link.kind == "tcp"] == [20000, 20001]
    assert [entry.link.number for entry in load(HOUSES / "uc001.yaml").entries[2:]] == [15020, 15021]


PANEL = """\
buses: [can0]
lines: [gpio0]
devices:
  relays: {sim: relaynode_can, bus: can0}
  panel:
    sim: panel_gpio
    lines: gpio0
    inputs: "estop=5 stop nc, aux_1=19 contact nc follows relays.1"
    outputs: "lamp=22 lamp active_low"
"""


def test_a_house_with_a_panel_is_usable_over_its_lines(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house = run_dir / "panel.yaml"
    house.write_text(PANEL)
    running = start(str(house), run_dir)
    factory = HubFactory(run_dir / "gpio0.sock")
    try:
        estop, aux, lamp = (factory.pin(number) for number in (5, 19, 22))
        estop.input_with_pull("up")
        aux.input_with_pull("up")
        lamp.output_with_state(1)
        assert (estop.state, aux.state) == (False, False)
        assert main(["set", "panel", "estop", "1", "--dir", str(run_dir)]) == 0
        assert estop.state is True, "the level was pushed before the command was answered"
        ask(str(run_dir), "relays", {"fault": "foreign", "contact": 1})
        deadline = time.monotonic() + PATIENCE_S
        while not aux.state and time.monotonic() < deadline:
            select.select([factory._sock], [], [], PATIENCE_S)  # until a level has been pushed
        assert aux.state is True, "by way of the plant"
        writes = ask(str(run_dir), "panel", {"get": "writes"})["writes"]
        assert [(write["line"], write["do"], write["after"]) for write in writes][-1] == (22, "output", 1)  # type: ignore[attr-defined]
    finally:
        running.process.terminate()
        log = running.process.communicate(timeout=PATIENCE_S)[0]
    assert log == "ready\n"
    with pytest.raises(LinesGone):
        _ = estop.state
    factory.close()


GOOD = """\
title: A house
buses: [can0]
lines: [gpio0]
devices:
  relays:
    sim: relaynode_can
    bus: can0
    contacts: 4
  meter: {sim: sdm630_modbus, tcp: "127.0.0.1:15020"}
  panel: {sim: panel_gpio, lines: gpio0, inputs: "estop=5 stop nc"}
plant: {pv_w: 100}
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("contacts: 4", "contacts: four", ":8: devices.relays.contacts: Expected `int`"),
        ("contacts: 4", "kontacts: 4", ":8: devices.relays.kontacts: Object contains unknown field"),
        ("contacts: 4", "contacts: 9", ":5: devices.relays: node must be 1 to 15"),
        (
            "sim: relaynode_can",
            "sim: toaster",
            ":6: devices.relays.sim: no simulator 'toaster'; there are pylontech_can",
        ),
        ("bus: can0", "bus: can1", ":7: devices.relays.bus: no bus 'can1'; `buses` lists can0"),
        ("bus: can0", "serial: pty", ":5: devices.relays: relaynode_can needs exactly one of: bus"),
        ('"127.0.0.1:15020"', "15020", ":9: devices.meter"),
        ('"127.0.0.1:15020"', '"nowhere"', ":9: devices.meter.tcp: tcp is HOST:PORT"),
        ("relays:", "Relays:", ":5: devices.Relays: a name is"),
        ("relays:", "plant:", ":5: devices.plant: 'plant' is taken"),
        ("pv_w: 100", "pv_w: much", ":11: plant.pv_w: Expected `float`"),
        ("buses: [can0]", "busses: [can0]", ":2: busses: Object contains unknown field"),
        ("title: A house", "title: [", "cannot be read"),
        ("lines: gpio0", "lines: gpio1", ":10: devices.panel.lines: no lines 'gpio1'; `lines` lists gpio0"),
        ("lines: gpio0, inputs", "bus: can0, inputs", ":10: devices.panel: panel_gpio needs exactly one of: lines"),
        ("lines: [gpio0]", "lines: [gpio0, gpio1]", ":3: lines: gpio1 needs exactly one panel, and has none"),
        ("lines: [gpio0]", "lines: [can0]", ":2: buses: 'can0' is taken"),
        ("  panel:", "  gpio0:", ":10: devices.gpio0: 'gpio0' is taken"),
        (
            "plant:",
            "  twin: {sim: panel_gpio, lines: gpio0}\nplant:",
            ":3: lines: gpio0 needs exactly one panel, and has panel, twin",
        ),
        ("5 stop nc", "5 stop", ":10: devices.panel: 'estop=5 stop': a stop must be nc"),
    ],
)
def test_an_error_in_a_house_names_its_line(run_dir: Path, old: str, new: str, told: str) -> None:
    path = run_dir / "house.yaml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(RigError) as caught:
        load(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_good_house_is_good(run_dir: Path) -> None:
    (run_dir / "house.yaml").write_text(GOOD)
    assert len(load(run_dir / "house.yaml").entries) == 3


def test_a_serial_number_beside_tcp_is_no_wire(run_dir: Path) -> None:
    inverter = "  inverter: {sim: sunspec_modbus, tcp: 127.0.0.1:15041, serial: INV1}"
    (run_dir / "house.yaml").write_text(f"devices:\n{inverter}\n")
    (entry,) = load(run_dir / "house.yaml").entries
    assert (entry.link.kind, entry.options.serial) == ("tcp", "INV1")  # type: ignore[attr-defined]


def test_an_unknown_house_tells_the_known_ones() -> None:
    with pytest.raises(RigError, match=", ".join(HOUSE_STEMS)):
        find("palace")


def test_list_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("pylontech_can", "welded contact=1", f"houses: {', '.join(HOUSE_STEMS)}"))
