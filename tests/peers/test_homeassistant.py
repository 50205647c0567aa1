"""A real Home Assistant, an old and a newer release, at a real broker with the example house.

The tests stand in their order: what ends something comes last.
"""

from __future__ import annotations

import json
import shutil
import signal
import time
from typing import Any

import pytest
import yaml
from homeassistant_scene import Scene
from running_house import ROOT

from supervisor import wire
from supervisor.gateway import units
from supervisor.gateway.mqtt.homeassistant import announce, devices

BLUEPRINT = ROOT / "deploy" / "homeassistant" / "blueprints" / "automation" / "powerwarden" / "live_optimiser.yaml"
CAR, SLIDER, MODE = "wallbox.current", "number.wallbox_current", "sensor.powerwarden_mode"
SIGHT_S = 10.0  # for everybody to see the truth again
HOME_TRIES_EVERY_S = 10.0  # Home Assistant's own pause between two attempts to reach its broker


def bodies(told: wire.Describe) -> dict[str, dict[str, Any]]:
    """What we announced, by entity id."""
    found: dict[str, dict[str, Any]] = {}
    for message in announce(told):
        said = json.loads(message.payload)
        found.update({body["default_entity_id"]: body for body in said.get("components", {"": said}).values()})
    return found


# ---- what appears ------------------------------------------------------------------------------------------------
def test_every_entity_of_the_house_appears_and_nothing_else(scene: Scene) -> None:
    told, _now = scene.house.seen()
    ours, theirs = bodies(told), scene.registered()
    assert theirs.keys() == ours.keys()
    for name, row in theirs.items():
        assert (row["disabled_by"] is None) == ours[name].get("enabled_by_default", True), name
        assert row["entity_category"] == ours[name].get("entity_category"), name


def test_each_entity_has_our_class_and_unit_and_a_state(scene: Scene) -> None:
    told, _now = scene.house.seen()
    states, rows = scene.home.states(), scene.registered()
    for name, said in bodies(told).items():
        if rows[name]["disabled_by"] is not None:
            assert name not in states
            continue
        shown = states[name]
        for ours in ("device_class", "unit_of_measurement", "state_class", "min", "max", "step"):
            assert shown["attributes"].get(ours) == said.get(ours), name
        assert shown["state"] != "unavailable", name


def test_the_devices_hang_below_the_box(scene: Scene) -> None:
    told, _now = scene.house.seen()
    assert told.gateway.mqtt is not None
    rows = {row["name"]: row for row in scene.home.ask("config/device_registry/list")}
    names = [device.about["name"] for device in devices(told, told.gateway.mqtt)]
    assert set(names) <= rows.keys()
    assert {rows[name]["via_device_id"] for name in names[1:]} == {rows["Powerwarden"]["id"]}


def test_readings_are_what_the_house_reads(scene: Scene) -> None:
    told, _now = scene.house.seen()
    for name in ("meter.voltage_l1", "battery.soc", "battery.voltage", "battery.temperature"):
        entity = f"sensor.{name.replace('.', '_')}"
        if entity not in scene.home.states():
            continue  # announced, but disabled until somebody wants it
        index = [info.id for info in told.signals].index(name)
        seen = scene.house.seen()[1].readings[index].value
        assert seen is not None
        shown = float(units.shown(seen, told.signals[index].unit))
        assert abs(float(scene.home.state(entity)) - shown) <= abs(shown) * 0.05, name


def test_what_nobody_knows_is_unknown_there_and_never_zero(scene: Scene) -> None:
    """Home Assistant itself renders each template: of an empty message, and of one whose value is null."""
    for name, said in bodies(scene.house.seen()[0]).items():
        if name.split(".")[0] not in ("sensor", "number", "switch", "select") or "value_template" not in said:
            continue
        signal = said["unique_id"].removeprefix("powerwarden_").partition("_")[2]
        null = {"value": None, "quality": "missing"}
        for message in ({}, {signal: null, "held": None, "output": None, "hi": None, "until": None, "mode": None}):
            template = f"{{% set value_json = {message!r} %}}" + said["value_template"]
            request = {"template": template.replace("None", "none")}
            status, shown = scene.home.try_call("POST", "/api/template", request, plain=True)
            unknown = ("None", "unknown", "nothing", "nobody", "not held", "none")
            assert (status, shown in unknown) == (200, True), (name, message, shown)


