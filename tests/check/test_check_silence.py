"""The page for whoever stands in front of a dead box: what is said, what drops and when, and what is energised then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from check_fixtures import ROOT, SITES, copied, replaced

from drivers.contract import Options, Shape, WriteCost
from drivers.registry import FAMILIES
from supervisor.check.page import Page, page
from supervisor.check.report import check, text
from supervisor.check.survey import Survey
from supervisor.loader.load import load


def page_of(folder: Path) -> Page:
    return page(Survey(load(folder)))


@pytest.mark.parametrize("name", SITES)
def test_every_actuator_is_on_the_page_once_and_the_ladders_are_in_the_order_of_time(name: str) -> None:
    loaded = load(ROOT / "policies" / name)
    made = page(Survey(loaded))
    targets = [target.id for target in loaded.plan.targets if target.changeover is None]
    assert sorted(remain.target for remain in made.remains) == sorted(targets)
    for ladder in (made.silent, made.dead):
        assert [rung.after_ms for rung in ladder] == sorted(rung.after_ms for rung in ladder)


def test_a_wallbox_without_a_time_out_keeps_its_last_order_when_its_bus_is_dead_too() -> None:
    made = page_of(ROOT / "policies" / "uc001")
    box = next(remain for remain in made.remains if remain.target == "wallbox.current")
    assert (box.energised, box.cut_off) == (True, "")
    assert "keeps its last order: up to 16 A" in box.what
    assert not any("wallbox" in rung.who for rung in made.dead)


def test_while_its_bus_lives_the_silence_image_brings_it_to_zero_before_the_contactors_drop() -> None:
    made = page_of(ROOT / "policies" / "uc001")
    said = [(rung.after_ms, rung.who) for rung in made.silent]
    assert said == [(550, "bus lan"), (5_550, "wallbox"), (8_000, "relays")]


def test_an_inverter_lifts_its_limit_and_the_silence_image_only_bridges_that() -> None:
    made = page_of(ROOT / "policies" / "island")
    lifts = [rung.after_ms for ladder in (made.silent, made.dead) for rung in ladder if "lifts" in rung.what]
    assert lifts == [60_550, 60_000]
    inverter = next(remain for remain in made.remains if remain.target == "islander.power_limit")
    assert (inverter.energised, inverter.cut_off) == (True, "relays.coil_2 drops after 8 s")


def test_a_contactor_on_the_way_of_the_devices_own_current_is_its_cut_off_and_may_break_it_under_load() -> None:
    made = page_of(ROOT / "policies" / "wallbox_phases")
    box = next(remain for remain in made.remains if remain.target == "wallbox.current")
    assert box.cut_off == "relays.coil_1 and relays.coil_2 drop after 8 s"
    assert made.broken == ("relays.coil_1, relays.coil_2: what wallbox.current draws or gives",)


def test_hardware_that_is_described_stands_on_the_page_in_those_words(tmp_path: Path) -> None:
    site = copied("uc001", tmp_path)
    replaced(site / "site.yaml", "", "\ncut_offs:\n  wallbox.current: a relay of the fire brigade pulls its breaker\n")
    report = check(load(site))
    assert "no_cut_off_simulated" not in {finding.kind.id for finding in report.findings}
    assert any("wallbox.current" in line and "a relay of the fire brigade" in line for line in text(report))


def test_a_contactor_that_stays_cuts_nothing_off_on_the_page_either(tmp_path: Path) -> None:
    site = copied("wallbox_phases", tmp_path)
    told = 'outputs: "k9=17 coil proof=aux_2"}\n    targets: {k9: {breaks_load: 0 s, silence: open}}'
    replaced(site / "site.yaml", 'aux_2=26 contact nc"}', f'aux_2=26 contact nc", {told}')
    replaced(site / "site.yaml", "", "\ncut_offs:\n  wallbox.current: [panel.k9]\n")
    lines = [line for line in text(check(load(site))) if line.startswith("- wallbox.current ")]
    assert len(lines) == 1
    assert "NOTHING CUTS IT OFF" in lines[0]


def test_a_device_that_is_only_observed_is_left_to_its_own_controls(tmp_path: Path) -> None:
    site = copied("uc001", tmp_path)
    replaced(site / "site.yaml", "    driver: goe_modbus\n", "    driver: goe_modbus\n    observe: true\n")
    made = page_of(site)
    assert made.observed == ("wallbox",)
    assert not any(remain.target == "wallbox.current" for remain in made.remains)


def test_a_house_that_only_observes_says_and_drops_nothing() -> None:
    made = page(Survey(load(ROOT / "policies" / "uc001", observe=True)))
    assert (made.silent, made.dead, made.remains) == ((), (), ())


def test_a_ramp_wears_out_what_is_written_to_a_flash() -> None:
    family = FAMILIES["goe_modbus"]

    def shape(options: Options) -> Shape:
        made = family.shape(options)
        return replace(made, outputs=tuple(replace(o, write_cost=WriteCost.NON_VOLATILE) for o in made.outputs))

    families = {**FAMILIES, "goe_modbus": replace(family, shape=shape)}
    report = check(load(ROOT / "policies" / "uc001", families=families))
    said = [finding for finding in report.findings if finding.kind.id == "worn_by_ramp"]
    assert [finding.what for finding in said] == [
        "each step of the ramp of wallbox.current is a write to its flash or EEPROM"
    ]
    assert report.exit_code(strict=False) == 1
