"""The timeline of a scenario: each entry of the file becomes one event or several.

Rules: an entry has `at` and at least one verb of :data:`VERBS`; what it asks of devices has been tried out
(hil/scenario/faults.py) and what it asks of the product names parts, people and targets that the site has. An event
that nobody could see any more is an error.
It must never let anything happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from hil.scenario.document import Item
from hil.scenario.faults import Known, Site
from hil.scenario.model import Action, Broker, Clock, Event, Flood, PowerCut, ToDevice, ToProcess, Wish
from hil.scenario.quantity import jump_ms, time_ms, value_of

WISHES = ("set", "renew", "release", "stop", "heartbeat")
KINDS = ("live", "setting")
VERBS = ("set", "ask", "fault", "clear", "press", "flood", "kill", "stop", "resume", "clock", "power_cut", "broker")
PRESS_MS = 500
PER_S_MAX = 10_000.0

Due = tuple[int, Action, str]  # ms after the entry's own time, what is done, in words


class Timeline:
    """Reads the entries of one scenario."""

    def __init__(self, known: Known, site: Site, length_ms: int) -> None:
        self._known, self._site, self._length_ms = known, site, length_ms
        self._verbs: dict[str, Callable[[Item], Iterator[Due]]] = {
            "set": self._set,
            "ask": self._ask,
            "fault": self._fault,
            "clear": self._clear,
            "flood": self._flood,
            "kill": lambda item: self._process(item, "kill"),
            "stop": lambda item: self._process(item, "stop"),
            "resume": lambda item: self._process(item, "resume"),
            "clock": self._clock,
            "power_cut": self._power_cut,
            "broker": self._broker,
        }

    def read(self, timeline: Item) -> tuple[Event, ...]:
        """All events in the order of time; those of one time in the order of the file."""
        if timeline.value is None:
            return ()
        events = [event for entry in timeline.listed() for event in self._entry(entry)]
        ordered = tuple(sorted(events, key=lambda event: event.at_ms))
        self._check_power(timeline, ordered)
        return ordered

    def _check_power(self, timeline: Item, events: tuple[Event, ...]) -> None:
        """Two cuts at once would give the power back at the end of the first."""
        dark_ms = 0.0
        for event in events:
            if isinstance(event.action, PowerCut):
                if event.at_ms < dark_ms:
                    here = replace(timeline, line=event.line)
                    raise here.wrong(f"there is no power until {dark_ms / 1000:g} s as it is; make one cut of the two")
                dark_ms = event.at_ms + event.action.for_s * 1000

    def _entry(self, entry: Item) -> Iterator[Event]:
        parts = entry.entries(("at", *VERBS, "for"))
        verbs = [key for key in parts if key in VERBS]
        if "at" not in parts or not verbs:
            raise entry.wrong(f"an entry has `at` and what happens then: one of {', '.join(VERBS)}")
        if "for" in parts and "press" not in parts:
            raise parts["for"].wrong("only a press takes `for` here; an ask and a flood have theirs inside")
        at_ms = time_ms(parts["at"])
        for verb in verbs:
            item = parts[verb]
            done = self._press(item, parts.get("for")) if verb == "press" else self._verbs[verb](item)
            for later_ms, action, text in done:
                if at_ms + later_ms >= self._length_ms:
                    raise item.wrong(
                        f"this happens at {(at_ms + later_ms) / 1000:g} s, and the scenario has ended at "
                        f"{self._length_ms / 1000:g} s; make `length` longer"
                    )
                yield Event(at_ms + later_ms, action, item.line, text)

    # -- devices and plant --

    def _set(self, item: Item) -> Iterator[Due]:
        for dotted, value in item.entries().items():
            device, request = self._known.setting(value, dotted, value.plain())
            yield 0, ToDevice(device, request), f"{dotted} is set to {_as_written(value)}"

    def _press(self, item: Item, held: Item | None) -> Iterator[Due]:
        for dotted in (part.text() for part in item.listed()):
            device, request = self._known.setting(item, dotted, 1)
            hold_ms = PRESS_MS if held is None else time_ms(held, 1)
            yield 0, ToDevice(device, request), f"{dotted} is pressed"
            yield hold_ms, ToDevice(device, {**request, "value": 0}), f"{dotted} is let go"

    def _fault(self, item: Item) -> Iterator[Due]:
        for device, what in item.entries().items():
            faults = what.entries() if isinstance(what.value, dict) else {part.text(): None for part in what.listed()}
            for fault, parameters in faults.items():
                inner = {} if parameters is None or parameters.value is None else parameters.entries()
                given = {name: part.plain() for name, part in inner.items()}
                if "fault" in given:  # in the request that word is the fault itself
                    raise inner["fault"].wrong(f"{fault} has no parameter 'fault'; a second fault stands beside it")
                request = self._known.fault(parameters or what, device, fault, {**given})
                told = "".join(f", {name} {value}" for name, value in given.items())
                yield 0, ToDevice(device, request), f"{device}: {fault}{told}"

    def _clear(self, item: Item) -> Iterator[Due]:
        for device, what in item.entries().items():
            for fault in (part.text() for part in what.listed()):
                request = self._known.clear(what, device, fault)
                yield 0, ToDevice(device, request), f"{device}: {fault} is repaired"

    # -- people and programs --

    def _ask(self, item: Item) -> Iterator[Due]:
        parts = item.entries(("as", *WISHES, "to", "kind", "for"))
        verbs = [key for key in parts if key in WISHES]
        if "as" not in parts or len(verbs) != 1:
            raise item.wrong(f"somebody asks for one thing: `as` and one of {', '.join(WISHES)}")
        verb, who = verbs[0], self._who(parts["as"])
        self._check_ask(item, parts, verb)
        if verb == "heartbeat":
            if not parts[verb].truth():
                raise parts[verb].wrong("an orchestrator that is silent is not asked to be; leave this out")
            yield 0, Wish(who, verb), f"{who} says that it is there"
            return
        target = self._site.target(parts[verb])
        value, unit = value_of(parts["to"], self._site.positions(target)) if "to" in parts else (None, "")
        kind = parts["kind"].one_of(KINDS) if "kind" in parts else ""
        for_s = time_ms(parts["for"], 1) / 1000 if "for" in parts else None
        wanted = f" to {_as_written(parts['to'])}" if "to" in parts else ""
        yield 0, Wish(who, verb, target, value, unit, kind, for_s), f"{who}: {verb} {target}{wanted}"

    def _check_ask(self, item: Item, parts: dict[str, Item], verb: str) -> None:
        if verb == "set" and "to" not in parts:
            raise item.wrong("what is the target set to? Add `to`, such as `to: 10 A`")
        takes = {"set": ("to", "kind", "for"), "renew": ("for",)}.get(verb, ())
        for key in ("to", "kind", "for"):
            if key in parts and key not in takes:
                raise parts[key].wrong(f"`{verb}` takes no `{key}`; leave it out")

    def _flood(self, item: Item) -> Iterator[Due]:
        parts = item.entries(("as", "target", "values", "per_s", "for"))
        for key in ("as", "target", "values", "per_s", "for"):
            if key not in parts:
                raise item.wrong(f"a flood needs `{key}`: who, which target, which values, how many a second, how long")
        target = self._site.target(parts["target"])
        values = [value_of(part, self._site.positions(target)) for part in parts["values"].listed()]
        units = list(dict.fromkeys(unit for _, unit in values))
        if len(units) != 1:
            raise parts["values"].wrong(f"the values of a flood have one unit, not {' and '.join(units) or 'none'}")
        per_s, for_ms = parts["per_s"].number(0.1, PER_S_MAX), time_ms(parts["for"], 1)
        who = self._who(parts["as"])
        flood = Flood(who, target, tuple(value for value, _ in values), units[0], per_s, for_ms / 1000)
        yield 0, flood, f"{who} asks for {target} {per_s:g} times a second, for {for_ms / 1000:g} s"

    def _who(self, item: Item) -> str:
        return item.one_of(self._site.orchestrators)

    # -- the machine --

    def _process(self, item: Item, what: str) -> Iterator[Due]:
        for part in item.listed():
            name = part.one_of(self._site.parts)
            yield 0, ToProcess(name, what), f"{what} {name}"

    def _clock(self, item: Item) -> Iterator[Due]:
        jump = jump_ms(item)
        yield 0, Clock(jump / 1000), f"the clock jumps by {item.value}"

    def _power_cut(self, item: Item) -> Iterator[Due]:
        yield 0, PowerCut(time_ms(item, 1) / 1000), f"no power for {item.value}"

    def _broker(self, item: Item) -> Iterator[Due]:
        word = item.one_of(("up", "down"))
        yield 0, Broker(word == "up"), f"the MQTT broker {'is back' if word == 'up' else 'is gone'}"


def _as_written(item: Item) -> str:
    """YAML has taken on and off for true and false."""
    return ("on" if item.value else "off") if isinstance(item.value, bool) else str(item.value)