# ---- what is asked -----------------------------------------------------------------------------------------------
def test_a_slider_is_a_setting_lease_and_shows_what_was_granted(scene: Scene) -> None:
    assert scene.home.do("number.set_value", entity_id=SLIDER, value=10) == 200
    scene.until_state(SLIDER, "10", 2.0)
    lease = scene.house.target(CAR).lease
    assert lease is not None
    assert (lease.holder, lease.kind, lease.value) == ("homeassistant", "setting", 10_000)
    scene.until_state("sensor.wallbox_current_held_by", "homeassistant")
    assert scene.home.state("sensor.wallbox_current_until").startswith("20")


def test_a_clipped_wish_jumps_to_what_was_granted_and_says_why(scene: Scene) -> None:
    assert scene.home.do("number.set_value", entity_id=SLIDER, value=4) == 200
    scene.until_state(SLIDER, "0", 2.0)
    scene.home.until(lambda: "instead of 4 A" in scene.home.state("sensor.wallbox_current_refusal"), "it says why", 2.0)


def test_a_refused_command_says_its_reason_within_a_second_and_falls_back(scene: Scene) -> None:
    assert scene.home.do("switch.turn_on", entity_id="switch.relays_coil_2") == 200
    said = "sensor.relays_coil_2_refusal"
    scene.home.until(lambda: "no permission" in scene.home.state(said), "the reason", 1.0)
    assert "no permission" in scene.home.state("sensor.powerwarden_answer")
    assert scene.home.state("switch.relays_coil_2") == "off"


def test_a_switch_closes_its_contact_and_release_gives_it_back(scene: Scene) -> None:
    scene.home.do("switch.turn_on", entity_id="switch.relays_coil_1")
    scene.until_state("sensor.relays_contact_1", "closed")
    scene.until_state("switch.relays_coil_1", "on")
    scene.home.do("button.press", entity_id="button.relays_coil_1_release")
    scene.until_state("switch.relays_coil_1", "off")
    scene.until_state("sensor.relays_coil_1_held_by", "nobody")


def test_stop_everything_ends_what_is_held(scene: Scene) -> None:
    scene.home.do("number.set_value", entity_id=SLIDER, value=8)
    scene.until_state(SLIDER, "8")
    scene.home.do("button.press", entity_id="button.powerwarden_stop")
    scene.until_state("sensor.wallbox_current_held_by", "nobody")
    scene.until_state(SLIDER, "0")


def test_a_number_beyond_the_rating_is_refused_by_home_assistant_itself(scene: Scene) -> None:
    assert scene.home.do("number.set_value", entity_id=SLIDER, value=40) >= 400


# ---- the blueprint -----------------------------------------------------------------------------------------------
def test_the_blueprint_asks_live_and_its_last_word_expires_when_it_stops(scene: Scene) -> None:
    place = scene.home.folder / "blueprints" / "automation" / "powerwarden"
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(BLUEPRINT, place)
    told = {"target": CAR, "unit": "A", "wanted": "{{ 9 }}", "highest": 16, "interval": 5, "duration": 15}
    use = {"path": "powerwarden/live_optimiser.yaml", "input": told}
    rows = [{"id": "surplus", "alias": "Surplus", "use_blueprint": use}]
    (scene.home.folder / "automations.yaml").write_text(yaml.safe_dump(rows))
    assert scene.home.do("automation.reload") == 200

    def holds() -> bool:
        lease = scene.house.target(CAR).lease
        return lease is not None and (lease.holder, lease.kind, lease.value) == ("homeassistant", "live", 9_000)

    scene.home.until(holds, "the automation holds 9 A live", 15.0)
    scene.home.do("automation.turn_off", entity_id="automation.surplus")
    scene.home.until(lambda: scene.house.target(CAR).lease is None, "nobody renews it", 25.0)


def test_its_log_has_no_complaint_about_us(scene: Scene) -> None:
    assert scene.home.complaints() == []


# ---- things end --------------------------------------------------------------------------------------------------
def test_a_dead_gateway_makes_its_entities_unavailable_and_a_new_one_brings_them_back(scene: Scene) -> None:
    product = scene.house.product
    assert product is not None
    product.send_signal(signal.SIGSTOP)  # who would start it again at once
    try:
        scene.house.kill("gateway")
        scene.until_state(SLIDER, "unavailable", 5.0)
        assert scene.home.state("sensor.meter_power") == "unavailable"
        assert scene.home.state("binary_sensor.powerwarden_connected") == "off"
    finally:
        product.send_signal(signal.SIGCONT)
    began = time.monotonic()
    scene.home.until(lambda: scene.home.state(SLIDER) not in ("unavailable", "unknown"), "it is back", 10.0)
    assert time.monotonic() - began < 10


