"""A SunSpec inverter end to end: guardian and bus process against the rig's inverter, judged from what reached it.

What the wire shows when the guardian falls silent, and the reason why such a device needs a contactor: the silence
image is written once, holds for ``revert_s``, and then the inverter lifts the limit by itself and gives what it has.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from running_house import RunningHouse, now_ms

from supervisor import wire
from supervisor.cli import main

SITE = Path(__file__).parent / "sites" / "inverter"
RATED_W, SUN_W, PROGRAM_W, SILENCE_W = 10_000, 8_000, 5_000, 1_000
REVERT_S = 10  # sites/inverter/site.yaml
SILENCE_MS = 500
RENEWAL_MS = REVERT_S * 1000 // 3
SLACK_MS = 1_000  # a shared machine with two cores
LIMIT_AT = 40_000 + 2 + 68 + 52 + 5  # "SunS", common with 66 words, model 103, WMaxLimPct in model 123
WHOLE = [LIMIT_AT, 5]


@pytest.fixture(scope="module")
def roof() -> Iterator[RunningHouse]:
    yield from inverter_house("inverter")


def inverter_house(name: str) -> Iterator[RunningHouse]:
    house = RunningHouse(house=name, example=SITE)
    try:
        house.until(house.healthy, "the gateway answers")
        yield house
    finally:
        house.close()


@pytest.fixture
def sunny(roof: RunningHouse) -> RunningHouse:
    """Everything well, in the sun, and the program's 5 kW in force."""
    roof.fault("inverter", clear=True)
    roof.fault("inverter", set="pv_w", value=SUN_W)
    roof.http("POST", "/v1/targets/inverter.power_limit/release")
    roof.until_mode("normal")
    roof.until(lambda: inverter(roof)["power_w"] == PROGRAM_W, "the program's half of the rating")
    roof.until(lambda: shown(roof, "power_limit") == PROGRAM_W, "and it is read back")
    return roof


def inverter(house: RunningHouse) -> dict[str, Any]:
    return house.state("inverter")


def reading(house: RunningHouse, name: str) -> dict[str, Any]:
    found: dict[str, Any] = house.http("GET", "/v1/state")[1]["readings"][f"inverter.{name}"]
    return found


def shown(house: RunningHouse, name: str) -> float | None:
    """What the house takes for good; None otherwise."""
    found = reading(house, name)
    return float(found["value"]) if found["quality"] == "good" else None


def orders(house: RunningHouse, since_ms: int = 0) -> list[tuple[int, list[int]]]:
    """When and what was written; any write that is not a whole, accepted limit is a failure of the test."""
    written = [entry for entry in house.writes("inverter") if entry["t"] > since_ms]
    for entry in written:
        assert [entry["address"], len(entry["values"])] == WHOLE, entry
        assert (entry["function"], entry["accepted"]) == (16, True), entry
    return [(entry["t"], entry["values"]) for entry in written]


def reverts(house: RunningHouse, since_ms: int = 0) -> list[int]:
    """When the inverter lifted a limit by itself."""
    return [entry["t"] for entry in house.trace("inverter") if entry["what"] == "revert" and entry["t"] > since_ms]


