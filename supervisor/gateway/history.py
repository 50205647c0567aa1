"""What happened and what was decided, kept for those who look a little later: two bounded rings.

Rules
* An entry's id comes from the guardian's own time and count, so a restarted gateway gives the same event the same id.
  Ids are opaque to everybody else: they are compared for being equal, never for being greater.
* What is lost is said. ``lost`` counts what is known to be missing right before an entry: the guardian shows only its
  last events, so more than that between two pictures are gone. Who asks from a place that is kept no more is told so.
* A guardian that was restarted counts from 1 again. Its events follow those of the one before, and the first is marked.
* Nothing is put into words here: a decision costs its request only one append.

This file must never keep a token or an unanswered question; the journal, not this, is the record.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from supervisor.gateway.link import Change, Link, monotonic_ms
from supervisor.wire import Acknowledge, Answer, Ask, Event, Snapshot, Verb

EVENTS_MAX = 1_000
DECISIONS_MAX = 1_000
OLDEST = "0"  # as a cursor: from the oldest that is kept

Item = TypeVar("Item")


@dataclass(frozen=True)
class Entry(Generic[Item]):
    """``place`` grows by one; ``lost``: how many are known to be missing between the entry before and this one."""

    id: str
    place: int
    lost: int
    item: Item


@dataclass(frozen=True)
class Happened:
    """``wall_s``: Unix time at which it happened, as near as the clock was. ``new_run``: a guardian's first."""

    event: Event
    wall_s: float
    new_run: bool


@dataclass(frozen=True)
class Decided:
    """A question and what the guardian said. ``via``: "http" or "mqtt"; ``at_ms``: when, on the monotonic clock."""

    ask: Ask | Acknowledge
    answer: Answer
    via: str
    at_ms: int
    wall_s: float


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Entries, the newest last. ``next``: the cursor to go on from; ``more``: there is more after it already;
    ``missed``: something between the cursor that was given and the end of this page is kept no more."""

    entries: list[Entry[Item]]
    next: str
    more: bool
    missed: bool


class Ring(Generic[Item]):
    """The newest ``most`` entries, by id and in order. ``start``: the id of the place before the first."""

    def __init__(self, most: int, start: str) -> None:
        self._most = most
        self._entries: deque[Entry[Item]] = deque()
        self._places = {start: -1}
        self._before = start  # the id of what came right before the oldest that is kept

    def add(self, name: str, item: Item, lost: int = 0) -> Entry[Item]:
        """Keep one more, and forget the oldest when there are too many."""
        place = self._entries[-1].place + 1 if self._entries else 0
        entry = Entry(name, place, lost, item)
        self._entries.append(entry)
        self._places[name] = place
        if len(self._entries) > self._most:
            self._places.pop(self._before, None)
            self._before = self._entries.popleft().id
        return entry

    @property
    def newest(self) -> str:
        """The cursor after which nothing has happened yet."""
        return self._entries[-1].id if self._entries else self._before

    def page(self, after: str, limit: int, wanted: Callable[[Item], bool] = lambda _item: True) -> Page[Item]:
        """At most ``limit`` wanted entries after the one with the id ``after``, or after OLDEST."""
        first = self._entries[0].place if self._entries else 0
        since = self._places.get(after)
        missed = since is None and (after != OLDEST or first > 0)
        found: list[Entry[Item]] = []
        for entry in islice(self._entries, 0 if since is None else max(0, since + 1 - first), None):
            if wanted(entry.item):
                if len(found) == limit:
                    return Page(found, found[-1].id, True, missed)
                found.append(entry)
            missed = missed or entry.lost > 0
        return Page(found, self.newest, False, missed)

    def latest(self, limit: int, wanted: Callable[[Item], bool] = lambda _item: True) -> Page[Item]:
        """The last ``limit`` wanted entries. Nobody named a place, so nothing was missed."""
        found = list(islice((entry for entry in reversed(self._entries) if wanted(entry.item)), limit))
        return Page(found[::-1], self.newest, False, False)

    def __iter__(self) -> Iterator[Entry[Item]]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class History:
    """One gateway's rings. ``link``: whose pictures tell the events; without one :meth:`heard` is called."""

    def __init__(self, link: Link | None = None, clock_ms: Callable[[], int] = monotonic_ms) -> None:
        self._link = link
        self._clock_ms = clock_ms
        start = f"{clock_ms()}-start"
        self.events: Ring[Happened] = Ring(EVENTS_MAX, start)
        self.decisions: Ring[Decided] = Ring(DECISIONS_MAX, start)
        self._cycle = -1
        self._last: Event | None = None
        self._new_run = False
        self._decisions = 0
        self._on_event: list[Callable[[Entry[Happened]], None]] = []
        self._on_decision: list[Callable[[Entry[Decided]], None]] = []
        if link is not None:
            link.listen(self._on_change)

    def listen(
        self, on_event: Callable[[Entry[Happened]], None], on_decision: Callable[[Entry[Decided]], None]
    ) -> None:
        """Be told, on the loop, of each entry that comes from now on."""
        self._on_event.append(on_event)
        self._on_decision.append(on_decision)

    def decided(self, ask: Ask | Acknowledge, answer: Answer, via: str) -> None:
        """The guardian has answered ``ask``. A heartbeat that was heard is not worth a line."""
        if isinstance(ask, Ask) and ask.verb is Verb.HEARTBEAT and answer.verdict != "refused":
            return
        self._decisions += 1
        now_ms = self._clock_ms()
        decided = Decided(ask, answer, via, now_ms, time.time())
        entry = self.decisions.add(f"{now_ms}-{self._decisions}", decided)
        for told in self._on_decision:
            told(entry)

    def heard(self, snapshot: Snapshot) -> None:
        """Keep what is new in a picture."""
        events = [event for event in snapshot.events if event.number > 0]
        if self._is_new_run(snapshot.cycle, events):
            self._new_run, self._last = True, None
        self._cycle = snapshot.cycle
        seen = 0 if self._last is None else self._last.number
        ahead_s = time.time() - self._clock_ms() / 1_000
        for event in events:
            if event.number > seen:
                happened = Happened(event, event.at_ms / 1_000 + ahead_s, self._new_run)
                entry = self.events.add(f"{event.at_ms}-{event.number}", happened, event.number - seen - 1)
                seen, self._last, self._new_run = event.number, event, False
                for told in self._on_event:
                    told(entry)

    def _is_new_run(self, cycle: int, events: list[Event]) -> bool:
        """Has the guardian begun anew since the last picture? Its cycles or its numbers went back, or a number that is
        known belongs to another event now."""
        if cycle < self._cycle:
            return True
        if self._last is None or not events:
            return False
        same = next((event for event in events if event.number == self._last.number), self._last)
        return events[-1].number < self._last.number or same != self._last

    def _on_change(self, change: Change) -> None:
        if change == "snapshot" and self._link is not None and self._link.snapshot is not None:
            self.heard(self._link.snapshot)
