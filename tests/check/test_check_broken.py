"""Each deliberately broken site is found out: the exit code, the place, the words, and nothing that is not so."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
from check_fixtures import SITES, Broken, copied, fixtures

from supervisor.check.report import check
from supervisor.check.table import BY_ID, KINDS
from supervisor.cli import main
from supervisor.loader.load import load

FIXTURES = fixtures()
ELSEWHERE = {"worn_by_ramp": "no family writes to a flash; see test_check_silence.py"}
EXAMPLE_IDS = {"no_examples"}


@functools.cache
def ids_of(base: str, folder: Path) -> frozenset[str]:
    """What is found in the base as it stands, so that a fixture answers only for its own slip."""
    return frozenset(finding.kind.id for finding in check(load(copied(base, folder))).findings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bases")


@pytest.mark.parametrize("broken", [f for f in FIXTURES if f.finds], ids=lambda broken: broken.name)
def test_a_broken_site_is_found_at_its_place(
    broken: Broken, tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site, line = broken.make(tmp_path)
    assert main(["check", str(site)]) == broken.exit
    out, err = capsys.readouterr()
    assert err == ""
    begins = f"{site / broken.file}:{line}: [{broken.finds}] {BY_ID[broken.finds].severity.value}: "
    said = [text for text in out.splitlines() if text.startswith(begins)]
    assert len(said) == 1, out
    assert broken.says in said[0]
    found = {text.partition("[")[2].partition("]")[0] for text in out.split("\n\n")[0].splitlines()}
    assert found - ids_of(broken.base, folder) - EXAMPLE_IDS <= {broken.finds, *broken.also}


@pytest.mark.parametrize("broken", [f for f in FIXTURES if not f.finds], ids=lambda broken: broken.name)
def test_a_site_that_must_not_load_is_refused_in_one_line(
    broken: Broken, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site, line = broken.make(tmp_path)
    assert main(["check", str(site)]) == broken.exit == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"powerwarden: {site / broken.file}:{line}: ")
    assert broken.says in err
    assert err.count("\n") == 1
    assert main(["check", str(site), "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["error"]["line"]) == (False, line)


def test_every_kind_of_finding_has_a_broken_site() -> None:
    assert {f.finds for f in FIXTURES} - {""} | set(ELSEWHERE) == {kind.id for kind in KINDS}


def test_there_are_enough_broken_sites_of_both_sorts() -> None:
    assert len([f for f in FIXTURES if f.finds]) >= 35
    assert len([f for f in FIXTURES if not f.finds]) >= 10


def test_the_examples_of_this_suite_are_the_sites_of_the_tree() -> None:
    from check_fixtures import ROOT

    assert tuple(sorted(path.parent.name for path in (ROOT / "policies").glob("*/site.yaml"))) == SITES