def order(watt: int) -> list[int]:
    """The five words of a limit, in hundredths of a percent."""
    return [watt * 10_000 // RATED_W, 0, REVERT_S, 0, 1]


def machine(describe: wire.Describe, snapshot: wire.Snapshot) -> str:
    (state,) = (
        info.states[now.state]
        for info, now in zip(describe.machines, snapshot.machines, strict=True)
        if info.id == "inverter"
    )
    return str(state)


def until_machine(house: RunningHouse, state: str) -> wire.Snapshot:
    return house.until_seen(lambda describe, seen: machine(describe, seen) == state, f"the inverter is {state}")


# ---- what it tells, what it is told ----------------------------------------------------------------------------------
def test_the_power_is_read_and_shown(sunny: RunningHouse) -> None:
    sunny.set("inverter.power_limit", 10, "kW")
    sunny.until(lambda: shown(sunny, "power") == SUN_W, "all of the sun")
    until_machine(sunny, "ready")
    assert 220 < (shown(sunny, "voltage_l1") or 0) < 240
    assert 49 < (shown(sunny, "frequency") or 0) < 51
    assert shown(sunny, "current_l1") == pytest.approx(SUN_W / 3 / 230, rel=0.03)


def test_a_granted_limit_is_written_enabled_obeyed_and_read_back(sunny: RunningHouse) -> None:
    asked_ms = now_ms()
    assert sunny.set("inverter.power_limit", 3, "kW")["verdict"] == "granted"
    (first, *_) = sunny.until(lambda: orders(sunny, asked_ms), "the write", 2)
    assert first[1] == order(3_000)
    sunny.until(lambda: shown(sunny, "power_limit") == 3_000, "read back", 3)
    assert (shown(sunny, "limit_percent"), shown(sunny, "revert_time")) == (pytest.approx(30), REVERT_S)
    sunny.until(lambda: shown(sunny, "power") == 3_000, "obeyed")
    until_machine(sunny, "limited")


def test_a_limit_between_two_steps_goes_down_and_is_read_back_as_it_was_told(sunny: RunningHouse) -> None:
    asked_ms = now_ms()
    sunny.set("inverter.power_limit", 3_379, "W")
    sunny.until(lambda: orders(sunny, asked_ms), "the write", 2)
    sunny.until(lambda: shown(sunny, "power_limit") == 3_300, "read back", 3)
    seen = sunny.until_seen(lambda _d, _s: True, "a picture")
    assert seen.targets[0].output == 3_300_000
    assert [words for _, words in orders(sunny, asked_ms)] == [order(3_300)] * len(orders(sunny, asked_ms))


def test_a_limit_is_renewed_in_time_and_never_lifted(sunny: RunningHouse) -> None:
    begun_ms = now_ms()
    written = sunny.until(lambda: (found := orders(sunny, begun_ms))[4:] and found, "five renewals", 25)
    assert {tuple(words) for _, words in written} == {tuple(order(PROGRAM_W))}
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(written)]
    assert max(gaps) < RENEWAL_MS + SLACK_MS, "two more may be lost"
    assert min(gaps) > RENEWAL_MS - SLACK_MS, "a renewal is no chatter"
    assert not reverts(sunny, begun_ms)


# ---- what is not there -----------------------------------------------------------------------------------------------
def test_a_power_that_is_not_implemented_is_no_measurement_and_the_limit_stays(sunny: RunningHouse) -> None:
    sunny.fault("inverter", fault="not_available", register="power")
    sunny.until_mode("degraded")
    assert reading(sunny, "power")["quality"] != "good"
    assert reading(sunny, "power").get("value") is None
    begun_ms = now_ms()
    written = sunny.until(lambda: (found := orders(sunny, begun_ms))[1:] and found, "two renewals", 12)
    assert {tuple(words) for _, words in written} == {tuple(order(PROGRAM_W))}
    sunny.fault("inverter", clear=True)
    sunny.until_mode("normal")


def test_unused_phases_do_not_degrade_the_house(sunny: RunningHouse) -> None:
    for name in ("voltage_l3", "current_l3", "temperature", "energy"):
        sunny.fault("inverter", fault="not_available", register=name)
    sunny.until(lambda: shown(sunny, "voltage_l3") is None, "no third phase")
    assert [shown(sunny, name) for name in ("current_l3", "temperature", "energy")] == [None] * 3
    assert shown(sunny, "power") == PROGRAM_W
    assert sunny.until_seen(lambda _d, _s: True, "a picture").mode == "normal"


@pytest.mark.parametrize("name", ["limit_percent", "limit_enabled"])
def test_a_limit_that_cannot_be_read_back_is_shown_as_unknown_and_said_again(sunny: RunningHouse, name: str) -> None:
    sunny.fault("inverter", fault="not_available", register=name)
    sunny.until(lambda: shown(sunny, "power_limit") is None, "nobody knows the limit", 5)
    begun_ms = now_ms()
    written = sunny.until(lambda: (found := orders(sunny, begun_ms))[2:] and found, "three writes", 6)
    assert {tuple(words) for _, words in written} == {tuple(order(PROGRAM_W))}
    assert not reverts(sunny, begun_ms)


