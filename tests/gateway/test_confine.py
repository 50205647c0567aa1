"""What the gateway's process has given up by the time it serves, and what its service unit takes away besides."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from test_main import said, start

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "powerwarden-gateway.service"
SCORE_MAX = 2.0


def test_a_serving_gateway_can_gain_no_rights_leave_no_core_and_grow_without_end(tmp_path: Path) -> None:
    with start(tmp_path / "g.sock") as process:
        try:
            said(process, "serving on")
            proc = Path("/proc") / str(process.pid)
            status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
            limits = {line[:26].strip(): line[26:].split()[:2] for line in (proc / "limits").read_text().splitlines()}
        finally:
            process.kill()
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Umask"].strip() == "0077"
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max open files"] == ["1024", "1024"]
    assert limits["Max address space"] == [str(1024**3)] * 2


def test_the_unit_is_as_closed_as_systemd_can_make_it() -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not here: install systemd to have the unit's hardening checked")
    command = [tool, "security", "--offline=true", "--no-pager", str(UNIT)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    score = re.search(r"Overall exposure level for \S+: ([\d.]+)", ended.stdout)
    assert score is not None, ended.stdout + ended.stderr
    assert float(score[1]) <= SCORE_MAX


def test_the_unit_serves_as_a_user_of_its_own_with_the_guardians_socket_and_ip_alone() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNIT)
    service = unit["Service"]
    assert service["User"] == service["Group"] == "powerwarden-gateway"
    assert set(service["RestrictAddressFamilies"].split()) == {"AF_UNIX", "AF_INET", "AF_INET6"}
    assert "powerwarden-gateway" in UNIT.with_suffix(".sysusers").read_text()
