"""What nearly is a finding and is none: a check that cries wolf is switched off."""

from __future__ import annotations

from pathlib import Path

import pytest
from check_fixtures import ROOT, copied, replaced

from supervisor.check.bench import Bench
from supervisor.check.report import check
from supervisor.check.situations import read_situation
from supervisor.check.survey import Survey
from supervisor.kernel.lease import Kind
from supervisor.loader.load import load

SITE, LIMITS, HOUSE = "site.yaml", "10-limits.yaml", "20-house.yaml"
EXTRA = "30-extra.yaml"
SOC = "when: battery.soc below 20 %"
SECOND = "      power: [meter.power_l1, meter.power_l2, meter.power_l3]\n"

NEAR = {
    "one of two may still be granted it": (
        "permission_ungrantable",
        "uc001",
        EXTRA,
        "",
        "permissions:\n  tenant:\n    why: the tenant's contract says so\n    who: [phone]\n    target: relays.coil_1\n"
        "    from: open\n    to: open\n    in: [normal, degraded, orchestrator_lost]\n",
    ),
    "a refusal that holds only for a while": (
        "permission_ungrantable",
        "uc001",
        EXTRA,
        "",
        "refusals:\n  hot:\n    why: the cable gets hot\n    who: [phone, optimiser]\n    target: wallbox.current\n"
        "    while: battery.temperature above 50 °C\n",
    ),
    "a band that begins at what the device can do": (
        "permission_ungrantable",
        "uc001",
        HOUSE,
        "from: 0 A",
        "from: 6 A",
    ),
    "a permission for the safe value alone": ("permission_ungrantable", "uc001", HOUSE, "to: 16 A", "to: 0 A"),
    "a bound at the very end of a range": ("rule_never", "uc001", LIMITS, SOC, "when: battery.soc above 99.9 %"),
    "two signals, two bounds": (
        "rule_never",
        "uc001",
        LIMITS,
        SOC,
        "when: {all of: [battery.soc below 20 %, battery.soh above 30 %]}",
    ),
    "an any of with one part that can be": (
        "rule_never",
        "uc001",
        LIMITS,
        SOC,
        "when: {any of: [battery.soc above 110 %, battery.soc below 20 %]}",
    ),
    "nearly always is not always": ("rule_always", "uc001", LIMITS, SOC, "when: battery.soc below 100 %"),
    "an optional signal that is not there": (
        "unknown_ignored",
        "uc001",
        LIMITS,
        "when: battery.protection above 0",
        "when: battery.protection above 0\n    unknown_house: none",
    ),
    "a bound at what the device can do": (
        "limit_in_gap",
        "uc001",
        LIMITS,
        "clear: 5 min\n    then: {wallbox.current: at most 6 A}",
        "clear: 5 min\n    then: {wallbox.current: at most 0 A}",
    ),
    "the sign is compared with a second meter": (
        "no_second_source",
        "wallbox_phases",
        SITE,
        SECOND,
        f"{SECOND}    check: {{same: [feed.power_l1, feed.power_l2, feed.power_l3], within: 20 kW, for: 10 s}}\n",
    ),
    "the row that compares two meters": (
        "unknown_ignored",
        "wallbox_phases",
        SITE,
        SECOND,
        f"{SECOND}    check: {{same: [feed.power_l1, feed.power_l2, feed.power_l3], within: 20 kW, for: 10 s}}\n",
    ),
    "a nuisance that time ends": (
        "nuisance_without_end",
        "uc001",
        LIMITS,
        "    clear: 30 s\n",
        "    clear: 30 s\n    latch: nuisance\n    recovers_after: 30 min\n",
    ),
    "a danger that somebody in the house resets": (
        "danger_without_reset",
        "wallbox_phases",
        LIMITS,
        "    hold: 30 s\n",
        "    hold: 30 s\n    latch: danger\n",
    ),
    "a rated contactor may drop early": (
        "ladder_broken",
        "island",
        SITE,
        "drop_out_ms: 8000",
        "drop_out_ms: 3000",
    ),
    "the last moment of the ladder": (
        "ladder_broken",
        "wallbox_phases",
        SITE,
        "drop_out_ms: 8000",
        "drop_out_ms: 5800",
    ),
    "an observer without permissions": (
        "identity_idle",
        "uc001",
        SITE,
        "\norchestrators:\n",
        f"\norchestrators:\n  display:\n    role: observer\n    token_sha256: {'0' * 64}\n",
    ),
}


@pytest.mark.parametrize("near", NEAR)
def test_what_is_nearly_a_finding_is_none(near: str, tmp_path: Path) -> None:
    kind, base, file, old, new = NEAR[near]
    site = copied(base, tmp_path, keep_examples=False)
    replaced(site / file, old, new)
    assert [str(finding) for finding in check(load(site)).findings if finding.kind.id == kind] == []


def test_a_rule_that_ignores_not_knowing_does_not_mention_the_loss_of_its_device(tmp_path: Path) -> None:
    site = copied("uc001", tmp_path, keep_examples=False)
    replaced(site / LIMITS, "when: relays unseen", "when: relays.coil_supply below 20 V\n    unknown_after: 1 s")
    said = [str(finding) for finding in check(load(site)).findings]
    assert any(
        "[device_unmentioned] warning: no document says what follows when relays is lost" in line for line in said
    )


def test_a_house_that_is_forked_leaves_the_one_that_it_came_from_as_it_was() -> None:
    survey = Survey(load(ROOT / "policies" / "uc001"))
    name, item = next(iter(survey.loaded.policies.situations.items()))
    bench = Bench(survey, read_situation(survey, name, item))
    bench.rest()
    before, state = bench.image(), bench.state
    other = bench.fork()
    other.now_ms += survey.plan.cycle_ms
    other.cycle(other.wish("phone", "relays.coil_1", 1, "flag", Kind.SETTING))
    assert other.image() != before
    assert (bench.image(), bench.state) == (before, state)
