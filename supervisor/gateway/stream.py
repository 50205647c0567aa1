"""Server-sent events at GET /v1/stream: what changes, what happens and what is decided, while it does.

    id: EVENT,DECISION     where it stands; a reader that comes back says it as Last-Event-ID
    event: state           all, as GET /v1/state without its events: first, and when the guardian comes or goes
    event: change          only what is different now, at most once in TICK_S
    event: event, decision one each, as in /v1/events and /v1/decisions
    event: gap             the place that the reader named is kept no more; what is left follows

Rules
* Work is done once for all readers: a change is found and encoded once, and each stream holds the same bytes.
* A reader that does not read is dropped: after QUEUE_MAX messages or SLOW_S of a full socket, whichever comes first.
* At most STREAMS_MAX streams, ADDRESS_STREAMS of them from one address. Without streams nothing here runs at all.
* Countdowns and ages are no change: they can be counted by whoever reads.

This file must never slow down anything else: nobody waits for a reader but the reader's own task.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from supervisor.gateway import records, shapes
from supervisor.gateway.address import network_of
from supervisor.gateway.history import Decided, Entry, Happened, History
from supervisor.gateway.link import Link, View, monotonic_ms
from supervisor.gateway.problem import HEADERS, Problem
from supervisor.wire import LeaseInfo, TargetState

STREAMS_MAX = 16
ADDRESS_STREAMS = 4
TICK_S = 0.25
KEEP_ALIVE_S = 10.0
QUEUE_MAX = 128  # messages
SLOW_S = 5.0
REPLAY_MAX = 200  # of each, events and decisions; who was away for longer reads the pages
MOVED_MS = 500  # an expiry that moved by more has been renewed; less is the coarseness of a countdown
KEEP_ALIVE = b": still here\n\n"
BEGIN = b"retry: 2000\n\n"

CONTENT_TYPE = "text/event-stream; charset=utf-8"
_encode = msgspec.json.encode
Json = dict[str, Any]


def message(kind: str, body: Json, place: str = "") -> bytes:
    """One event on the wire. JSON has no raw line breaks, so one data line holds it."""
    head = f"id: {place}\n" if place else ""
    return f"{head}event: {kind}\ndata: ".encode() + _encode(body) + b"\n\n"


class Stream:
    """One reader. An ASGI application, because a reader that is gone or slow must be noticed between two messages."""

    def __init__(self, first: bytes, address: str, on_end: Callable[[Stream], None]) -> None:
        self.address = address
        self._on_end = on_end
        self._queue: deque[bytes] = deque([first])
        self._news = asyncio.Event()
        self._over = False

    def push(self, chunk: bytes) -> None:
        """Say this next; a stream whose reader is too far behind ends instead."""
        if len(self._queue) >= QUEUE_MAX:
            self.end()
        else:
            self._queue.append(chunk)
            self._news.set()

    def end(self) -> None:
        """Say nothing more."""
        self._over = True
        self._queue.clear()
        self._news.set()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        watch = asyncio.ensure_future(self._until_gone(receive))
        try:
            async with asyncio.timeout(None) as patience:
                headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                headers += [(b"content-type", CONTENT_TYPE.encode()), (b"x-accel-buffering", b"no")]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await self._talk(send, patience)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            _abort(receive)
            await asyncio.wait([watch], timeout=SLOW_S)  # until the server knows that nobody is there any more
        finally:
            watch.cancel()
            self._on_end(self)

    async def _talk(self, send: Send, patience: asyncio.Timeout) -> None:
        """Until it is over. Raises TimeoutError when the socket has been full for SLOW_S."""
        loop = asyncio.get_running_loop()
        while not self._over:
            chunk = b"".join(self._queue) or KEEP_ALIVE
            self._queue.clear()
            self._news.clear()
            patience.reschedule(loop.time() + SLOW_S)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            patience.reschedule(None)
            if not self._queue and not self._over:
                with contextlib.suppress(TimeoutError):  # no news is a keep-alive
                    await asyncio.wait_for(self._news.wait(), KEEP_ALIVE_S)

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.end()


class Streams:
    """All readers of one gateway."""

    def __init__(self, link: Link, history: History, clock_ms: Callable[[], int] = monotonic_ms) -> None:
        self._link = link
        self._history = history
        self._clock_ms = clock_ms
        self._open: set[Stream] = set()
        self._shown: View | None = None
        self._timer: asyncio.TimerHandle | None = None
        history.listen(self._on_event, self._on_decision)

    def __len__(self) -> int:
        return len(self._open)

    def open(self, address: str, place: str) -> Stream:
        """A stream for a reader who stands at ``place``, or "" who begins now. Raises Problem 429 or 503."""
        network = network_of(address)
        if [stream.address for stream in self._open].count(network) >= ADDRESS_STREAMS:
            remedy = "close a stream first, or share one between the programs of this machine"
            raise Problem(429, "too_many_streams", f"an address has at most {ADDRESS_STREAMS} streams", remedy, 10_000)
        if len(self._open) >= STREAMS_MAX:
            remedy = "ask GET /v1/state every few seconds instead, or try again later"
            raise Problem(503, "too_many_streams", f"there are {STREAMS_MAX} streams already", remedy, 10_000)
        if not self._open:
            self._shown = self._link.view()
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        stream = Stream(self._first(place), network, self._forget)
        self._open.add(stream)
        return stream

    def close(self) -> None:
        """The gateway stops: every stream ends now."""
        for stream in self._open:
            stream.end()

    def _forget(self, stream: Stream) -> None:
        self._open.discard(stream)
        if not self._open and self._timer is not None:
            self._timer.cancel()

    # ---- what is said --------------------------------------------------------------------------------------------
    def _say(self, chunk: bytes) -> None:
        for stream in self._open:
            stream.push(chunk)

    def _place(self) -> str:
        return f"{self._history.events.newest},{self._history.decisions.newest}"

    def _first(self, place: str) -> bytes:
        """The whole state, and what a reader who comes back has not heard yet."""
        parts = [BEGIN, message("state", self._state(), "" if place else self._place())]
        if place:
            after_event, _, after_decision = place.partition(",")
            happened = self._history.events.page(after_event, REPLAY_MAX)
            decided = self._history.decisions.page(after_decision, REPLAY_MAX)
            if happened.missed or decided.missed or happened.more or decided.more:
                lost = {"events": happened.missed or happened.more, "decisions": decided.missed or decided.more}
                parts.append(message("gap", lost))
            parts += [message("event", self._event(entry)) for entry in happened.entries]
            parts += [message("decision", self._decision(entry)) for entry in decided.entries]
            parts.append(f"id: {self._place()}\n\n".encode())  # moves the reader's place and says nothing
        return b"".join(parts)

    def _state(self) -> Json:
        said = shapes.state(self._link)
        said.pop("events")
        return said

    def _event(self, entry: Entry[Happened]) -> Json:
        return records.event(entry, self._clock_ms())

    def _decision(self, entry: Entry[Decided]) -> Json:
        return records.decision(entry, self._clock_ms(), records.codes(self._link.describe))

    def _on_event(self, entry: Entry[Happened]) -> None:
        if self._open:
            self._say(message("event", self._event(entry), self._place()))

    def _on_decision(self, entry: Entry[Decided]) -> None:
        if self._open:
            self._say(message("decision", self._decision(entry), self._place()))

    def _tick(self) -> None:
        if not self._open:
            return
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        before, now = self._shown, self._link.view()
        self._shown = now
        if before is None or now is None or before.describe is not now.describe:
            if before is not now:
                self._say(message("state", self._state()))
        elif before.snapshot is not now.snapshot and (changed := change(before, now)):
            self._say(message("change", changed))


def change(before: View, now: View) -> Json:
    """What is different between two pictures of one guardian. Lists of what acts and of buses are told whole."""
    told, old, new = now.describe, before.snapshot, now.snapshot
    found: Json = {}
    if old.mode != new.mode:
        found["house"] = shapes.house(now)
    if moved := _moved(told.machines, old.machines, new.machines, lambda a, b: (a.state, a.why) != (b.state, b.why)):
        found["machines"] = [machine for machine in shapes.machines(now) if machine["id"] in moved]
    seen = _moved(told.signals, old.readings, new.readings, lambda a, b: (a.value, a.quality) != (b.value, b.quality))
    if seen:
        found["readings"] = shapes.readings(now, seen)
    passed_ms = new.at_ms - old.at_ms
    if moved := _moved(told.targets, old.targets, new.targets, lambda a, b: _differs(a, b, passed_ms)):
        found["targets"] = shapes.targets(now, moved)
    acts = [[(trip.rule, trip.answer, trip.latched) for trip in picture.trips] for picture in (old, new)]
    if acts[0] != acts[1]:
        found["trips"] = shapes.trips(now)
    links = [[(bus.name, bus.connected, bus.link, bus.detail) for bus in picture.buses] for picture in (old, new)]
    if links[0] != links[1]:
        found["buses"] = shapes.buses(now)
    return found


def _moved(
    told: Iterable[Any], old: Iterable[Any], new: Iterable[Any], differs: Callable[[Any, Any], bool]
) -> set[str]:
    return {info.id for info, a, b in zip(told, old, new, strict=True) if a is not b and differs(a, b)}


def _differs(old: TargetState, new: TargetState, passed_ms: int) -> bool:
    """Are two states of a target different in more than the time that has passed?"""

    def still(at: TargetState) -> tuple[object, ...]:
        waits = (at.lo_for_ms is None, at.hi_for_ms is None, at.holds_ms is None)
        return (at.output, at.wanted_by, at.lo, at.hi, at.lo_by, at.hi_by, at.empty_by, at.hunting, *waits)

    leases = _released(old.lease, new.lease, passed_ms) or _released(old.planned, new.planned, passed_ms)
    return still(old) != still(new) or leases


def _released(old: LeaseInfo | None, new: LeaseInfo | None, passed_ms: int) -> bool:
    """Has a lease come, gone, changed hands, or been renewed?"""
    if old is None or new is None:
        return old is not new
    moved_ms = abs(new.expires_in_ms + passed_ms - old.expires_in_ms)
    same = (old.holder, old.kind, old.value) == (new.holder, new.kind, new.value)
    return not same or moved_ms > MOVED_MS


def _abort(receive: Receive) -> None:
    """Cut the connection of a reader that does not read. A polite close would wait for him to take the rest first, and
    ASGI has no other word; the receiving end is a method of the server's own request, which has the transport."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
