"""``powerwarden walk`` as a person uses it: help, dry run, bad use; and what ``check`` makes of the record (H28)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from supervisor.cli import main
from supervisor.loader.load import load
from supervisor.walk import record

POLICIES = Path(__file__).parents[2] / "policies"
REAL = ("bitrate: 500 kbit/s, simulated: true", "bitrate: 500 kbit/s")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """UC001 with a real CAN bus, as far as the documents say."""
    folder = Path(shutil.copytree(POLICIES / "uc001", tmp_path / "site"))
    text = (folder / "site.yaml").read_text("utf-8")
    assert REAL[0] in text
    (folder / "site.yaml").write_text(text.replace(*REAL), "utf-8")
    return folder


def said_by_check(site: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    main(["check", str(site)])
    return [line for line in capsys.readouterr().out.splitlines() if "[not_walked]" in line]


def keep(site: Path, **words: object) -> None:
    whole = {"digest": load(site).site.digest, "verdict": "proven", "rows": [], "at": "2026-06-21"} | words
    record.write(site / "walk.json", whole)


def test_check_says_that_a_real_site_was_not_walked_and_it_is_no_error(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (said,) = said_by_check(site, capsys)
    assert "note: no walk.json lies beside site.yaml" in said
    assert "powerwarden walk" in said


def test_check_is_content_with_a_walk_of_exactly_these_documents(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(site)
    assert said_by_check(site, capsys) == []


def test_one_letter_more_in_the_documents_and_the_walk_counts_no_more(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(site)
    with (site / "20-house.yaml").open("a") as file:
        file.write("# x\n")
    (said,) = said_by_check(site, capsys)
    assert "is of other documents than these" in said


@pytest.mark.parametrize("verdict", ["not proven", "wrong"])
def test_a_walk_that_did_not_prove_all_is_named_with_its_first_reason(
    verdict: str, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(site, verdict=verdict, rows=[{"subject": "meter", "status": verdict, "text": "its L1 is not its L1"}])
    (said,) = said_by_check(site, capsys)
    assert f"ended with '{verdict}': meter: its L1 is not its L1" in said


@pytest.mark.parametrize("text", ["", "{", "[]", '{"digest": 1}', '{"digest": "", "verdict": "proven", "rows": 3}'])
def test_a_record_that_cannot_be_read_proves_nothing(text: str, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "walk.json").write_text(text)
    (said,) = said_by_check(site, capsys)
    assert "cannot be read as a record of a walk" in said


def test_a_house_of_simulated_devices_needs_no_walk(capsys: pytest.CaptureFixture[str]) -> None:
    assert said_by_check(POLICIES / "uc001", capsys) == []


# ---- the command -----------------------------------------------------------------------------------------------------
def test_the_help_teaches_the_way_from_observe_to_the_record(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["walk", "--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    for word in ("--dry-run", "--observe", "--by-hand", "--contactors", "walk.json", "exit codes", "not full"):
        assert word in out


def test_a_dry_run_lists_what_moves_and_what_must_answer_and_asks_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["walk", str(POLICIES / "uc001"), "--dry-run", "--contactors", "--api", "http://127.0.0.1:1"]) == 0
    out = capsys.readouterr().out
    assert "wallbox.current" in out
    assert "relays.coil_1: closed and open again" in out
    assert "meter.current_l1 with meter.power_l1" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--token-file FILE"),
        (["--token-file", "/nowhere/token"], "cannot read a token from /nowhere/token"),
        (["--token-file", "TOKEN", "--api", "127.0.0.1:8080"], "is no address; write for example --api http://"),
        (["--token-file", "TOKEN", "--api", "http://127.0.0.1:1"], "no answer from http://127.0.0.1:1"),
        (["--token-file", "TOKEN", "--out", "/nowhere/walk.json"], "there is no folder /nowhere for the record"),
        (["--token-file", "EMPTY"], "must hold one token on one line"),
    ],
)
def test_bad_use_is_one_line_with_its_remedy(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("demo-optimiser\n")
    (tmp_path / "empty").write_text("\n")
    files = {"TOKEN": str(tmp_path / "token"), "EMPTY": str(tmp_path / "empty")}
    words = [*(files.get(word, word) for word in arguments), "--run-dir", str(tmp_path)]
    assert main(["walk", str(POLICIES / "uc001"), *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("powerwarden walk: ")
    assert err.count("\n") == 1
    assert says in err
    assert "demo-optimiser" not in err


def test_a_record_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "walk.json"
    record.write(path, {"verdict": "proven"})
    with pytest.raises(TypeError):
        record.write(path, {"verdict": object()})
    assert json.loads(path.read_text()) == {"verdict": "proven"}
