"""What is announced to Home Assistant, from the example houses. (What a real one makes of it: tests/peers.)"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from supervisor.gateway.link import Link
from supervisor.gateway.mqtt.heard import Heard
from supervisor.gateway.mqtt.homeassistant import announce, cards, node
from supervisor.gateway.mqtt.homeassistant_guest import HomeAssistant
from supervisor.gateway.mqtt.homeassistant_words import MODES, QUANTITIES
from supervisor.guardian.tell import describe
from supervisor.kernel.plan import MODES as MODES_OF_THE_HOUSE
from supervisor.loader.load import load
from supervisor.wire import Describe, DeviceInfo, GatewayInfo, MqttInfo, SignalInfo

POLICIES = Path(__file__).resolve().parents[2] / "policies"
HOUSES = ("uc001", "wallbox_phases", "rebundling", "island")
BROKER = MqttInfo("127.0.0.1", 1883, False, "powerwarden", "homeassistant", "homeassistant", "device")
# what Home Assistant documents for its sensors: device class -> units in which we might say it
CLASSES = {
    "voltage": {"V"}, "current": {"A"}, "power": {"W"}, "energy": {"Wh", "kWh"}, "frequency": {"Hz"},
    "temperature": {"°C"}, "battery": {"%"}, "duration": {"s"},
}  # fmt: skip


@cache
def example(site: str) -> Describe:
    return describe(load(POLICIES / site))


def house(site: str = "uc001", shape: str = "device", **changes: Any) -> Describe:
    told = replace(example(site), gateway=GatewayInfo("open", replace(BROKER, ha_format=shape)))
    return replace(told, **changes)


def entities(told: Describe) -> dict[str, dict[str, Any]]:
    """Each announced entity by its entity id, with what it shares with its device."""
    found: dict[str, dict[str, Any]] = {}
    for message in announce(told):
        said = json.loads(message.payload)
        platform = message.topic.split("/")[-4]
        bodies = said.pop("components", {"": said | {"platform": platform}})
        for body in bodies.values():
            found[body["default_entity_id"]] = said | body
    return found


# ---- what appears ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("site", HOUSES)
@pytest.mark.parametrize("shape", ["device", "entity"])
def test_every_signal_and_target_of_every_example_house_has_its_entity(site: str, shape: str) -> None:
    told = house(site, shape)
    said = entities(told)
    for signal in told.signals:
        platform = "binary_sensor" if signal.unit == "flag" else "sensor"
        assert f"{platform}.{signal.id.replace('.', '_')}" in said
    for target in told.targets:
        platform = "switch" if target.unit == "flag" else "select" if target.codes else "number"
        assert f"{platform}.{target.id.replace('.', '_')}" in said


@pytest.mark.parametrize("site", HOUSES)
def test_both_formats_announce_the_same_entities_under_the_same_unique_ids(site: str) -> None:
    per_device, per_entity = (entities(house(site, shape)) for shape in ("device", "entity"))
    assert per_device.keys() == per_entity.keys()
    assert all(per_device[name]["unique_id"] == per_entity[name]["unique_id"] for name in per_device)


@pytest.mark.parametrize("site", HOUSES)
@pytest.mark.parametrize("shape", ["device", "entity"])
def test_no_two_entities_share_a_unique_id_or_an_entity_id(site: str, shape: str) -> None:
    told = house(site, shape)
    count = sum(sum(len(keys) for keys in card.listed.entities.values()) for card in cards(told))
    said = entities(told)
    assert len(said) == count
    assert len({(name.split(".")[0], body["unique_id"]) for name, body in said.items()}) == count


def test_older_releases_get_the_entity_id_by_the_older_name_too() -> None:
    for name, body in entities(house()).items():
        assert name.split(".")[1] == body["object_id"]


def test_ids_outlive_a_corrected_title_and_another_digest() -> None:
    told = house()
    renamed = replace(told, site="a better title", digest="other")
    before, after = entities(told), entities(renamed)
    assert {n: b["unique_id"] for n, b in before.items()} == {n: b["unique_id"] for n, b in after.items()}
    assert {tuple(b["device"]["identifiers"]) for b in before.values()} == {
        tuple(b["device"]["identifiers"]) for b in after.values()
    }


def test_two_boxes_at_one_broker_are_two(tmp_path: Path) -> None:
    other = replace(house(), gateway=GatewayInfo("open", replace(BROKER, base="garage/box")))
    ours = {body["unique_id"] for body in entities(house()).values()}
    assert not ours & {body["unique_id"] for body in entities(other).values()}
    assert node("garage/box") == "powerwarden_garage_box"


def test_a_site_that_names_no_homeassistant_announces_nothing() -> None:
    assert announce(replace(house(), gateway=GatewayInfo("open", None))) == ()
    assert announce(replace(house(), gateway=GatewayInfo("open", replace(BROKER, ha_identity="")))) == ()


def test_the_devices_hang_below_the_box_which_comes_first() -> None:
    first, *others = [json.loads(message.payload)["device"] for message in announce(house())]
    assert first["identifiers"] == ["powerwarden"]
    assert [other["via_device"] for other in others] == ["powerwarden"] * len(others)


def test_a_name_does_not_repeat_the_devices_name() -> None:
    for body in entities(house("rebundling")).values():
        assert not body["name"].lower().startswith(body["device"]["name"].lower() + " ")


# ---- classes and units -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("site", HOUSES)
def test_a_unit_fits_its_device_class_and_a_state_class_its_kind(site: str) -> None:
    for name, body in entities(house(site)).items():
        kind = body.get("device_class")
        if "unit_of_measurement" in body and kind is not None:
            assert body["unit_of_measurement"] in CLASSES[kind], name
        if name.startswith("sensor.") and kind == "energy":
            assert body["state_class"] == "total_increasing", name
        elif "state_class" in body:
            assert body["state_class"] == "measurement", name
        if kind in ("enum", "timestamp"):
            assert not {"state_class", "unit_of_measurement"} & body.keys(), name


def test_every_unit_of_the_kernel_that_is_a_quantity_has_its_class() -> None:
    units = {info.unit for site in HOUSES for info in (*example(site).signals, *example(site).targets)}
    assert units - {"flag", "code"} <= QUANTITIES.keys()


def test_every_mode_of_the_house_is_an_option() -> None:
    assert set(MODES) == {mode.value if hasattr(mode, "value") else mode for mode in MODES_OF_THE_HOUSE}


def test_a_battery_that_tells_volts_and_amperes_has_a_power() -> None:
    body = entities(house())["sensor.battery_power"]
    assert (body["device_class"], body["unit_of_measurement"]) == ("power", "W")
    told = house(signals=(*example("uc001").signals, SignalInfo("battery.power", "mW", 1_000)))
    assert entities(told)["sensor.battery_power"]["value_template"].count("said.get('power')") == 1


# ---- what is asked -----------------------------------------------------------------------------------------------
def test_a_sliders_edges_are_the_devices_rating_with_its_unit_and_step() -> None:
    body = entities(house())["number.wallbox_current"]
    assert (body["min"], body["max"], body["step"]) == (0, 16, 1)
    assert (body["unit_of_measurement"], body["device_class"], body["mode"]) == ("A", "current", "slider")


def test_a_position_is_chosen_by_its_name() -> None:
    assert entities(house("wallbox_phases"))["select.phases_position"]["options"] == ["open", "one", "three"]


@pytest.mark.parametrize("site", HOUSES)
def test_nothing_asks_in_a_retained_message_or_shows_what_was_only_asked(site: str) -> None:
    asking = [body for body in entities(house(site)).values() if "command_topic" in body]
    assert asking
    for body in asking:
        assert body["retain"] is False
        assert body["command_topic"].startswith("powerwarden/ask/homeassistant/")
        if "state_topic" in body:
            assert body["optimistic"] is False


def test_release_and_stop_are_buttons_with_an_empty_message() -> None:
    said = entities(house())
    pressed = {name: (said[f"button.{name}"]["command_topic"], said[f"button.{name}"]["payload_press"]) for name in
               ("wallbox_current_release", "wallbox_current_stop", "powerwarden_stop")}  # fmt: skip
    ask = "powerwarden/ask/homeassistant"
    assert pressed == {
        "wallbox_current_release": (f"{ask}/release/wallbox.current", ""),
        "wallbox_current_stop": (f"{ask}/stop/wallbox.current", ""),
        "powerwarden_stop": (f"{ask}/stop", ""),
    }


# ---- availability ------------------------------------------------------------------------------------------------
def test_an_entity_is_available_only_while_the_box_and_its_device_are() -> None:
    body = entities(house())["number.wallbox_current"]
    assert body["availability_mode"] == "all"
    assert [entry["topic"] for entry in body["availability"]] == [
        "powerwarden/status",
        "powerwarden/device/wallbox/status",
    ]


def test_whether_a_device_is_connected_is_said_also_while_it_is_not() -> None:
    said = entities(house())
    assert said["binary_sensor.wallbox_connected"]["availability"] == [{"topic": "powerwarden/status"}]
    assert said["binary_sensor.powerwarden_connected"]["availability"] == []


def test_a_changeover_has_no_status_of_its_own_to_wait_for() -> None:
    body = entities(house("wallbox_phases"))["select.phases_position"]
    assert [entry["topic"] for entry in body["availability"]] == ["powerwarden/status"]


def test_readings_expire_where_their_publisher_died_without_a_will() -> None:
    readings = [
        body for body in entities(house()).values() if body.get("state_topic", "").startswith("powerwarden/dev")
    ]
    assert {body.get("expire_after") for body in readings if body.get("device_class") != "connectivity"} == {120}


# ---- at the broker -----------------------------------------------------------------------------------------------
@dataclass
class Shelf:
    """A broker held in the hand: it keeps what is retained, and takes at most ``room`` messages at a time."""

    kept: dict[str, bytes] = field(default_factory=dict)
    said: list[tuple[str, bytes]] = field(default_factory=list)
    room: int = 100_000

    def say(self, topic: str, payload: bytes, retain: bool = False, correlation: bytes = b"") -> bool:
        if self.room == 0:
            return False
        self.room -= 1
        self.said.append((topic, payload))
        self.kept[topic] = payload
        if not payload:
            del self.kept[topic]
        return True


class Box:
    """A guest with a broker, a description and a clock in the test's hand. Each box is another run of the gateway."""

    def __init__(self, shelf: Shelf, told: Describe, draw: float = 1.0) -> None:
        self.shelf, self.now_ms, self.again = shelf, 1_000_000, 0
        self.link = Link("nowhere")
        self.link.describe = told
        broker = told.gateway.mqtt
        assert broker is not None
        self.guest = HomeAssistant(self.link, shelf, broker, self._again, lambda: self.now_ms, lambda: draw)

    def _again(self) -> None:
        self.again += 1

    def connect(self) -> Box:
        self.guest.connected()
        for topic, payload in list(self.shelf.kept.items()):
            if self.guest.wants(topic):
                self.guest.hear(Heard(topic, payload, retain=True))
        return self.after(1.0)

    def after(self, seconds: float) -> Box:
        self.now_ms += round(seconds * 1_000)
        self.shelf.said.clear()
        self.guest.tick()
        return self

    def configs(self) -> set[str]:
        return {topic for topic in self.shelf.kept if topic.endswith("/config")}


