"""The command: it reads a real journal, now and at a past time, as text and as data, or says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from replay_house import Recorded, ask

from supervisor import wire
from supervisor.cli import main
from supervisor.explain.when import WhenError, moment_of

NOW = datetime.fromisoformat("2026-11-20T16:05:00+01:00")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A house that was asked for 16 A, charged, and then had its fuse full: a minute of real journal."""
    run_dir = tmp_path_factory.mktemp("run")
    recorded = Recorded(run_dir / "journal")
    recorded.restless, recorded.every = False, True
    recorded.live(20_000, talkative=0)
    recorded.cycle(ask(wire.Verb.SET, recorded.now_ms, 16_000))
    recorded.live(20_000, talkative=0)
    recorded.restless = True
    for _ in range(400):
        recorded.moods, recorded.plant.load_ma = dict.fromkeys(recorded.moods, "fine"), 36_000
        recorded.plant.stuck, recorded.plant.foreign = set(), False
        recorded.cycle()
    recorded.close()
    return run_dir


def said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = main(["explain", *map(str, words)])
    shown = capsys.readouterr()
    return code, " ".join(shown.out.split()), shown.err


def test_it_explains_the_newest_moment_of_the_journal(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "wallbox.current", "--run-dir", house)
    assert code == 0
    assert "wallbox.current is told 0 A, although phone has asked for 16 A" in out
    assert "limits.fuse_l1" in out
    assert "meter.current_l1 is 36 A" in out


def test_a_journal_that_ends_long_ago_is_not_told_as_now(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its newest moment is all that there is; whoever asks must not take it for the present."""
    _, out, _ = said(capsys, "wallbox.current", "--run-dir", house)
    assert "the journal ends here," in out
    assert "is it running? ask 'powerwarden status'" in out
    _, out, _ = said(capsys, "wallbox.current", "--run-dir", house, "--at", "2026-03-01T12:00:35+00:00")
    assert "the journal ends here" not in out


def test_without_a_target_it_explains_the_house(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "--run-dir", house)
    assert code == 0
    assert out.startswith("house at ")
    assert "relays.coil_1, relays.coil_2, relays.coil_3 and relays.coil_4 are told open" in out


def test_at_a_past_time_it_says_what_was_so_then(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "wallbox.current", "--run-dir", house, "--at", "2026-03-01T12:00:35+00:00")
    assert code == 0
    assert "wallbox.current is told 16 A: phone has asked for 16 A" in out
    assert "(then)" in out
    assert "WHAT YOU CAN DO NOW (as it was then)" in out


def test_as_data_it_is_the_same(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "wallbox.current", "--run-dir", str(house), "--json"]) == 0
    account = json.loads(capsys.readouterr().out)
    assert account["subject"] == "wallbox.current"
    assert account["edges"][1]["line"][0]["rule"] == "limits.fuse_l1"
    assert [link["rule"] for link in account["edges"][1]["line"]][-1] == "rating"
    assert account["clears"]
    assert account["now"]


def test_an_unknown_target_is_answered_with_the_nearest_name(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "walbox.curent", "--run-dir", house)
    assert (code, out) == (2, "")
    assert "this house has no 'walbox.curent'; did you mean 'wallbox.current'?" in err


def test_a_time_before_the_journal_is_answered_with_what_it_has(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = said(capsys, "wallbox.current", "--run-dir", house, "--at", "2026-02-01T12:00")
    assert code == 2
    assert "nothing is recorded at" in err
    assert "2026-03-01" in err


def test_without_a_journal_it_says_how_to_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "wallbox.current", "--run-dir", tmp_path)
    assert code == 2
    assert "there is no journal in" in err
    assert "powerwarden run SITE --run-dir" in err


def test_a_time_that_is_none_is_answered_with_what_would_do(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "wallbox.current", "--run-dir", house, "--at", "yesterday")
    assert code == 2
    assert "write a time such as 16:05, 2026-11-20T16:05 or -10min" in err


def test_a_time_back_from_now_needs_no_equals_sign(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """-10min looks like an option; it must still be taken as the time that it is."""
    code, _, err = said(capsys, "wallbox.current", "--run-dir", house, "--at", "-10min")
    assert code == 2
    assert "nothing is recorded at" in err


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("16:05", NOW),
        ("16:04:30", NOW - timedelta(seconds=30)),
        ("16:06", NOW - timedelta(hours=23, minutes=59)),
        ("-10min", NOW - timedelta(minutes=10)),
        ("-1.5h", NOW - timedelta(minutes=90)),
        ("-2d", NOW - timedelta(days=2)),
        ("2026-11-20T16:00", NOW - timedelta(minutes=5)),
        ("2026-11-20T15:00:00+00:00", NOW - timedelta(minutes=5)),
    ],
)
def test_a_time_means_what_the_wall_says(said: str, meant: datetime) -> None:
    assert moment_of(said, NOW) == meant


@pytest.mark.parametrize("said", ["25:00", "16:60", "", "soon", "-10", "-10 years", "2026-13-01", "2027-01-01T00:00"])
def test_a_time_that_nobody_can_mean_is_refused(said: str) -> None:
    with pytest.raises(WhenError, match="write a time such as"):
        moment_of(said, NOW)