def test_without_the_scale_factor_nothing_is_written_and_the_inverter_lifts_its_limit(sunny: RunningHouse) -> None:
    """A number without its scale could be ten times as much. What it costs is shown here: the limit ends."""
    sunny.fault("inverter", fault="bad_scale_factor", register="limit_percent")
    sunny.until(lambda: shown(sunny, "power_limit") is None, "nobody knows the limit", 5)
    begun_ms = now_ms()
    sunny.until(lambda: reverts(sunny, begun_ms), "the inverter's own timer", REVERT_S + 3)
    assert not orders(sunny, begun_ms)
    sunny.fault("inverter", clear=True)
    sunny.until(lambda: orders(sunny, begun_ms), "limited again", 5)
    assert orders(sunny, begun_ms)[0][1] == order(PROGRAM_W)


def test_a_dynamic_scale_factor_of_the_power_that_is_none_is_no_power(sunny: RunningHouse) -> None:
    sunny.fault("inverter", fault="bad_scale_factor", register="power", raw=11)
    sunny.until(lambda: reading(sunny, "power").get("value") is None, "no power", 5)
    assert shown(sunny, "voltage_l1") is not None
    assert shown(sunny, "power_limit") == PROGRAM_W


def test_asleep_at_night_is_no_fault_and_the_limit_is_kept_for_the_morning(sunny: RunningHouse) -> None:
    sunny.fault("inverter", set="pv_w", value=0)
    until_machine(sunny, "asleep")
    begun_ms = now_ms()
    sunny.until(lambda: orders(sunny, begun_ms)[2:], "renewed in the night", 15)
    assert sunny.until_seen(lambda _d, _s: True, "a picture").mode == "normal"
    assert shown(sunny, "power") == 0
    sunny.fault("inverter", set="pv_w", value=SUN_W)
    until_machine(sunny, "limited")
    assert inverter(sunny)["power_w"] <= PROGRAM_W
    assert not reverts(sunny, begun_ms)


def test_a_deaf_inverter_is_told_again_and_its_word_is_believed(sunny: RunningHouse) -> None:
    sunny.fault("inverter", fault="deaf")
    asked_ms = now_ms()
    sunny.set("inverter.power_limit", 2, "kW")
    written = sunny.until(lambda: (found := orders(sunny, asked_ms))[2:] and found, "three writes", 6)
    assert [words for _, words in written] == [order(2_000)] * len(written)
    assert shown(sunny, "power_limit") == PROGRAM_W, "an accepted write is no read-back"


# ---- pull a piece out ------------------------------------------------------------------------------------------------
def test_with_the_guardian_silent_the_silence_image_holds_until_the_inverter_lifts_it(sunny: RunningHouse) -> None:
    with sunny.stopped("guardian") as stopped_ms:
        sunny.until(lambda: inverter(sunny)["limit_w"] == SILENCE_W, "the silence image", 5)
        image_ms = next(at for at, words in orders(sunny, stopped_ms) if words == order(SILENCE_W))
        sunny.until(lambda: inverter(sunny)["power_w"] == SILENCE_W, "obeyed")
        (lifted_ms,) = sunny.until(lambda: reverts(sunny, stopped_ms), "the inverter's own timer", REVERT_S + 3)
        sunny.until(lambda: inverter(sunny)["power_w"] == SUN_W, "unlimited: this is what the contactor is for")
        cut_ms = now_ms()
        written = orders(sunny, image_ms - 1)
    assert written == [(image_ms, order(SILENCE_W))], "the silence image is one write; nobody renews it"
    assert image_ms - stopped_ms < SILENCE_MS + SLACK_MS
    assert lifted_ms - image_ms == REVERT_S * 1000
    sunny.until_mode("normal")
    sunny.until(lambda: inverter(sunny)["limit_w"] == PROGRAM_W, "the guardian speaks again", 5)
    assert {tuple(words) for _, words in orders(sunny, cut_ms)} == {tuple(order(PROGRAM_W))}