def test_a_silent_device_makes_its_own_entities_unavailable_only(scene: Scene) -> None:
    scene.house.fault("meter", fault="silent")
    scene.until_state("sensor.meter_power", "unavailable", 15.0)
    scene.until_state("binary_sensor.meter_connected", "off")
    scene.until_state("binary_sensor.powerwarden_problem", "on")
    assert scene.home.state("sensor.battery_soc") != "unavailable"
    scene.house.fault("meter", clear=True)
    scene.home.until(lambda: scene.home.state("sensor.meter_power") != "unavailable", "it is back", 15.0)


def test_after_its_restart_home_assistant_shows_the_truth_within_ten_seconds(scene: Scene) -> None:
    scene.home.stop()
    body = {"value": "on", "unit": "flag", "kind": "setting"}
    assert scene.house.http("PUT", "/v1/targets/relays.coil_1/setpoint", body, "demo-phone")[0] == 200
    scene.home.start()
    scene.until_state("switch.relays_coil_1", "on", 10.0)
    scene.until_state("sensor.relays_coil_1_held_by", "phone", 10.0)


@pytest.mark.parametrize("order", ["broker", "homeassistant broker gateway", "gateway homeassistant broker"])
def test_killed_in_any_order_a_setting_survives_and_home_assistant_shows_the_truth(scene: Scene, order: str) -> None:
    assert scene.home.do("number.set_value", entity_id=SLIDER, value=9) == 200
    scene.until_state(SLIDER, "9", 5.0)
    for part in order.split():
        if part == "broker":
            scene.broker.kill()
            scene.broker.start()
        elif part == "homeassistant":
            scene.home.stop(kill=True)
            scene.home.start()
        else:
            before = scene.house.process(part).pid
            scene.house.kill(part)
            scene.house.until(
                lambda old=before: scene.house.healthy() and scene.house.process("gateway").pid != old, "back"
            )
    for entity, truth in ((SLIDER, "9"), ("sensor.wallbox_current_held_by", "homeassistant"), (MODE, "normal")):
        scene.until_state(entity, truth, SIGHT_S + HOME_TRIES_EVERY_S)
    scene.home.do("button.press", entity_id="button.wallbox_current_release")
    scene.until_state("sensor.wallbox_current_held_by", "nobody")


def test_a_device_that_left_the_site_leaves_home_assistant(scene: Scene) -> None:
    assert "sensor.spare_power" in scene.registered()
    scene.house.stop_product()
    text = (scene.house.site / "site.yaml").read_text()
    scene.house.edit(text[text.index("  spare:\n") : text.index("\ncircuits:")], "")
    scene.house.start_product()
    scene.home.until(lambda: not any("spare" in name for name in scene.registered()), "the spare meter is gone", 20.0)
    scene.until_state("sensor.powerwarden_mode", "normal", 20.0)
    told, _now = scene.house.seen()
    assert scene.registered().keys() == bodies(told).keys()


def test_the_other_format_takes_the_place_of_the_first(scene: Scene) -> None:
    if scene.release.format == "entity":
        return  # this release knows no other
    scene.house.stop_product()
    scene.house.edit("format: device", "format: entity")
    scene.house.start_product()
    told = bodies(scene.house.seen()[0]) if scene.house.until(scene.house.healthy, "it answers") else {}
    scene.home.until(lambda: scene.home.state("sensor.powerwarden_mode") == "normal", "the mode", 20.0)
    scene.home.until(lambda: scene.registered().keys() == told.keys(), "the same entities", 10.0)


def test_without_homeassistant_in_the_site_nothing_of_us_is_left(scene: Scene) -> None:
    scene.house.stop_product()
    shape = "entity"
    scene.house.edit(f"    homeassistant: {{identity: homeassistant, format: {shape}}}\n", "")
    scene.house.start_product()
    scene.home.until(lambda: not scene.registered(), "all entities are gone", 20.0)


def test_its_log_has_no_complaint_in_the_end_either(scene: Scene) -> None:
    assert scene.home.complaints() == []
