"""Home Assistant's announcements, kept at the broker as they should be.

    kept by us   PREFIX/.../config: the announcements      BASE/announced/DEVICE: which ones these are
    heard        PREFIX/status: Home Assistant was born

Rules
* The broker keeps the list of what was announced, beside the announcements: what is on it and no longer true is taken
  back. So nothing is left of a device that went, of another format or prefix, or of a site that announces nothing any
  more, whoever was running when that changed.
* Everything is said again when the house is described anew and, after a short while, when Home Assistant is born.
* An announcement that somebody takes away (who deletes the device in Home Assistant does) is not forced upon him: it
  comes back with the next birth or connect.

This file must never ask anything of the guardian, and never clear a topic that does not bear our name.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from supervisor.gateway.link import Link, monotonic_ms
from supervisor.gateway.mqtt.heard import Heard, Mouth
from supervisor.gateway.mqtt.homeassistant import (
    BORN,
    Card,
    Listed,
    birth_topic,
    cards,
    farewell,
    node,
    resend_in_s,
    stale,
)
from supervisor.wire import Describe, MqttInfo

LISTS_MAX = 200
WAIT_MS = 500  # after a connect: until then the broker shows what it keeps

_decode = msgspec.json.Decoder(Listed).decode
_encode = msgspec.json.Encoder().encode


class HomeAssistant:
    """A guest at the connection. ``again``: says all states once more. ``draw``: a random number in 0..1."""

    def __init__(
        self,
        link: Link,
        mouth: Mouth,
        broker: MqttInfo,
        again: Callable[[], None] = lambda: None,
        clock_ms: Callable[[], int] = monotonic_ms,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._link, self._mouth = link, mouth
        self._again, self._clock_ms, self._draw = again, clock_ms, draw
        self._birth = birth_topic(broker)
        self._lists, self._box = f"{broker.base}/announced/", node(broker.base)
        self._listed: dict[str, Listed] = {}  # what the broker keeps of ours, by device
        self._told: Describe | None = None  # what is announced there
        self._waiting: deque[tuple[str, bytes]] = deque()  # still to be said: topic and payload
        self._not_before_ms = 0
        self._resend_at_ms: int | None = None

    def filters(self) -> tuple[str, ...]:
        """Birth, and our own lists."""
        return (self._birth, f"{self._lists}+")

    def wants(self, topic: str) -> bool:
        return topic == self._birth or topic.startswith(self._lists)

    def connected(self) -> None:
        """What this broker keeps will be shown to us; what we said to the last one counts for nothing."""
        self._listed = {}
        self._told = None
        self._waiting.clear()
        self._not_before_ms = self._clock_ms() + WAIT_MS

    def hear(self, heard: Heard) -> None:
        """A birth, or what was announced before."""
        if heard.topic != self._birth:
            self._shown(heard.topic.removeprefix(self._lists), heard.payload)
        elif heard.payload == BORN and not heard.retain:
            self._resend_at_ms = self._clock_ms() + round(resend_in_s(self._draw()) * 1_000)

    def _shown(self, device: str, payload: bytes) -> None:
        is_ours = device == self._box or device.startswith(f"{self._box}_")
        if not payload or not is_ours or len(self._listed) >= LISTS_MAX:
            return
        try:
            listed = _decode(payload)
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
            return  # no list of ours; it is written anew in a moment
        if listed != self._listed.get(device):  # what we said ourselves comes back to us
            self._listed[device] = listed
            self._told = None

    def tick(self) -> None:
        """Say what is new, and everything again when Home Assistant was born a while ago."""
        told, now_ms = self._link.describe, self._clock_ms()
        if told is None or now_ms < self._not_before_ms:
            return
        born = self._resend_at_ms is not None and now_ms >= self._resend_at_ms
        if told is not self._told or born:
            unsaid = [(topic, payload) for topic, payload in self._waiting if not payload]  # no list has these any more
            self._told, self._waiting = told, deque([*unsaid, *self._all(cards(told))])
        if born:
            self._resend_at_ms = None
            self._again()
        while self._waiting and self._mouth.say(*self._waiting[0], retain=True):
            self._waiting.popleft()

    def leave(self) -> None:
        """What is announced stays: the will says that we are gone, and the entities wait for us."""

    def clear(self) -> None:
        """These topics are no longer ours, here at least: nothing is left of what is announced."""
        for topic, payload in self._all(()):
            self._mouth.say(topic, payload, retain=True)

    def _all(self, wanted: tuple[Card, ...]) -> Iterator[tuple[str, bytes]]:
        """Take back what is not true any more, then say what is; what is said from now on is listed."""
        before, self._listed = self._listed, {card.node: card.listed for card in wanted}
        for device, listed in before.items():
            if device not in self._listed:
                yield from ((topic, b"") for topic in stale(device, listed, None))
                yield self._lists + device, b""
        for card in wanted:
            if card.node in before and before[card.node] != card.listed:
                yield from ((topic, b"") for topic in stale(card.node, before[card.node], card.listed))
                yield from ((message.topic, message.payload) for message in farewell(before[card.node], card))
            yield self._lists + card.node, _encode(card.listed)
            yield from ((message.topic, message.payload) for message in card.messages)
