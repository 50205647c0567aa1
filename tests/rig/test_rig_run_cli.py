"""The verbs that run scenarios, as a user types them: what they print, what they write, and how they end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hil.cli import main
from hil.rig_select import select, spoken_name
from hil.scenario.read import SCENARIOS, built_in
from hil.unix_socket import RigError

ROOT = Path(__file__).parents[2]
FILE = """\
title: The car charges
why: a wish is granted
hazards: [H05]
house: uc001
site: {site}
benches: {benches}
length: {length} s
timeline: [{{at: 1 s, ask: {{as: optimiser, set: wallbox.current, to: 10 A, kind: live, for: 20 s}}}}]
expect:
  - {{always: wallbox.offered_a <= {limit}, why: what was asked for}}
"""


def write(folder: Path, name: str, length: int = 5, limit: int = 16, benches: str = "[virtual, loopback]") -> Path:
    text = FILE.format(site=ROOT / "policies" / "uc001", length=length, limit=limit, benches=benches)
    (folder / f"{name}.yaml").write_text(text, "utf-8")
    return folder / f"{name}.yaml"


def test_a_scenario_that_holds_on_the_virtual_bench_ends_with_0_and_one_that_does_not_with_1_and_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = write(tmp_path, "good"), write(tmp_path, "bad", limit=-1)
    out = str(tmp_path / "out")
    assert main(["run", str(good), "--out", out]) == 0
    assert "all 1 held" in capsys.readouterr().out
    assert main(["run", str(tmp_path), "--out", out]) == 1
    said = capsys.readouterr().out
    assert "1 of 2 did not hold" in said
    assert said.count("repeat: ") == 1
    command = re.search("repeat: powerwarden-rig (.*)", said)
    assert command is not None
    assert main([*command[1].split(), "--out", out]) == 1
    assert bad.stem in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"index.html", "bad.virtual.html", "junit.xml"}


def test_a_wrong_file_ends_with_2_and_its_line_and_nothing_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "good")
    wrong = write(tmp_path, "wrong")
    wrong.write_text(wrong.read_text("utf-8").replace("wallbox.offered_a", "wallbox.offred_a"), "utf-8")
    assert main(["run", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr()
    assert "wrong.yaml:10" in told.err
    assert told.out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["run", "no_such_scenario"], "no_such_scenario"),
        (["run", "faults:nowhere"], "no such house"),
        (["run", "--filter", "H31"], "H31"),
        (["run", "--bench", "loopback", "--jobs", "2"], "--jobs is for the virtual bench"),
        (["run", "lease_ends", "--bench", "bench"], "choose another --bench"),
    ],
)
def test_a_word_that_is_wrong_is_one_clear_error(
    words: list[str], what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert what in error
    assert "Traceback" not in error


def test_the_wired_bench_needs_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wired = write(tmp_path, "wired", benches="[bench]")
    assert main(["run", str(wired), "--bench", "bench", "--out", str(tmp_path / "out")]) == 2
    assert "--rig rig.yaml" in capsys.readouterr().err


def test_a_scenario_that_is_not_for_the_bench_is_left_out_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "good")
    write(tmp_path, "real_ones_only", benches="[loopback]")
    assert main(["run", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    assert "not for this bench (it names loopback): real_ones_only" in capsys.readouterr().out


def test_each_name_that_the_rig_says_means_that_scenario_again(tmp_path: Path) -> None:
    for scenario in [*select([]), *select(["faults:uc001:*meter_s*"]), *select(["pairs:uc001:*meter_silent_*"])[:1]]:
        [again] = select([spoken_name(scenario)])
        assert (again.name, again.path) == (scenario.name, scenario.path)
    own = select([str(write(tmp_path, "mine"))])[0]
    assert select([spoken_name(own)])[0].path.resolve() == own.path.resolve()


def test_the_same_scenario_named_twice_runs_once_and_two_of_one_name_do_not_run(tmp_path: Path) -> None:
    one = write(tmp_path, "one")
    assert len(select([str(one), str(tmp_path), os.path.relpath(one)])) == 1
    (tmp_path / "deeper").mkdir()
    write(tmp_path / "deeper", "one")
    with pytest.raises(RigError, match="same name; rename one"):
        select([str(tmp_path)])


def test_a_filter_leaves_the_scenarios_that_show_the_hazard() -> None:
    chosen = select([], "h05")
    assert chosen
    assert all("H05" in scenario.hazards for scenario in chosen)
    assert len(chosen) < len(select([]))


def test_list_tells_scenarios_with_hazards_and_benches_simulators_and_houses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert all(f"  {name} " in said for name in built_in())
    assert "H05 · virtual, loopback" in said
    assert "fault     silent" in said
    assert re.search(r"houses: .*uc001", said)
    assert main(["list", "houses"]) == 0
    assert capsys.readouterr().out.startswith("houses: ")
    assert str(SCENARIOS) in said


def test_help_teaches_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["run", "--help"], ["rehearse", "--help"], ["bench", "check", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "powerwarden-rig run --filter H05" in said
    assert "powerwarden-rig rehearse my_site" in said


def test_ctrl_c_stops_all_jobs_and_writes_what_there_is(tmp_path: Path) -> None:
    write(tmp_path, "a_short_one", length=2)
    for name in ("b_long", "c_long", "d_long"):
        write(tmp_path, name, length=86_400)
    words = ["run", str(tmp_path), "--out", str(tmp_path / "out"), "--jobs", "2"]
    rig = subprocess.Popen(
        [sys.executable, "-m", "hil.cli", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # whoever runs in the background ignores it
    )
    assert rig.stdout is not None
    try:
        assert "a_short_one" in rig.stdout.readline()
        rig.send_signal(signal.SIGINT)  # to it alone, as a service manager would
        said, errors = rig.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):  # nobody of it is left when all is well
            os.killpg(rig.pid, signal.SIGKILL)
    assert rig.returncode == 1
    assert errors == ""
    assert "stopped by hand" in said
    assert "did not come to run" in said
    assert (tmp_path / "out" / "a_short_one.virtual.html").exists()
    assert "did not come to run" in (tmp_path / "out" / "index.html").read_text("utf-8")
