"""The four sites of policies/: nothing in them is an error, what is left is written down, and their examples are true.

What is left stands in ``left/SITE.txt``, without line numbers, for the sites grow. It may only become less by itself;
whoever adds a line there has looked at the finding.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from check_fixtures import ROOT, SITES

from supervisor.check.docs import document
from supervisor.check.finding import Severity
from supervisor.check.report import Report, check
from supervisor.check.table import KINDS
from supervisor.loader.load import load

LEFT = Path(__file__).with_name("left")


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return {name: check(load(ROOT / "policies" / name)) for name in SITES}


@pytest.mark.parametrize("name", SITES)
def test_a_site_of_the_tree_has_no_error(name: str, reports: dict[str, Report]) -> None:
    assert [str(f) for f in reports[name].findings if f.kind.severity is Severity.ERROR] == []
    assert reports[name].exit_code(strict=False) == 0


@pytest.mark.parametrize("name", SITES)
def test_what_is_left_in_a_site_is_what_somebody_has_looked_at(name: str, reports: dict[str, Report]) -> None:
    said = [f"{Path(f.file).name}: [{f.kind.id}] {f.what}" for f in reports[name].findings]
    assert said == (LEFT / f"{name}.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", SITES)
def test_each_site_shows_what_it_does_in_at_least_five_examples(name: str, reports: dict[str, Report]) -> None:
    tried = reports[name].tried
    assert len(tried) >= 5
    assert [(t.name, t.words) for t in tried if t.finding is not None or t.skipped] == []
    words = " ".join(t.words for t in tried)
    assert all(verdict in words for verdict in ("granted", "refused", "is told"))


def test_the_page_about_findings_is_made_from_the_table() -> None:
    assert (ROOT / "docs" / "check.md").read_text("utf-8") == document(), "python -m supervisor.check --write-docs"


def test_each_kind_of_finding_says_what_it_means_and_what_to_do() -> None:
    assert len({kind.id for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert kind.id.replace("_", "").isalpha(), kind.id
        assert kind.meaning.endswith("."), kind.id
        assert 5 < len(kind.remedy) < 140, kind.id
        assert not kind.remedy.endswith("."), kind.id
        assert kind.look is None or kind.look.__name__ == kind.id
