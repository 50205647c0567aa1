"""A bench of real relays lets go of them, whoever ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from loopback_parts import gateway, house_scene
from loopback_scenes import ROOT, let
from wired_child import RIG, SWITCH
from wired_parts import driven, lamps, small_computer

from hil.bench import wired as module
from hil.bench.relay_board import RelayBoard
from hil.bench.wired import PHRASE, WiredBench
from hil.scenario.model import ToDevice

CHILD = Path(__file__).with_name("wired_child.py")


def healthy(*_: str) -> tuple[int, bytes]:
    return 200, b"{}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_a_kill_and_a_closed_terminal_release_the_relays(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "pi").mkdir()
    with small_computer(tmp_path / "pi") as lines, gateway(healthy) as port:
        process = subprocess.Popen(
            [sys.executable, str(CHILD), str(tmp_path), str(port), lines],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"open\n"
            assert lamps(tmp_path / "pi")["lamp_1"] is True
            process.send_signal(number)
            assert process.wait(60) == 0
            assert process.stdout.read() == b"interrupted\n"
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
        assert ("write", 0) in driven(tmp_path / "pi")[-2:], "released, and then let go"
        assert lamps(tmp_path / "pi")["lamp_1"] is False


def test_the_relays_are_released_before_anything_else_ends_and_handlers_are_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pi").mkdir()
    boards: list[Kept] = []

    class Kept(RelayBoard):
        """Nobody collects it, so that nothing but `close` lets go of its lines."""

        def __init__(self, *parts: object) -> None:
            super().__init__(*parts)  # type: ignore[arg-type]
            boards.append(self)

    monkeypatch.setattr(module, "RelayBoard", Kept)
    before = signal.getsignal(signal.SIGTERM)
    with small_computer(tmp_path / "pi") as lines, gateway(healthy) as port:
        (tmp_path / "rig.yaml").write_text(RIG.replace("PORT", str(port)).replace("LINES", lines))
        bench = WiredBench(tmp_path / "rig.yaml", lambda _: PHRASE)
        try:
            bench.open(house_scene(tmp_path, house=SWITCH), 1)
            let(bench, 200, ToDevice("panel", {"set": "button", "value": 1}))
            assert lamps(tmp_path / "pi")["lamp_1"] is True
        finally:
            bench.close()
        assert len(boards) == 1
        assert lamps(tmp_path / "pi")["lamp_1"] is False
        assert signal.getsignal(signal.SIGTERM) is before