def topics(told: Describe) -> set[str]:
    return {message.topic for message in announce(told)}


def without(told: Describe, device: str) -> Describe:
    def keep(name: str) -> bool:
        return name.split(".")[0] != device

    return replace(
        told,
        devices=tuple(info for info in told.devices if info.name != device),
        signals=tuple(info for info in told.signals if keep(info.id)),
        targets=tuple(info for info in told.targets if keep(info.id)),
    )


OTHER_ID = replace(BROKER, ha_identity="")
CHANGES: dict[str, Callable[[Describe], Describe]] = {
    "a device left the site": lambda told: without(told, "wallbox"),
    "the other format": lambda told: replace(told, gateway=GatewayInfo("open", replace(BROKER, ha_format="entity"))),
    "another prefix": lambda told: replace(told, gateway=GatewayInfo("open", replace(BROKER, ha_prefix="ha"))),
    "no homeassistant any more": lambda told: replace(told, gateway=GatewayInfo("open", OTHER_ID)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("shape", ["device", "entity"])
def test_nothing_is_left_behind_whoever_was_running_when_it_changed(change: str, shape: str) -> None:
    shelf = Shelf()
    Box(shelf, house("uc001", shape)).connect()
    now = CHANGES[change](house())
    assert Box(shelf, now).connect().configs() == topics(now)


@pytest.mark.parametrize("shape", ["device", "entity"])
def test_a_box_that_moves_to_another_broker_leaves_nothing_at_the_old_one(shape: str) -> None:
    box = Box(Shelf(), house("uc001", shape)).connect()
    box.guest.clear()
    assert box.shelf.kept == {}


def test_an_entity_that_went_is_taken_out_of_its_device() -> None:
    shelf = Shelf()
    Box(shelf, house()).connect()
    fewer = house(signals=tuple(info for info in example("uc001").signals if info.id != "wallbox.power"))
    box = Box(shelf, fewer).connect()
    config = "homeassistant/device/powerwarden_wallbox/config"
    first, last = [json.loads(payload)["components"] for topic, payload in box.shelf.said if topic == config]
    assert first["sensor_power"] == {"platform": "sensor"}  # Home Assistant: remove this one
    assert "sensor_power" not in last
    assert len(first) == len(last) + 1


def test_what_others_announce_is_left_alone() -> None:
    foreign = {"homeassistant/device/0x00124b/config": b"{}", "homeassistant/sensor/powerwarden_fan/x/config": b"{}"}
    theirs = b'{"prefix":"homeassistant","per_device":true,"entities":{}}'
    shelf = Shelf(foreign | {"powerwarden/announced/0x00124b": theirs})
    Box(shelf, house()).connect()
    Box(shelf, CHANGES["no homeassistant any more"](house())).connect()
    assert foreign.items() <= shelf.kept.items()


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'{"prefix":"#","per_device":true,"entities":{}}', b"\xff", b"[" * 9_000]
)
def test_a_list_that_is_none_of_ours_harms_nobody(text: bytes) -> None:
    shelf = Shelf({"powerwarden/announced/powerwarden_wallbox": text})
    assert Box(shelf, house()).connect().configs() == topics(house())


