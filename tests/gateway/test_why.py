"""Why does it do that? Answered for any target (H16): who asked, what binds and why, what ends it, what can be done."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Gateway
from fake_guardian import DESCRIBE, SNAPSHOT, FakeGuardian
from msgspec.structs import replace

from supervisor.wire import Snapshot, TargetState, TripInfo

CURRENT, POWER = "wallbox.current_limit", "battery.charge_power"


@pytest.fixture
def asked(tmp_path: Path) -> FakeGuardian:
    """A guardian that has not been started: its picture is to be set first."""
    return FakeGuardian(tmp_path / "g.sock")


def shown(first: TargetState | None = None, **more: object) -> Snapshot:
    targets = (first or SNAPSHOT.targets[0], *SNAPSHOT.targets[1:])
    return replace(SNAPSHOT, targets=targets, **more)


def why(guardian: FakeGuardian, target: str, *wishes: object) -> dict[str, object]:
    with guardian, Gateway(guardian.path) as running:
        running.until("snapshot")
        for wish in wishes:
            running.put(target, wish)
        answer = running.http.get(f"/v1/targets/{target}/why")
        assert answer.status_code == 200
        said = answer.json()
        assert isinstance(said, dict)
        return said


def test_the_holder_and_what_is_left_of_his_lease_are_named(asked: FakeGuardian) -> None:
    said = why(asked, CURRENT)
    assert said["lease"]["holder"] == "homeassistant"  # type: ignore[index]
    assert f"{CURRENT} is told 10 A: homeassistant holds it for 10 A (live)" in str(said["text"])
    assert "the lease of homeassistant ends in" in str(said["clears"])


def test_the_rule_at_an_edge_comes_with_its_reason_and_for_how_long(asked: FakeGuardian) -> None:
    asked.snapshot = shown(replace(SNAPSHOT.targets[0], hi_for_ms=590_000))
    text = str(why(asked, CURRENT)["text"])
    assert "At most 13 A, for another 9 min, because of main_fuse: the main fuse carries 35 A per phase." in text
    assert "main_fuse ends by itself in 9 min if nothing changes" in text
    assert "nothing between 0 A and 6 A" in text


def test_a_trip_that_acts_because_nobody_knows_says_so(asked: FakeGuardian) -> None:
    said = why(asked, POWER)
    assert [trip["rule"] for trip in said["trips"]] == ["cell_cold"]  # type: ignore[attr-defined]
    text = str(said["text"])
    assert "Nothing may be asked now, so it keeps 0 W. cell_cold: lithium is not charged below 0 °C." in text
    assert "because nobody can know better" in text
    assert "cell_cold ends when the readings that it asks about are heard again" in text


def test_a_danger_latch_is_a_hands_and_nothing_on_the_network_is_offered(asked: FakeGuardian) -> None:
    asked.snapshot = shown(trips=(TripInfo("cell_cold", "yes", "danger", 4_000),))
    said = why(asked, POWER)
    assert "is ended by a hand in the house alone" in str(said["clears"])
    can = str(said["can"])
    assert "press the reset in the house; nothing on the network can do it" in can
    assert "ask for" not in can


def test_a_nuisance_latch_names_the_installers_key(asked: FakeGuardian) -> None:
    asked.snapshot = shown(trips=(TripInfo("cell_cold", "no", "nuisance", 4_000, "ab" * 16),))
    said = why(asked, POWER)
    assert "powerwarden ack cell_cold --key FILE" in str(said["can"])
    assert "acknowledgement with the installer's key" in str(said["clears"])


def test_a_stop_names_who_said_it_and_what_ends_it(asked: FakeGuardian) -> None:
    asked.snapshot = shown(replace(SNAPSHOT.targets[0], output=0, wanted_by="stop by phone", lease=None))
    said = why(asked, CURRENT)
    assert "phone has said stop, and nothing has been granted since" in str(said["text"])
    assert "the stop ends with the next wish that is granted" in str(said["clears"])


def test_what_was_asked_last_and_what_came_of_it(asked: FakeGuardian) -> None:
    said = why(asked, CURRENT, {"value": 9, "unit": "A"}, {"value": 16, "unit": "A"})
    assert [made["verdict"] for made in said["decisions"]] == ["granted", "clipped"]  # type: ignore[attr-defined]
    assert "homeassistant asked for 16 A at wallbox.current_limit: clipped to 13 A (main_fuse" in str(said["text"])
    assert len(said["events"]) == 5  # type: ignore[arg-type]


def test_the_house_and_a_machine_that_waits_say_why(asked: FakeGuardian) -> None:
    machines = list(SNAPSHOT.machines)
    machines[1] = replace(machines[1], why="its current has not been proven zero")
    asked.snapshot = shown(machines=tuple(machines))
    text = str(why(asked, CURRENT)["text"])
    assert "wallbox is standby: its current has not been proven zero." in text
    assert "The house is in mode degraded for 75 s." in text


@pytest.mark.parametrize("target", [info.id for info in DESCRIBE.targets])
def test_every_target_has_an_answer_and_something_to_do(gateway: Gateway, target: str) -> None:
    said = gateway.http.get(f"/v1/targets/{target}/why").json()
    assert said["can"]
    assert said["text"].startswith(target)
