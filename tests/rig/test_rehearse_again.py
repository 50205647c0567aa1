"""A rehearsal beside what a person has: another fuse, own scenarios, a hand that stops it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from hil import rehearse as verb
from hil.bench.virtual import about
from hil.house import load as load_house
from hil.rehearse import HEAD, in_plain_words, rehearse, scenes
from hil.rehearse_house import OWN, house_text
from hil.report.outcome import Outcome
from hil.scenario.model import Scenario

UC001 = Path(__file__).parents[2] / "policies" / "uc001"


def outcome(name: str, passed: bool = True, trouble: str = "") -> Outcome:
    return Outcome(
        name=name,
        title=name,
        path=f"{name}.yaml",
        hazards=(),
        bench="virtual",
        seed=1,
        passed=passed,
        verdict="",
        length_ms=1,
        wall_s=1.0,
        trouble=trouble,
        repeat="again",
        page="",
        ran_at="",
        findings=(),
    )


@pytest.mark.parametrize("fuse", ["100 A", "24.5 A"])
def test_the_house_that_is_made_has_the_fuse_of_the_documents_and_nothing_below_it_is_a_fault(
    fuse: str, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    shutil.copytree(UC001, site)
    text = (site / "site.yaml").read_text("utf-8")
    assert "fuse: 35 A" in text
    (site / "site.yaml").write_text(text.replace("fuse: 35 A", f"fuse: {fuse}"), "utf-8")
    told = about(site)
    house = tmp_path / OWN
    house.write_text(house_text(told, site)[0], "utf-8")
    ampere = float(fuse.split()[0])
    assert load_house(house).plant.fuse_a == ampere
    scene = scenes(told, house, site)["an_evening"]
    assert [wanted["never"] for wanted in scene["expect"]] == [
        f"max(plant.grid_a) > {ampere:g}",
        "count(plant.fuse_blown) > 0",
    ]
    assert scene["expect"][1]["why"] == f"a fuse of {ampere:g} A in the house melts"


def test_what_somebody_has_put_beside_the_scenarios_or_made_their_own_is_kept_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def all_of(scenarios: list[Scenario], *_: object) -> list[Outcome]:
        ran.extend(scenario.name for scenario in scenarios)
        return [outcome(scenario.name) for scenario in scenarios]

    monkeypatch.setattr(verb, "run_all", all_of)
    folder = tmp_path / "scenarios"
    assert rehearse(UC001, tmp_path) == 0
    evening = (folder / "an_evening.yaml").read_text("utf-8")
    assert evening.startswith(HEAD)
    own = evening.removeprefix(HEAD)
    (folder / "mine.yaml").write_text(own, "utf-8")
    changed = yaml.safe_dump({**yaml.safe_load(own), "title": "my evening"})
    (folder / "an_evening.yaml").write_text(changed, "utf-8")
    (folder / "of_a_device_that_is_gone.yaml").write_text(evening, "utf-8")
    ran.clear()
    assert rehearse(UC001, tmp_path) == 0
    assert "mine" in ran
    assert "of_a_device_that_is_gone" not in ran
    assert (folder / "an_evening.yaml").read_text("utf-8") == changed


def test_of_what_did_not_come_to_its_end_nothing_is_promised() -> None:
    stopped = outcome("evening", passed=False, trouble="stopped by hand at 3 s")
    words = "\n".join(in_plain_words([outcome("calm"), stopped], 1.0, missing=30))
    assert "evening: broke off, so nobody knows." in words
    assert "nothing would have gone wrong in what was looked at" in words
    assert words.endswith("Nothing is known of 31: 1 broke off, 30 did not come to run.")
    assert "Nothing is known" not in "\n".join(in_plain_words([outcome("calm")], 1.0))
