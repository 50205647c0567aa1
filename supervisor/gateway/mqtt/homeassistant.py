"""What is announced to Home Assistant, so that it shows the house by itself (MQTT discovery).

Rules
* A pure function of the guardian's Describe: the same house is announced in the same bytes, whoever started first.
* Two formats: one message for each device (``PREFIX/device/ID/config``, Home Assistant 2024.11 and later) or one for
  each entity (``PREFIX/PLATFORM/NODE/KEY/config``), which older releases need. The unique ids are the same in both.
* Ids come from the topic base, not from the title or the digest of a site: a corrected title must not cost a user his
  history. Two boxes at one broker have different bases in any case.
* An entity is unavailable when the box is, or when its device is not seen.
* Nothing is left behind: what is announced is listed, and :func:`stale` says what of an older list has to be cleared.

This file must never publish: it says what, and homeassistant_guest.py does it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from supervisor.gateway.mqtt.homeassistant_entities import (
    Entity,
    Json,
    Voice,
    battery_power,
    connectivity,
    of_box,
    of_signal,
    of_target,
)
from supervisor.gateway.mqtt.homeassistant_words import label
from supervisor.gateway.mqtt.topics import Topics
from supervisor.wire import Describe, MqttInfo

PREFIX = "homeassistant"
ORIGIN = {"name": "Powerwarden"}
RESEND_S = 5.0  # after Home Assistant's birth at most: with what it takes to load, it shows the truth within 10 s
BORN = b"online"

Key = Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[a-z0-9_.]+\Z")]


@dataclass(frozen=True)
class Announcement:
    """One retained message."""

    topic: str
    payload: bytes


class Listed(msgspec.Struct, frozen=True):
    """What of a device is announced, and how: short enough to be kept at the broker beside it. ``entities``: the keys
    by their platform."""

    prefix: Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[A-Za-z0-9_/-]+\Z")]
    per_device: bool
    entities: dict[Key, list[Key]]

    @property
    def parts(self) -> dict[str, str]:
        """The platform of each entity by its name among those of the device."""
        return {part(platform, key): platform for platform, keys in self.entities.items() for key in keys}


@dataclass(frozen=True)
class Card:
    """All that is announced of one device."""

    node: str
    listed: Listed
    messages: tuple[Announcement, ...]


@dataclass(frozen=True)
class Device:
    """``node``: its id, with that of the box in front. ``about``: what Home Assistant is told of it. ``availability``:
    the topics that all have to say online."""

    node: str
    name: str
    about: Json
    availability: tuple[str, ...]
    entities: tuple[Entity, ...]


def cards(told: Describe) -> tuple[Card, ...]:
    """All that is announced, the box first, because the devices name it. Empty where nothing is wanted."""
    broker = told.gateway.mqtt
    if broker is None or not broker.ha_identity:
        return ()
    return tuple(_card(device, broker) for device in devices(told, broker))


def announce(told: Describe) -> tuple[Announcement, ...]:
    """The messages of all :func:`cards`."""
    return tuple(message for card in cards(told) for message in card.messages)


def _card(device: Device, broker: MqttInfo) -> Card:
    per_device = broker.ha_format != "entity"
    entities: dict[str, list[str]] = {}
    for entity in device.entities:
        entities.setdefault(entity.platform, []).append(entity.key)
    listed = Listed(broker.ha_prefix, per_device, entities)
    write = _per_device if per_device else _per_entity
    return Card(device.node, listed, tuple(write(device, broker.ha_prefix)))


def birth_topic(broker: MqttInfo) -> str:
    """Where Home Assistant says that it has come: everything is said again then, see :func:`resend_in_s`."""
    return f"{broker.ha_prefix or PREFIX}/status"


def resend_in_s(draw: float) -> float:
    """How long to wait after its birth, from a random number in 0..1: many clients at once are a storm."""
    return RESEND_S * min(1.0, max(0.0, draw))


# ---- what there is -----------------------------------------------------------------------------------------------
def devices(told: Describe, broker: MqttInfo) -> Iterator[Device]:
    """The box, each device, and each changeover, which is a device to whoever looks at the house."""
    topics, box = Topics(broker.base), node(broker.base)
    voice = Voice(topics, broker.ha_identity)
    title = {"manufacturer": "Powerwarden", "model": told.site + (" (simulated)" if told.simulated else "")}
    about: Json = {"identifiers": [box], "name": "Powerwarden"} | title
    yield Device(box, "powerwarden", about, (topics.status,), tuple(of_box(voice)))
    known = {device.name: device for device in told.devices}
    timestamps = broker.ha_format != "entity"
    for name in _names(told):
        seen = (topics.device_status(name),) if name in known else ()
        model = "part of the house"  # a changeover, a schedule: there as long as the box is
        if name in known:
            model = known[name].family + (" (observed only)" if known[name].observe else "")
        entities = tuple(_entities(told, name, voice, timestamps, name in known))
        about = {"identifiers": [f"{box}_{name}"], "name": label(name), "model": model, "via_device": box}
        yield Device(f"{box}_{name}", name, about, (topics.status, *seen), entities)


def node(base: str) -> str:
    """The id of the box: what stands in front of all its ids."""
    plain = re.sub(r"[^a-z0-9]+", "_", base.lower()).strip("_")
    return plain if plain.startswith("powerwarden") else f"powerwarden_{plain}"


def _names(told: Describe) -> Iterable[str]:
    """Devices in their order, then whatever else owns a signal or a target."""
    owned = [*(info.id for info in told.signals), *(info.id for info in told.targets)]
    return dict.fromkeys((*(device.name for device in told.devices), *(name.split(".", 1)[0] for name in owned)))


def _entities(told: Describe, device: str, voice: Voice, timestamps: bool, is_wired: bool) -> Iterator[Entity]:
    mine = {info.id.partition(".")[2]: info for info in told.signals if info.id.startswith(f"{device}.")}
    for target in told.targets:
        if target.id.startswith(f"{device}."):
            yield from of_target(target, voice, timestamps)
    for info in mine.values():
        yield of_signal(info, voice.topics)
    if {"soc", "voltage", "current"} <= mine.keys() and "power" not in mine:
        yield battery_power(device, voice.topics)
    if is_wired:
        yield connectivity(device, voice.topics)


# ---- how it is written -------------------------------------------------------------------------------------------
def _per_device(device: Device, prefix: str) -> Iterator[Announcement]:
    components = {
        part(entity.platform, entity.key): {"platform": entity.platform} | _body(device, entity)
        for entity in device.entities
    }
    said = {"device": device.about, "origin": ORIGIN} | _available(device.availability) | {"components": components}
    yield Announcement(f"{prefix}/device/{device.node}/config", _bytes(said))


def _per_entity(device: Device, prefix: str) -> Iterator[Announcement]:
    for entity in device.entities:
        said = _available(device.availability) | _body(device, entity) | {"device": device.about, "origin": ORIGIN}
        yield Announcement(f"{prefix}/{entity.platform}/{device.node}/{entity.key}/config", _bytes(said))


def _body(device: Device, entity: Entity) -> Json:
    """``object_id`` and ``default_entity_id`` say the same to releases before and after 2025.10."""
    hint = f"{device.name}_{entity.key}"
    ids = {
        "unique_id": f"{device.node}_{entity.key}",
        "object_id": hint,
        "default_entity_id": f"{entity.platform}.{hint}",
    }
    return {"name": entity.name} | ids | entity.said


def _available(topics: Sequence[str]) -> Json:
    return {"availability": [{"topic": topic} for topic in topics], "availability_mode": "all"}


def part(platform: str, key: str) -> str:
    """An entity's name among those of its device."""
    return f"{platform}_{key}"


