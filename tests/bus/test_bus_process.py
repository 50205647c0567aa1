"""A bus process as a whole: a real guardian's socket on one side, a real line on the other, signals in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import can
import pytest
from bus_toys import PATIENCE_S, Guardian, count, readable
from test_bus_can import running_hub

from supervisor.kernel.signal import Quality
from supervisor.wire import PROTOCOL, Role

HERE = Path(__file__).parent


@contextmanager
def child(kind: str, guardian: Guardian, *settings: str, observe: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, str(HERE / "bus_child.py"), kind, guardian.path, str(int(observe)), *settings]
    process = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(HERE.parents[1])}, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@dataclass
class Line:
    """The far end of a pseudo-terminal."""

    far: int
    near: int

    @property
    def path(self) -> str:
        return os.ttyname(self.near)

    def hear(self) -> bytes:
        """The next complete line."""
        data = b""
        while not data.endswith(b"\n"):
            assert readable(self.far), f"nothing came after {data!r}"
            data += os.read(self.far, 1)
        return data


@pytest.fixture
def line() -> Iterator[Line]:
    far, near = os.openpty()
    tty.setraw(near)
    yield Line(far, near)
    os.close(far)
    os.close(near)


@pytest.fixture
def guardian(tmp_path: Path) -> Iterator[Guardian]:
    made = Guardian(tmp_path / "guardian.sock")
    yield made
    made.close()


def end(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(PATIENCE_S)


def test_it_says_who_it_is_reports_its_link_and_brings_samples(guardian: Guardian, line: Line) -> None:
    with child("serial", guardian, f"device={line.path}", "baudrate=9600") as process:
        hello = guardian.accept()
        assert (hello.role, hello.name, hello.protocol, hello.digest) == (Role.BUS, "bus0", PROTOCOL, "digest")
        assert hello.pid == process.pid
        guardian.report(lambda report: report.link == "up")
        assert line.hear() == b"?\n"
        os.write(line.far, b"L7")
        sample = guardian.samples(0)
        assert (sample.value, sample.quality) == (7, Quality.GOOD)


def test_sigterm_says_the_silence_image_and_ends_in_order(guardian: Guardian, line: Line) -> None:
    with child("serial", guardian, f"device={line.path}", "baudrate=9600") as process:
        guardian.accept()
        guardian.report(lambda report: report.link == "up")
        guardian.say({0: 16_000})
        assert [line.hear(), line.hear()] == [b"?\n", b"limit 16000\n"]
        assert end(process) == 0
        assert line.hear() == b"limit 6000\n"


def test_sigterm_before_any_image_says_nothing(guardian: Guardian, line: Line) -> None:
    with child("serial", guardian, f"device={line.path}", "baudrate=9600") as process:
        guardian.accept()
        assert line.hear() == b"?\n"
        assert end(process) == 0
        assert not readable(line.far, 0)


def test_a_guardian_that_stops_talking_leads_to_the_silence_image(guardian: Guardian, line: Line) -> None:
    with child("serial", guardian, f"device={line.path}", "baudrate=9600"):
        guardian.accept()
        guardian.report(lambda report: report.link == "up")
        guardian.say({0: 16_000})
        assert [line.hear() for _ in range(3)] == [b"?\n", b"limit 16000\n", b"limit 6000\n"]
        guardian.report(lambda report: count(report, "toy", "silence") == 1)


def test_it_carries_on_with_a_new_guardian(guardian: Guardian, line: Line) -> None:
    with child("serial", guardian, f"device={line.path}", "baudrate=9600"):
        guardian.accept()
        assert line.hear() == b"?\n"
        guardian.hang_up()
        guardian.accept()
        guardian.report(lambda report: report.link == "up")
        guardian.cycle = 0
        guardian.say({0: 7_000})
        assert line.hear() == b"limit 7000\n"
        os.write(line.far, b"L3")
        assert guardian.samples(0).value == 3


def test_a_process_that_was_stopped_says_nothing_old(guardian: Guardian, line: Line) -> None:
    with child("serial", guardian, f"device={line.path}", "baudrate=9600") as process:
        guardian.accept()
        guardian.report(lambda report: report.link == "up")
        assert line.hear() == b"?\n"
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        guardian.say({0: 16_000}, valid_ms=-1)
        process.send_signal(signal.SIGCONT)
        guardian.report(lambda report: count(report, "bus0", "expired") == 1)
        assert not readable(line.far, 0)


def test_what_is_no_word_of_the_protocol_ends_the_connection_and_not_the_process(
    guardian: Guardian, line: Line
) -> None:
    with child("serial", guardian, f"device={line.path}", "baudrate=9600"):
        guardian.accept()
        assert guardian.sock is not None
        with guardian.sock as first:
            first.send(b"\xc1 nonsense")
            assert guardian.accept().name == "bus0"


def test_in_observe_a_bus_tells_what_it_would_have_written(guardian: Guardian, line: Line) -> None:
    with child("serial", guardian, f"device={line.path}", "baudrate=9600", observe=True) as process:
        guardian.accept()
        guardian.report(lambda report: report.link == "observing")
        guardian.say({0: 16_000})
        guardian.report(lambda report: count(report, "toy", "would_write") >= 1)
        assert line.hear() == b"?\n"
        assert end(process) == 0
        assert not readable(line.far, 0)


def test_can_from_the_wire_to_the_guardian_and_back(guardian: Guardian, tmp_path: Path) -> None:
    channel = str(tmp_path / "can0.sock")
    settings = ("interface=canhub", f"channel={channel}", "bitrate=500000")
    with running_hub(channel), child("can", guardian, *settings) as process:
        guardian.accept()
        guardian.report(lambda report: report.link == "up")
        with can.Bus(interface="canhub", channel=channel) as peer:
            peer.send(can.Message(arbitration_id=0x100, data=b"\x02\x01", is_extended_id=False))
            assert guardian.samples(0).value == 20
            peer.send(can.Message(arbitration_id=0x321, is_extended_id=False))
            guardian.report(lambda report: count(report, "bus0", "unknown_id") == 1)
            guardian.say({0: 16_000})
            said = peer.recv(PATIENCE_S)
            assert said is not None
            assert (said.arbitration_id, bytes(said.data)) == (0x200, (16_000).to_bytes(2, "big"))
            assert end(process) == 0
            last = peer.recv(PATIENCE_S)
            assert last is not None
            assert bytes(last.data) == (6_000).to_bytes(2, "big")


def test_a_missing_line_is_reported_and_does_not_end_the_process(guardian: Guardian, tmp_path: Path) -> None:
    with child("serial", guardian, f"device={tmp_path / 'nothing'}", "baudrate=9600") as process:
        guardian.accept()
        report = guardian.report(lambda report: "cannot open" in report.detail)
        assert report.link == "down"
        assert end(process) == 0