def test_a_killed_bus_process_comes_back_and_renews_before_the_limit_is_lifted(sunny: RunningHouse) -> None:
    sunny.set("inverter.power_limit", 2, "kW", "setting", 600)
    sunny.until(lambda: shown(sunny, "power_limit") == 2_000, "2 kW in force")
    killed_ms = sunny.kill("lan")
    written = sunny.until(lambda: (found := orders(sunny, killed_ms))[1:] and found, "two writes of the new process")
    assert {tuple(words) for _, words in written} == {tuple(order(2_000))}
    assert written[0][0] - killed_ms < 2 * REVERT_S * 1000 // 3, "shorter than what is left at the worst moment"
    assert not reverts(sunny, killed_ms)
    sunny.until_mode("normal")
    assert shown(sunny, "power_limit") == 2_000


def test_a_bus_process_that_hangs_too_long_finds_the_limit_lifted_and_says_nothing_old(sunny: RunningHouse) -> None:
    sunny.set("inverter.power_limit", 6, "kW", "setting", 600)
    sunny.until(lambda: shown(sunny, "power_limit") == 6_000, "6 kW in force")
    with sunny.stopped("lan") as stopped_ms:
        sunny.until_mode("degraded")
        assert sunny.http("POST", "/v1/targets/inverter.power_limit/stop")[0] == 200
        sunny.until(lambda: reverts(sunny, stopped_ms), "lifted behind our back", REVERT_S + 3)
        cut_ms = now_ms()
    sunny.until(lambda: inverter(sunny)["limit_w"] == 0, "the stop arrives", 5)
    said = [words for _, words in orders(sunny, cut_ms)]
    assert said[-1] == order(0)
    assert all(words in (order(0), order(SILENCE_W)) for words in said), "nothing of before the pause is said after it"
    sunny.until_mode("normal")
    sunny.set("inverter.power_limit", 6, "kW")
    sunny.until(lambda: inverter(sunny)["limit_w"] == 6_000, "a new grant ends the stop")


def test_an_inverter_that_was_away_is_searched_again_and_limited(sunny: RunningHouse) -> None:
    sunny.fault("inverter", fault="silent")
    sunny.until_mode("degraded")
    sunny.until(lambda: not inverter(sunny)["limit_enabled"], "lifted while nobody could speak", REVERT_S + 3)
    sunny.fault("inverter", clear=True)
    back_ms = now_ms()
    sunny.until(lambda: inverter(sunny)["limit_w"] == PROGRAM_W, "found and limited", 15)
    sunny.until_mode("normal")
    assert {tuple(words) for _, words in orders(sunny, back_ms)} == {tuple(order(PROGRAM_W))}


# ---- whole percents --------------------------------------------------------------------------------------------------
def test_an_inverter_that_counts_in_whole_percents_is_found_at_its_base_and_never_given_more(tmp_path: Path) -> None:
    path = tmp_path / "coarse.yaml"
    path.write_text(
        "devices:\n  inverter: {sim: sunspec_modbus, tcp: 127.0.0.1:15041, base: 50000, common_words: 65,"
        f" vendor_words: 12, percent_exponent: 0, dynamic_scale: true, pv_w: {SUN_W}}}\n"
    )
    for house in inverter_house(str(path)):
        house.until_mode("normal")
        house.set("inverter.power_limit", 3_379, "W")
        house.until(lambda house=house: shown(house, "power_limit") == 3_300, "read back as it was told")
        house.until(lambda house=house: shown(house, "power") == 3_300, "obeyed")
        last = house.writes("inverter")[-1]
        assert (last["address"], last["values"]) == (50_000 + 2 + 67 + 14 + 52 + 5, [33, 0, REVERT_S, 0, 1])
        assert inverter(house)["limit_w"] == 3_300


# ---- the document ----------------------------------------------------------------------------------------------------
def test_a_site_without_a_silence_image_is_told_what_this_inverter_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = shutil.copytree(SITE, tmp_path / "site")
    text = (site / "site.yaml").read_text()
    (site / "site.yaml").write_text(text.replace("silence: 1 kW, ", ""))
    assert main(["check", str(site)]) != 0
    said = " ".join(capsys.readouterr().err.split())
    assert "inverter.power_limit lifts its limit by itself 10 s after the last word" in said
    assert "independent cut-off" in said
    assert "contactor" in said
    assert "keeps its last order" not in said
