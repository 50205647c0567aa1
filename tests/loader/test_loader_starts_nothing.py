"""A bad document ends every verb before anything has been started: real processes, and what they leave behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from loader_slips import LIMITS, ROOT, SITE, Slip, copy_of_example, make

WITHOUT_UNIT = Slip(SITE, "fuse: 35 A", "fuse: 35", ("'35' has no unit",))
WITHOUT_WHY = Slip(
    LIMITS, "    why: contacts that nobody sees must not be relied on\n", "", ("'why'",), at="relays_lost:"
)
NOT_YAML = Slip(LIMITS, "    hold: 500 ms", "\thold: 500 ms", ("indent with spaces",))
MAYBE = Slip(SITE, "cycle: 50 ms", "cycle: 50 ms\nobserve: maybe  # HERE", ("true, false",))


def powerwarden(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "supervisor.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("verb", "wrong"),
    [("run", WITHOUT_UNIT), ("run", WITHOUT_WHY), ("run", NOT_YAML), ("run", MAYBE), ("guardian", WITHOUT_UNIT)],
    ids=["run, no unit", "run, no why", "run, no YAML", "run, a flag of maybe", "guardian, no unit"],
)
def test_a_bad_document_ends_the_process_and_leaves_nothing_behind(verb: str, wrong: Slip, tmp_path: Path) -> None:
    site, run = copy_of_example(tmp_path), tmp_path / "run"
    line = make(wrong, site)
    ended = powerwarden(verb, site, "--run-dir", run)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"powerwarden: {site / wrong.file}:{line}: ")
    assert ended.stderr.count("\n") == 1
    assert wrong.says[0] in ended.stderr
    assert not list(run.rglob("*"))  # no socket, no journal, no log


def test_a_bus_process_refuses_the_same_document(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    make(WITHOUT_UNIT, site)
    ended = powerwarden("bus", site, "can0", "--run-dir", tmp_path / "run")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert not (tmp_path / "run").exists()


def test_a_bus_that_the_site_does_not_have_is_refused_with_those_that_it_has(tmp_path: Path) -> None:
    ended = powerwarden("bus", copy_of_example(tmp_path), "can9", "--run-dir", tmp_path / "run")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "has no bus 'can9'; it has can0, lan" in ended.stderr


def test_a_site_that_is_not_there_starts_nothing(tmp_path: Path) -> None:
    ended = powerwarden("run", tmp_path / "nowhere", "--run-dir", tmp_path / "run")
    assert ended.returncode == 2
    assert f"{tmp_path / 'nowhere' / SITE}:1: is not there" in ended.stderr
    assert not (tmp_path / "run").exists()


def test_a_good_site_is_checked_and_nothing_is_started(tmp_path: Path) -> None:
    ended = powerwarden("check", copy_of_example(tmp_path))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "may run. 0 errors" in ended.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["house"]
