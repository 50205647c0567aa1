"""Home Assistant's entities for signals, targets and the box itself.

Rules
* An entity's ``key`` never changes: it is half of its unique id, and a new one would lose the user's names and history.
* A number's edges are the device's *rating*, not what may be asked now: outside them Home Assistant sends nothing, and
  nobody would be told why. What is asked inside them is answered, with its reason.
* A control shows what is held, never what was asked (``optimistic`` is off): a refused wish falls back in sight.
* Nothing that is announced here asks in a retained message: a command that waits at the broker is a command of
  yesterday.

This file must never decide who may ask: what an identity may not do is refused by the guardian, and said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from supervisor.gateway import units
from supervisor.gateway.mqtt import homeassistant_templates as template
from supervisor.gateway.mqtt.homeassistant_words import MODES, is_diagnostic, is_quiet, label, quantity
from supervisor.gateway.mqtt.topics import Topics
from supervisor.wire import SignalInfo, TargetInfo

Json = dict[str, Any]

EXPIRE_S = 120  # a device's state is published every 30 s at least: four missed are a dead publisher
SLIDER_STEPS_MAX = 200  # a slider with more positions than pixels is worse than a box


@dataclass(frozen=True)
class Entity:
    """``platform``: sensor, number, ...; ``key``: unique within its device and platform; ``said``: the rest of its
    announcement."""

    platform: str
    key: str
    name: str
    said: Json


@dataclass(frozen=True)
class Voice:
    """In whose name the entities ask, and where."""

    topics: Topics
    identity: str

    def ask(self, verb: str, target: str = "") -> str:
        return f"{self.topics.base}/ask/{self.identity}/{verb}" + (f"/{target}" if target else "")


# ---- a device's signals ------------------------------------------------------------------------------------------
def of_signal(info: SignalInfo, topics: Topics) -> Entity:
    """What a device says of itself, as a sensor or a binary sensor."""
    device, _, name = info.id.partition(".")
    said: Json = {"state_topic": topics.device_state(device), "expire_after": EXPIRE_S}
    if is_diagnostic(name):
        said["entity_category"] = "diagnostic"
    if is_quiet(name):
        said["enabled_by_default"] = False
    if info.unit == "flag":
        return Entity("binary_sensor", name, label(name), said | {"value_template": template.flag(name)})
    if info.unit == "code":
        return Entity("sensor", name, label(name), said | _code(name, info.codes))
    return Entity(
        "sensor", name, label(name), said | _number(info.unit, name, template.reading(name, info.unit == "Wh"))
    )


def battery_power(device: str, topics: Topics) -> Entity:
    """Volts times amperes, of a battery that tells both and no power: plus is discharging, as Home Assistant has it."""
    said = {"state_topic": topics.device_state(device), "expire_after": EXPIRE_S}
    return Entity("sensor", "power", "Power", said | _number("mW", "power", template.product("voltage", "current")))


def connectivity(device: str, topics: Topics) -> Entity:
    """Is the device seen? The one entity that says so instead of being unavailable with it."""
    here: list[Json] = [{"topic": topics.status}]
    return _online("Connected", topics.device_status(device), {"availability": here})


def _code(name: str, codes: tuple[tuple[int, str], ...]) -> Json:
    if not codes:
        return {"value_template": template.text(name)}
    options = dict.fromkeys([*(said for _, said in codes), template.UNKNOWN])
    return {"device_class": "enum", "options": list(options), "value_template": template.code(name, codes)}


def _number(unit: str, name: str, value_template: str) -> Json:
    """A measured number: its class, unit and state class belong together."""
    about = quantity(unit, name)
    said: Json = {"state_class": about.state_class, "value_template": value_template}
    if about.device_class:
        said["device_class"] = about.device_class
    if unit != "count":
        said |= {"unit_of_measurement": units.shown_unit(unit), "suggested_display_precision": about.digits}
    return said


# ---- a target ----------------------------------------------------------------------------------------------------
def of_target(info: TargetInfo, voice: Voice, timestamps: bool) -> Iterator[Entity]:
    """What is asked of a target, and what it says about that. ``timestamps``: may a moment be null? (2024.11 on)"""
    key = info.id.partition(".")[2]
    name, state = label(key), {"state_topic": voice.topics.target_state(info.id)}
    yield _control(info, key, name, voice)
    yield _button(f"{key}_release", f"{name}: back to automatic", voice.ask("release", info.id), "mdi:restore")
    yield _button(f"{key}_stop", f"{name}: stop", voice.ask("stop", info.id), "mdi:stop-circle-outline")
    if info.unit not in ("flag", "code"):
        yield Entity(
            "sensor", f"{key}_available", f"{name} available now", state | _number(info.unit, key, template.field("hi"))
        )
        yield Entity(
            "sensor", f"{key}_output", f"{name} given now", state | _number(info.unit, key, template.field("output"))
        )
    yield from _about(key, name, voice.topics.target_state(info.id), timestamps)


def _control(info: TargetInfo, key: str, name: str, voice: Voice) -> Entity:
    said: Json = {
        "state_topic": voice.topics.target_state(info.id),
        "command_topic": voice.ask("slide", info.id),
        "optimistic": False,
        "retain": False,
    }
    if info.unit == "flag":
        words = {"payload_on": "on", "payload_off": "off", "state_on": "on", "state_off": "off"}
        return Entity("switch", key, name, said | words | {"value_template": template.held_flag()})
    if info.codes:
        options = [position for _, position in info.codes]
        return Entity(
            "select", key, name, said | {"options": options, "value_template": template.held_position(info.codes)}
        )
    return Entity("number", key, name, said | _slider(info, key))


def _slider(info: TargetInfo, key: str) -> Json:
    lo, hi = (units.shown(edge, info.unit) for edge in (info.lo, info.hi))
    step = _step(info)
    about = quantity(info.unit, key)
    said: Json = {"min": lo, "max": hi, "step": step, "value_template": template.held()}
    said["mode"] = "slider" if (hi - lo) / step <= SLIDER_STEPS_MAX else "box"
    if about.device_class:
        said["device_class"] = about.device_class
    if info.unit != "count":
        said["unit_of_measurement"] = units.shown_unit(info.unit)
    return said


def _step(info: TargetInfo) -> float:
    """The device's own step; where it takes everything, a hundredth of the unit."""
    scale = units.scale_of(units.shown_unit(info.unit), info.unit)
    kernel = info.step if info.step > 1 else max(1, scale // 100)
    return float(Decimal(kernel) / scale)


def _button(key: str, name: str, topic: str, icon: str) -> Entity:
    return Entity("button", key, name, {"command_topic": topic, "payload_press": "", "retain": False, "icon": icon})


def _about(key: str, name: str, topic: str, timestamps: bool) -> Iterator[Entity]:
    """Why it is as it is. Attributes hold only what changes seldom: each change is a row in a user's database."""
    state = {"state_topic": topic}
    why = {
        "json_attributes_topic": topic,
        "json_attributes_template": template.attributes(why="limited_why", lowest_by="lo_by", highest_by="hi_by"),
    }
    limited = {"value_template": template.words("limited_by", "nothing"), "icon": "mdi:sign-caution"}
    yield Entity("sensor", f"{key}_limited_by", f"{name} limited by", state | why | limited)
    kind = {"json_attributes_topic": topic, "json_attributes_template": template.attributes(kind="held_kind")}
    holder = {"value_template": template.words("held_by", "nobody"), "icon": "mdi:account-lock"}
    yield Entity("sensor", f"{key}_held_by", f"{name} held by", state | kind | holder)
    yield Entity("sensor", f"{key}_until", f"{name} held until", state | _until(timestamps))
    whole = {"json_attributes_topic": topic, "json_attributes_template": template.attributes(text="refused")}
    refused = {"value_template": template.words("refused", "none"), "icon": "mdi:cancel"}
    yield Entity("sensor", f"{key}_refusal", f"{name} last refusal", state | whole | refused)
    restless = {"device_class": "problem", "entity_category": "diagnostic", "enabled_by_default": False}
    hunting = {"value_template": template.yes("said.get('hunting')")}
    yield Entity("binary_sensor", f"{key}_hunting", f"{name} hunting", state | restless | hunting)


def _until(timestamps: bool) -> Json:
    if timestamps:
        return {"device_class": "timestamp", "value_template": template.field("until")}
    return {"value_template": template.words("until", "not held"), "icon": "mdi:clock-end"}


# ---- the box -----------------------------------------------------------------------------------------------------
def of_box(voice: Voice) -> Iterator[Entity]:
    """The house as a whole, and the button that stops everything."""
    topics = voice.topics
    state, diagnostic = {"state_topic": topics.house}, {"entity_category": "diagnostic"}
    mode = {"device_class": "enum", "options": [*MODES, template.UNKNOWN], "icon": "mdi:home-lightning-bolt"}
    yield Entity("sensor", "mode", "Mode", state | mode | {"value_template": template.one_of("mode", MODES)})
    trouble = template.yes("said.get('problems') or said.get('trips')")
    yield Entity("binary_sensor", "problem", "Problem", state | {"device_class": "problem", "value_template": trouble})
    why = {"json_attributes_topic": topics.house, "json_attributes_template": template.RULES_WHY}
    rules = {"value_template": template.RULES, "icon": "mdi:shield-alert-outline"}
    yield Entity("sensor", "rules", "Rules that act", state | why | rules)
    answer = {
        "state_topic": topics.answer(voice.identity),
        "value_template": template.words("text", "none"),
        "icon": "mdi:message-text",
    }
    kept = {
        "json_attributes_topic": topics.answer(voice.identity),
        "json_attributes_template": template.attributes(
            verdict="verdict", target="target", value="value", unit="unit", text="text"
        ),
    }
    yield Entity("sensor", "answer", "Last answer", answer | kept)
    yield _button("stop", "Stop everything", voice.ask("stop"), "mdi:alert-octagon")
    for key, name in (("observe", "Observes only"), ("simulated", "Simulated")):
        told = {"value_template": template.yes(f"said.get('{key}')")}
        yield Entity("binary_sensor", key, name, state | diagnostic | told)
    yield _online("Connected", topics.status, {"availability": []})


def _online(name: str, topic: str, said: Json) -> Entity:
    words = {"payload_on": "online", "payload_off": "offline", "device_class": "connectivity"}
    return Entity(
        "binary_sensor", "connected", name, {"state_topic": topic, "entity_category": "diagnostic"} | words | said
    )
