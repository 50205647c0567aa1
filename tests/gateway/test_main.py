"""The process itself: it starts without a guardian, says where it serves, and ends cleanly."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from fake_guardian import SECONDS_MAX, FakeGuardian

from supervisor.gateway import main
from supervisor.gateway.main import Address, address

RSS_MAX = 45 * 2**20


def start(path: Path, listen: str = "127.0.0.1:0") -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "supervisor.gateway.main", "--socket", str(path), "--listen", listen]
    return subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str], wanted: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if wanted in line:
            return line
    raise AssertionError(f"it ended without saying {wanted!r}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_ends_with_0_when_told(tmp_path: Path, number: signal.Signals) -> None:
    with FakeGuardian(tmp_path / "g.sock") as guardian, start(guardian.path) as process:
        try:
            url = re.search(r"http://\S+", said(process, "serving on"))
            assert url is not None
            said(process, "connected to the guardian")
            assert httpx.get(f"{url[0]}/v1/state").json()["guardian"]["connected"] is True
            assert psutil.Process(process.pid).memory_info().rss <= RSS_MAX
            process.send_signal(number)
            assert process.wait(SECONDS_MAX) == 0
        finally:
            process.kill()


def test_a_port_in_use_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with start(tmp_path / "g.sock", listen) as process:
            _out, error = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 2
    assert error.count("\n") == 1
    assert f"{listen} is in use by another program" in error


@pytest.mark.parametrize("argv", [[], ["--socket"], ["--socket", "x", "--listen", "80"], ["--socket", "x", "--x"]])
def test_a_wrong_command_line_is_exit_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.run(argv)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_addresses_as_people_write_them() -> None:
    assert address("127.0.0.1:8080") == Address("127.0.0.1", 8080)
    assert str(address("[::1]:80")) == "[::1]:80"
    assert address("[::1]:80").is_loopback
    assert not address("0.0.0.0:80").is_loopback
    for wrong in ("8080", "host:", "host:x", "host:70000"):
        with pytest.raises(ValueError, match=re.escape(wrong)):
            address(wrong)
