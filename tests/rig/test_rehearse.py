"""What somebody's own site would have gone through: the house that is made for it, the scenarios, and the words."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from hil.bench.virtual import VirtualBench, about
from hil.house import load as load_house
from hil.rehearse import in_plain_words, scenes
from hil.rehearse_house import OWN, house_text
from hil.report.outcome import outcome_of
from hil.report.story import story
from hil.rig_run import run_one
from hil.scenario.model import Run
from hil.scenario.read import load
from hil.unix_socket import RigError

POLICIES = Path(__file__).parents[2] / "policies"
SITES = ("uc001", "rebundling", "wallbox_phases", "island")


def written(site: Path, folder: Path) -> tuple[Path, dict[str, Path], list[str]]:
    """The house and the scenarios of a site, as files."""
    told = about(site)
    text, doubts = house_text(told, site)
    house = folder / OWN
    house.write_text(text, "utf-8")
    paths = {}
    for name, scene in scenes(told, house, site).items():
        paths[name] = folder / f"{name}.yaml"
        paths[name].write_text(yaml.safe_dump(scene, sort_keys=False), "utf-8")
    return house, paths, doubts


def run(path: Path) -> Run:
    scenario = load(path)
    return run_one(scenario, VirtualBench(), scenario.seed)


@pytest.mark.parametrize("name", SITES)
def test_each_site_gets_a_house_and_scenarios_that_can_be_read(name: str, tmp_path: Path) -> None:
    house, paths, _ = written(POLICIES / name, tmp_path)
    document = yaml.safe_load((POLICIES / name / "site.yaml").read_text("utf-8"))
    assert {entry.name for entry in load_house(house).entries} == set(document["devices"])
    assert len([load(path) for path in paths.values()]) > 30


@pytest.mark.parametrize("name", SITES)
def test_the_house_that_was_made_is_seen_whole_by_the_product(name: str, tmp_path: Path) -> None:
    _, paths, _ = written(POLICIES / name, tmp_path)
    done = run(paths["the_guardian_dies"])
    assert not done.trouble
    modes = [str(moment.said["mode"]) for moment in done.moments if 12_000 < moment.at_ms < 38_000]
    assert "normal" in modes, set(modes)


def test_a_fuse_that_is_not_watched_is_told_with_what_was_measured(tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(POLICIES / "uc001", site)
    for path in site.glob("*.yaml"):
        text = path.read_text("utf-8")
        path.write_text(text.replace("blind: 6 A", "blind: 16 A").replace("at most 6 A", "at most 16 A"), "utf-8")
    _, paths, _ = written(site, tmp_path)
    blind, seeing = run(paths["meter_silent"]), run(paths["an_evening"])
    assert seeing.passed
    assert not blind.passed
    words = "\n".join(in_plain_words([outcome_of(each, "", story(each)) for each in (blind, seeing)], 1.0))
    assert "did not go well" in words
    assert "limit 35" in words
    assert "1 something would have gone wrong" in words


def test_a_guardian_that_hangs_leaves_the_car_at_rest(tmp_path: Path) -> None:
    _, paths, _ = written(POLICIES / "uc001", tmp_path)
    done = run(paths["the_guardian_hangs"])
    assert done.passed, [finding.measured for finding in done.findings]
    assert any("current_a" in finding.expectation.condition.text for finding in done.findings)


def test_a_site_that_the_product_refuses_is_refused_in_its_words(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("site: x\ncycle: fifty\n", "utf-8")
    with pytest.raises(RigError, match=r"site\.yaml:2"):
        about(tmp_path)
