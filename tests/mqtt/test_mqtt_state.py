"""What the broker keeps of the house: true, not too often, refreshed after every break, and nothing left behind."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
from fake_guardian import FakeGuardian
from mosquitto_process import Mosquitto
from mqtt_probe import Probe
from mqtt_side import Side, described, guardian_at
from msgspec.structs import replace

from supervisor.kernel.signal import Quality
from supervisor.wire import Event, Seen

CURRENT = "wallbox.current_limit"
STATE = f"powerwarden/target/{CURRENT}/state"


@pytest.fixture(autouse=True)
def _as_before(guardian: FakeGuardian) -> object:
    before = guardian.snapshot, guardian.describe
    yield
    guardian.snapshot, guardian.describe = before


def test_a_target_says_what_may_be_asked_who_holds_it_and_what_binds(probe: Probe) -> None:
    state = probe.until_kept(STATE, lambda said: said)
    assert {name: state[name] for name in ("unit", "output", "lo", "hi", "hi_by", "limited_by", "hunting")} == {
        "unit": "A",
        "output": 10,
        "lo": 0,
        "hi": 13,
        "hi_by": "main_fuse",
        "limited_by": "main_fuse",
        "hunting": False,
    }
    assert state["limited_why"] == "the main fuse carries 35 A per phase"
    assert (state["held_by"], state["held_kind"]) == ("homeassistant", "live")
    assert 0 < state["held_for_s"] <= 21.5
    assert state["until"].endswith("+00:00")


def test_a_device_shows_its_readings_with_unit_age_and_quality_and_whether_it_is_seen(probe: Probe) -> None:
    device = probe.until_kept("powerwarden/device/wallbox/state", lambda said: said)
    assert (device["power"]["value"], device["power"]["unit"], device["power"]["quality"]) == (2_300, "W", "suspect")
    assert device["power"]["age_s"] >= 0.06
    assert probe.kept["powerwarden/device/wallbox/status"] == b"online"
    assert probe.kept["powerwarden/device/battery/status"] == b"offline", "all its readings are stale or missing"
    assert probe.kept["powerwarden/device/heater/status"] == b"online", "it says nothing, and its bus is there"


def test_a_device_whose_machine_is_unseen_is_offline(probe: Probe, guardian: FakeGuardian) -> None:
    machines = tuple(replace(m, state=0) if n == 1 else m for n, m in enumerate(guardian.snapshot.machines))
    guardian.snapshot = replace(guardian.snapshot, machines=machines)
    probe.until_kept("powerwarden/device/wallbox/status", lambda said: said == "offline")


def test_the_house_says_its_mode_and_what_acts(probe: Probe) -> None:
    house = probe.until_kept("powerwarden/house/state", lambda said: said["problems"] == 3)
    assert (house["mode"], house["observe"], house["simulated"]) == ("degraded", False, True)
    assert [(trip["rule"], trip["answer"]) for trip in house["trips"]] == [("cell_cold", "unknown")]
    # the three problems: a rule that acts, a battery that is not seen, a bus that is down


def test_everything_kept_is_retained_and_answers_and_events_are_not(probe: Probe, broker: Mosquitto) -> None:
    probe.ask(f"powerwarden/ask/homeassistant/set/{CURRENT}", {"value": 10, "unit": "A"})
    with Probe(broker.port, "powerwarden/#") as late:
        late.until_kept("powerwarden/status", lambda said: said == "online")
        wanted = {STATE, "powerwarden/house/state", "powerwarden/status", "powerwarden/device/meter/state"}
        late.until(lambda: wanted <= {got.topic for got in late.heard if got.retain}, "everything that is kept")
    kept = {got.topic for got in late.heard if got.retain}
    assert not [topic for topic in kept if "/answer/" in topic or topic.endswith("/event") or "/ask/" in topic]


def test_a_reading_that_trembles_is_said_once_a_second_at_most(probe: Probe, guardian: FakeGuardian) -> None:
    topic = "powerwarden/device/meter/state"
    before = len(probe.heard)

    def tremble() -> bool:
        value = 10_000 + len(probe.heard) + time.monotonic_ns() % 1_000
        guardian.snapshot = replace(
            guardian.snapshot, readings=(Seen(value, 60, Quality.GOOD), *guardian.snapshot.readings[1:])
        )
        return len([got for got in probe.heard[before:] if got.topic == topic]) >= 4

    probe.until(tremble, "four states")
    times = [got.at_s for got in probe.heard[before:] if got.topic == topic]
    assert all(later - earlier >= 0.9 for earlier, later in itertools.pairwise(times[1:])), times


def test_what_does_not_change_is_not_said_again_and_again(probe: Probe) -> None:
    probe.ask("powerwarden/ask/homeassistant/heartbeat")
    before = len(probe.heard)
    end = time.monotonic() + 1.5
    probe.until(lambda: time.monotonic() > end, "a second and a half")
    said = [got.topic for got in probe.heard[before:]]
    assert said.count("powerwarden/device/meter/state") <= 1
    assert said.count("powerwarden/status") == 0


def test_after_a_decision_the_target_is_said_at_once_also_unchanged(probe: Probe, guardian: FakeGuardian) -> None:
    before = len(probe.heard)
    event = Event(0, "decision", CURRENT, "homeassistant: set 40 A: refused (house.most refuses)", 900)
    guardian.snapshot = replace(guardian.snapshot, events=(event,))
    began = time.monotonic()
    got = probe.next(STATE, before)
    assert got.at_s - began < 0.9
    assert got.json["refused"] == "homeassistant: set 40 A: refused (house.most refuses)"


def test_a_refusal_is_shown_until_a_wish_is_granted(probe: Probe, guardian: FakeGuardian) -> None:
    probe.ask(f"powerwarden/ask/homeassistant/set/{CURRENT}", {"value": 16, "unit": "A"})
    state = probe.until_kept(STATE, lambda said: said["refused"].startswith(CURRENT))
    assert state["refused"].endswith("13 A instead of 16 A for 30 s: 35 A per phase")
    event = Event(0, "decision", CURRENT, "homeassistant: set 10 A: granted (house.most permits)", 950)
    guardian.snapshot = replace(guardian.snapshot, events=(event,))
    probe.until_kept(STATE, lambda said: said["refused"] == "")


def test_each_event_is_said_once_with_its_number(probe: Probe, guardian: FakeGuardian) -> None:
    before = len(probe.heard)
    events = tuple(Event(0, "trip", "cell_cold", f"number {n}", n) for n in range(1_001, 1_004))
    guardian.snapshot = replace(guardian.snapshot, events=events)
    probe.until(lambda: [g for g in probe.heard[before:] if g.topic == "powerwarden/event"][2:], "three events")
    said = [got.json for got in probe.heard[before:] if got.topic == "powerwarden/event"]
    assert [event["number"] for event in said] == [1_001, 1_002, 1_003]
    assert set(said[0]) == {"number", "time", "kind", "subject", "text"}


def test_a_state_that_somebody_else_writes_is_put_right(probe: Probe) -> None:
    forged = b'{"output": 99}'
    for topic in (STATE, "powerwarden/status", "powerwarden/device/ghost/state", "powerwarden/target/x/y/z"):
        probe.publish(topic, forged, retain=True)
    probe.until_kept(STATE, lambda said: said["output"] == 10)
    probe.until_kept("powerwarden/status", lambda said: said == "online")
    ghosts = ("powerwarden/device/ghost/state", "powerwarden/target/x/y/z")
    probe.until(lambda: not any(ghost in probe.kept for ghost in ghosts), "what is not ours is gone")


def test_without_the_guardian_the_status_is_offline_within_three_seconds_and_questions_get_an_error(
    broker: Mosquitto, tmp_path: Path
) -> None:
    with Side(tmp_path / "g.sock") as side, Probe(broker.port, "lost/#") as probe:
        with guardian_at(tmp_path / "g.sock", broker.port, base="lost") as guardian:
            probe.until_kept("lost/status", lambda said: said == "online")
            guardian.muted = True  # it is there, and says nothing: its picture gets old
            probe.until_kept("lost/status", lambda said: said == "offline", 3.0)
            guardian.muted = False
            probe.until_kept("lost/status", lambda said: said == "online", 3.0)
        probe.until_kept("lost/status", lambda said: said == "offline", 3.0)
        before = len(probe.heard)
        answer = probe.ask("lost/ask/homeassistant/stop")
        assert answer["error"]["code"] == "guardian_absent"
        response = probe.ask("lost/request/homeassistant", {"command": "get", "comp": "wallbox", "request_id": "a"})
        assert (response["error"]["code"], response["request_id"]) == ("guardian_absent", "a")
        with guardian_at(tmp_path / "g.sock", broker.port, base="lost"):
            probe.until_kept("lost/status", lambda said: said == "online", 10.0)
        said = {got.topic for got in probe.heard[before:]}
        assert f"lost/target/{CURRENT}/state" in said, "everything is said anew"
        assert side.mistakes == 0


def test_the_status_comes_after_the_states_that_it_vouches_for(broker: Mosquitto, tmp_path: Path) -> None:
    with (
        Probe(broker.port, "order/#") as probe,
        guardian_at(tmp_path / "g.sock", broker.port, base="order") as guardian,
    ):
        with Side(guardian.path):
            probe.until_kept("order/status", lambda said: said == "online")
            said = [(got.topic, got.payload == b"online") for got in probe.heard]  # "offline" may come before all
            assert said.index((f"order/target/{CURRENT}/state", False)) < said.index(("order/status", True))
        probe.until_kept("order/status", lambda said: said == "offline")


def test_what_left_the_site_leaves_the_broker_also_when_the_gateway_was_away(broker: Mosquitto, tmp_path: Path) -> None:
    path = tmp_path / "g.sock"
    with Probe(broker.port, "moved/#") as probe:
        with guardian_at(path, broker.port, base="moved"), Side(path):
            probe.until_kept("moved/status", lambda said: said == "online")
            assert "moved/device/heater/status" in probe.kept
        with guardian_at(path, broker.port, base="moved") as smaller, Side(path):
            told = smaller.describe
            devices = tuple(device for device in told.devices if device.name != "heater")
            smaller.describe = replace(told, devices=devices, targets=told.targets[:2])
            smaller.snapshot = replace(smaller.snapshot, targets=smaller.snapshot.targets[:2])
            gone = (
                "moved/device/heater/status",
                "moved/target/heater.relay/state",
                "moved/target/battery.soc_max/state",
            )
            probe.until(lambda: not any(topic in probe.kept for topic in gone), "what is no more is cleared")
            probe.until_kept("moved/status", lambda said: said == "online")


def test_another_base_leaves_nothing_at_the_old_one(broker: Mosquitto, tmp_path: Path) -> None:
    path = tmp_path / "g.sock"
    with Probe(broker.port, "old/#", "new/#") as probe, Side(path):
        with guardian_at(path, broker.port, base="old"):
            probe.until_kept("old/status", lambda said: said == "online")
        with guardian_at(path, broker.port, base="new") as guardian:
            probe.until_kept("new/status", lambda said: said == "online")
            probe.until(
                lambda: not [topic for topic in probe.kept if topic.startswith("old/")], "the old base is empty"
            )
            guardian.describe = described(broker.port, base="new")
