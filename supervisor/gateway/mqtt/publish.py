"""What the broker keeps of the house: each topic when it changes, at most at its rate, and again at times.

    picture -> of each topic a key (what people would call a change) -> due? -> JSON -> shelf

Rules
* A topic is said when its key differs from the one said last, at most every CHANGED_MS, and unchanged every SAME_MS, so
  that ages stay honest. After a decision about a target its state is said with the next picture, also when nothing has
  changed: whoever moved a slider sees that it went back.
* Ages and remainders are in the messages and not in the keys.
* "online" means that what is kept here is true. Without a fresh picture of the guardian the status is "offline" and
  nothing else is said; the states stay as they were, and everybody is told to believe none of them.
* What has left the site leaves the broker.

This file must never say a value without its unit, or an old one as if it were new.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from supervisor.gateway import shapes, units
from supervisor.gateway.link import Link, View, monotonic_ms
from supervisor.gateway.mqtt import say
from supervisor.gateway.mqtt.heard import Heard, Mouth
from supervisor.gateway.mqtt.shelf import Shelf
from supervisor.gateway.mqtt.topics import OFFLINE, ONLINE, Topics
from supervisor.wire import Event, TargetInfo, TargetState

CHANGED_MS, SAME_MS, DECIDED_MS = 1_000, 30_000, 100
REFUSED_MS = 180_000  # for how long the newest refusal or clip of a target is shown
EVENTS_MAX = 50  # a second; the numbers show the gaps
Json = dict[str, Any]
_encode = msgspec.json.encode


@dataclass
class Slot:
    """What was said last under one topic, and when. ``decided``: somebody waits for it."""

    key: object = None
    at_ms: int | None = None
    decided: bool = False

    def due(self, key: object, now_ms: int) -> bool:
        if self.at_ms is None:
            return True
        passed_ms = now_ms - self.at_ms
        if self.decided:
            return passed_ms >= DECIDED_MS
        return passed_ms >= (SAME_MS if key == self.key else CHANGED_MS)


class Pictures:
    """A guest at the connection (heard.Guest)."""

    def __init__(
        self,
        link: Link,
        topics: Topics,
        mouth: Mouth,
        clock_ms: Callable[[], int] = monotonic_ms,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._link, self._topics, self._mouth = link, topics, mouth
        self._clock_ms, self._wall_s = clock_ms, wall_s
        self._shelf = Shelf(mouth)
        self._slots: dict[str, Slot] = {}
        self._refused: dict[str, tuple[int, str]] = {}
        self._event = -1  # the number of the newest that was said; -1: none is old yet
        self._spent: tuple[int, int] = (0, 0)  # in which second how many events
        self._guardian = 0

    def filters(self) -> tuple[str, ...]:
        return self._topics.kept

    def wants(self, topic: str) -> bool:
        return self._topics.is_kept(topic)

    def hear(self, heard: Heard) -> None:
        self._shelf.found(heard)

    def connected(self) -> None:
        """Everything is said once more; the status comes last, when the rest is true."""
        self._shelf.forget()
        self._slots.clear()
        self.tick()

    def leave(self) -> None:
        self._shelf.put(self._topics.status, OFFLINE, again=True)

    def clear(self) -> None:
        """These topics are no longer ours: nothing is left below them."""
        self._shelf.clear()

    def tick(self) -> None:
        """Say what is due."""
        view = self._link.view()
        if view is None:
            self._shelf.put(self._topics.status, OFFLINE)
            self._shelf.correct()
            return
        if self._guardian != self._link.connections:  # another guardian counts its events anew
            self._guardian, self._event = self._link.connections, -1
            self._slots.clear()
        self._events(view)
        kept = {self._topics.status}
        for topic, key, words in self._all(view):
            kept.add(topic)
            self._one(topic, key, words)
        self._shelf.keep_only(kept)
        self._shelf.put(self._topics.status, ONLINE)

    def refused(self, target: str, text: str) -> None:
        """A refusal or clip of which we know more than the event that will follow says."""
        self._refused[target] = (self._clock_ms(), text)

    def _one(self, topic: str, key: object, words: Callable[[], bytes]) -> None:
        slot = self._slots.setdefault(topic, Slot())
        now_ms = self._clock_ms()
        if slot.due(key, now_ms):
            self._shelf.put(topic, words(), again=True)
            slot.key, slot.at_ms, slot.decided = key, now_ms, False

    def _all(self, view: View) -> Iterator[tuple[str, object, Callable[[], bytes]]]:
        """Each topic with its key, and its payload where it is due."""
        told, now = view.describe, view.snapshot
        yield self._topics.house, house_key(view), lambda: _encode(house(view, self._wall_s()))
        for name, indices in devices(view).items():
            online = is_online(view, name, indices)
            yield self._topics.device_status(name), online, lambda online=online: ONLINE if online else OFFLINE  # type: ignore[misc]
            if indices:
                key = tuple((now.readings[i].value, now.readings[i].quality) for i in indices)
                yield self._topics.device_state(name), key, lambda i=indices: _encode(device(view, i))  # type: ignore[misc]
        for info, state in zip(told.targets, now.targets, strict=True):
            refused = self._newest_refusal(info.id)
            yield (
                self._topics.target_state(info.id),
                (target_key(state, now.at_ms), refused),
                lambda i=info, s=state, r=refused: _encode(target(view, i, s, r, self._wall_s())),  # type: ignore[misc]
            )

    # ---- events --------------------------------------------------------------------------------------------------
    def _events(self, view: View) -> None:
        """Say what is new. Of what happened before we came nothing is said, but a refusal is remembered."""
        first, self._event = self._event < 0, max(self._event, 0)
        for event in view.snapshot.events:
            if event.number <= self._event:
                continue
            self._event = event.number
            self._learn(event, view)
            if not first:
                self._say_event(event, view)

    def _learn(self, event: Event, view: View) -> None:
        """A decision is shown with its target, whichever way it was asked."""
        if event.kind != "decision":
            return
        names = [info.id for info in view.describe.targets]
        for name in names if event.subject == "all" else [event.subject]:
            self._slots.setdefault(self._topics.target_state(name), Slot()).decided = True
        if ": granted (" in event.text:
            self._refused.pop(event.subject, None)
        elif ": refused (" in event.text or ": clipped (" in event.text:
            at_ms, _text = self._refused.get(event.subject, (-REFUSED_MS, ""))
            if event.at_ms - at_ms > DECIDED_MS and event.subject in names:
                self._refused[event.subject] = (event.at_ms, event.text)

    def _say_event(self, event: Event, view: View) -> None:
        second, count = self._clock_ms() // 1_000, 0
        if second == self._spent[0]:
            count = self._spent[1]
        self._spent = (second, count + 1)
        if count >= EVENTS_MAX:
            return
        ago_ms = max(0, view.snapshot.at_ms + view.age_ms - event.at_ms)
        when = iso(self._wall_s() - ago_ms / 1_000)
        words = {"number": event.number, "time": when, "kind": event.kind, "subject": event.subject, "text": event.text}
        self._mouth.say(self._topics.event, _encode(words))

    def _newest_refusal(self, target: str) -> str:
        at_ms, text = self._refused.get(target, (0, ""))
        if text and self._clock_ms() - at_ms > REFUSED_MS:
            del self._refused[target]
            return ""
        return text


# ---- the messages ------------------------------------------------------------------------------------------------
def iso(wall_s: float) -> str:
    """A time as ISO 8601, UTC, whole seconds."""
    return datetime.datetime.fromtimestamp(wall_s, datetime.UTC).isoformat(timespec="seconds")


def house_key(view: View) -> object:
    trips = tuple((trip.rule, trip.answer, trip.latched) for trip in view.snapshot.trips)
    return view.snapshot.mode, view.describe.observe, trips, problems(view)


def house(view: View, wall_s: float) -> Json:
    for_s = shapes.seconds(view.snapshot.mode_for_ms + view.age_ms)
    words = {"mode": view.snapshot.mode, "for_s": for_s, "since": iso(wall_s - for_s)}
    words |= {"observe": view.describe.observe, "simulated": view.describe.simulated}
    return words | {"trips": shapes.trips(view), "problems": problems(view)}


def problems(view: View) -> int:
    """How much is wrong: rules that act, devices that are not seen, buses that are not connected."""
    lost = sum(not is_online(view, name, indices) for name, indices in devices(view).items())
    return len(view.snapshot.trips) + lost + sum(not bus.connected for bus in view.snapshot.buses)


def devices(view: View) -> dict[str, list[int]]:
    """Each device, with the places of its signals; schedules and other sources that are no device have theirs, too."""
    found: dict[str, list[int]] = {info.name: [] for info in view.describe.devices}
    for index, signal in enumerate(view.describe.signals):
        found.setdefault(signal.id.split(".", 1)[0], []).append(index)
    return found


def is_online(view: View, name: str, indices: list[int]) -> bool:
    """Is the device seen? By its machine, or where it has none by any reading that is there and not old; of one that
    says nothing at all its bus is all there is to know."""
    for info, at in zip(view.describe.machines, view.snapshot.machines, strict=True):
        if info.id == name and "unseen" in info.states:
            return info.states[at.state] != "unseen"
    if indices:
        return any(view.snapshot.readings[i].quality.name not in ("STALE", "MISSING") for i in indices)
    own = [device.bus for device in view.describe.devices if device.name == name]
    return any(bus.connected for bus in view.snapshot.buses if bus.name in own)


def device(view: View, indices: list[int]) -> Json:
    own = {view.describe.signals[index].id for index in indices}
    return {name.split(".", 1)[-1]: reading for name, reading in shapes.readings(view, own).items()}


def target_key(now: TargetState, at_ms: int) -> object:
    """What people would call a change: who holds it until when, not for how much longer."""
    held = now.lease and (now.lease.holder, now.lease.kind, now.lease.value, at_ms + now.lease.expires_in_ms)
    return now.output, now.lo, now.hi, now.lo_by, now.hi_by, now.empty_by, held, now.hunting


def target(view: View, info: TargetInfo, now: TargetState, refused: str, wall_s: float) -> Json:
    why = dict(view.describe.rules)
    by = now.empty_by or now.hi_by or now.lo_by
    words: Json = {"unit": units.shown_unit(info.unit), "output": None}
    if now.output is not None:
        words["output"] = units.shown(now.output, info.unit)
    words |= {"lo": units.shown(now.lo, info.unit), "hi": units.shown(now.hi, info.unit)}
    words |= {"lo_by": now.lo_by, "hi_by": now.hi_by, "limited_by": by, "limited_why": why.get(by, "")}
    words |= {"held": None, "held_by": None, "held_kind": None, "held_for_s": None, "until": None}
    if now.lease is not None:
        left_s = shapes.seconds(max(0, now.lease.expires_in_ms - view.age_ms))
        words |= {"held_by": say.shown(view.describe, now.lease.holder), "held_kind": now.lease.kind}
        words |= {"held": units.shown(now.lease.value, info.unit), "held_for_s": left_s, "until": iso(wall_s + left_s)}
    words |= {"lo_for_s": _left(now.lo_for_ms, view), "hi_for_s": _left(now.hi_for_ms, view)}
    words |= {"hunting": now.hunting, "refused": refused}
    return words | ({"position": dict(info.codes).get(now.output or 0)} if info.codes else {})


def _left(ms: int | None, view: View) -> float | None:
    return None if ms is None else shapes.seconds(max(0, ms - view.age_ms))