def _bytes(said: Json) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


# ---- what has to go ----------------------------------------------------------------------------------------------
def stale(box_or_device: str, before: Listed, now: Listed | None) -> tuple[str, ...]:
    """The topics to clear of what was announced ``before``, where ``now`` is announced (None: nothing any more)."""
    kept = topics_of(box_or_device, now) if now is not None else ()
    return tuple(topic for topic in topics_of(box_or_device, before) if topic not in kept)


def farewell(before: Listed, card: Card) -> tuple[Announcement, ...]:
    """What to say first of a device that stays: an entity that went is announced with nothing but its platform, which
    is how Home Assistant is told to forget one."""
    leaving = before.parts.items() - card.listed.parts.items()
    if not leaving or not before.per_device or not card.listed.per_device or before.prefix != card.listed.prefix:
        return ()
    message = card.messages[0]
    said = json.loads(message.payload)
    gone = {part: {"platform": platform} for part, platform in sorted(leaving)}
    return (Announcement(message.topic, _bytes(said | {"components": said["components"] | gone})),)


def topics_of(box_or_device: str, listed: Listed) -> tuple[str, ...]:
    """Where it is announced. Made from our own names: a list that somebody else wrote cannot clear what is not ours."""
    if listed.per_device:
        return (f"{listed.prefix}/device/{box_or_device}/config",)
    pairs = ((platform, key) for platform, keys in listed.entities.items() for key in keys)
    return tuple(f"{listed.prefix}/{platform}/{box_or_device}/{key}/config" for platform, key in pairs)