def test_a_broker_that_takes_a_few_messages_at_a_time_has_them_all_in_the_end() -> None:
    box = Box(Shelf(room=3), house("uc001", "entity")).connect()
    for _ in range(60):
        box.shelf.room = 3
        box.after(0.5)
    assert box.configs() == topics(house("uc001", "entity"))


def test_what_was_to_be_cleared_is_cleared_also_when_the_house_changes_meanwhile() -> None:
    shelf = Shelf()
    Box(shelf, house("uc001", "entity")).connect()
    shelf.room = 2
    box = Box(shelf, house()).connect()
    box.link.describe = without(house(), "battery")
    shelf.room = 100_000
    assert box.after(0.5).configs() == topics(without(house(), "battery"))


def test_home_assistants_birth_is_answered_with_everything_within_a_few_seconds() -> None:
    box = Box(Shelf(), house(), draw=1.0).connect()
    box.guest.hear(Heard("homeassistant/status", b"online"))
    assert box.after(0.1).shelf.said == []  # many clients at once are a storm
    assert {topic for topic, _ in box.after(5.0).shelf.said} >= topics(house())
    assert box.again == 1
    assert box.after(20.0).shelf.said == []


def test_a_death_of_home_assistant_or_an_old_birth_is_answered_with_nothing() -> None:
    box = Box(Shelf(), house()).connect()
    box.guest.hear(Heard("homeassistant/status", b"offline"))
    box.guest.hear(Heard("homeassistant/status", b"online", retain=True))
    assert box.after(20.0).shelf.said == []


def test_nothing_is_said_while_nothing_changes() -> None:
    box = Box(Shelf(), house()).connect()
    assert box.after(60.0).shelf.said == []


def test_what_we_said_comes_back_to_us_and_is_answered_with_nothing() -> None:
    box = Box(Shelf(), house()).connect()
    for topic, payload in box.shelf.said:
        if box.guest.wants(topic):
            box.guest.hear(Heard(topic, payload, retain=True))
    assert box.after(0.5).shelf.said == []


def test_a_device_more_is_announced_when_the_house_is_described_anew() -> None:
    box = Box(Shelf(), without(house(), "wallbox")).connect()
    box.link.describe = house()
    assert box.after(0.5).configs() == topics(house())


def test_a_device_of_no_bus_of_ours_is_a_device_all_the_same() -> None:
    more = (*example("uc001").devices, DeviceInfo("heater", "modbus_load", "lan", True))
    said = [json.loads(message.payload)["device"] for message in announce(house(devices=more))]
    assert [about["model"] for about in said if about["name"] == "Heater"] == ["modbus_load (observed only)"]
